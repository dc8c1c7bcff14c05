// ProducerStateManager and ProducerAppendInfo (Kafka 3.9): sequence numbers, epochs and open transactions of a partition's producers (KIP-98).
//
// Pure memory; the log calls it under its lock and keeps the snapshot files (ProducerSnapshots). State covers offsets below map_end().
// Transactions: `ongoing` have no marker yet; `unreplicated` have one at or above the high watermark. The first offset of either is the first
// unstable offset, which bounds readers of committed data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/control_record.h"
#include "storage/types/log_types.h"
#include "storage/producer_state/producer_state_entry.h"

namespace moldau::storage {

/// The changes that one append makes to one producer; checked first, applied after the write.
class ProducerAppendInfo {
 public:
  ProducerAppendInfo(TopicPartitionView partition, ProducerId id, const ProducerStateEntry* current, AppendOrigin origin);

  /// Checks a data batch and takes it in. `first_offset` is where it will lie. Errors: INVALID_PRODUCER_EPOCH 47, OUT_OF_ORDER_SEQUENCE_NUMBER 45,
  /// INVALID_TXN_STATE 48 (replicated batches are taken with any epoch and sequence).
  Status append_data(const protocol::RecordBatchView& batch, Offset first_offset);
  /// Checks a transaction marker. Errors: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED 52.
  Result<std::optional<CompletedTxn>> append_marker(const protocol::EndTransactionMarker& marker, ProducerEpoch epoch, Offset offset, std::int64_t timestamp);

  [[nodiscard]] const ProducerStateEntry& updated() const noexcept { return updated_; }
  [[nodiscard]] ProducerId producer_id() const noexcept { return updated_.id; }
  /// First offsets of the transactions that began.
  [[nodiscard]] const std::vector<Offset>& started() const noexcept { return started_; }

 private:
  Status check_epoch(ProducerEpoch epoch, Offset offset) const;
  Status check_sequence(ProducerEpoch epoch, std::int32_t first_sequence, Offset offset) const;
  [[nodiscard]] std::string partition_text() const;

  TopicPartitionView partition_;
  AppendOrigin origin_;
  ProducerEpoch current_epoch_ = kNoProducerEpoch;   ///< before this append
  std::int32_t current_last_sequence_ = -1;
  ProducerStateEntry updated_;  ///< holds only the batches of this append
  std::vector<Offset> started_;
};

class ProducerStateManager {
 public:
  explicit ProducerStateManager(std::int64_t expiration_ms) : expiration_ms_(expiration_ms) {}
  /// producer.id.expiration.ms has changed.
  void set_expiration(std::int64_t expiration_ms) noexcept { expiration_ms_ = expiration_ms; }

  [[nodiscard]] const ProducerStateEntry* find(ProducerId id) const;
  [[nodiscard]] bool empty() const noexcept { return producers_.empty() && unreplicated_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return producers_.size(); }
  [[nodiscard]] std::vector<ActiveProducer> active() const;

  /// Takes in what was appended.
  void update(const ProducerAppendInfo& info);
  /// Moves the transaction from ongoing to unreplicated. False when it is not known (its start was truncated or deleted).
  bool complete(const CompletedTxn& txn);
  /// The last stable offset once `txn` is complete, before it is: what the transaction index wants.
  [[nodiscard]] Offset last_stable_offset(const CompletedTxn& txn) const;
  /// First offset of the oldest transaction that is open or not replicated.
  [[nodiscard]] std::optional<Offset> first_unstable_offset() const;
  void on_high_watermark(Offset high_watermark);
  void on_log_start(Offset log_start);

  [[nodiscard]] Offset map_end() const noexcept { return map_end_; }
  void set_map_end(Offset to) noexcept { map_end_ = to; }
  /// State up to which a snapshot exists; a new one is worth taking when map_end() is above it.
  [[nodiscard]] Offset last_snapshot() const noexcept { return last_snapshot_; }
  void set_last_snapshot(Offset to) noexcept { last_snapshot_ = to; }
  [[nodiscard]] bool snapshot_due() const noexcept { return map_end_ > last_snapshot_; }

  void clear();
  /// Entries of a snapshot; those that expired are skipped.
  void load(const std::vector<ProducerStateEntry>& entries, std::int64_t now_ms);
  /// Forgets idle producers without an open transaction; returns how many.
  std::size_t expire(std::int64_t now_ms);
  [[nodiscard]] std::vector<ProducerStateEntry> entries() const;

 private:
  struct Txn {
    ProducerId producer_id;
    Offset last_offset = kNoOffset;
  };
  [[nodiscard]] bool expired(const ProducerStateEntry& entry, std::int64_t now_ms) const;
  void drop_unreplicated_below(Offset offset);

  std::int64_t expiration_ms_;
  std::unordered_map<ProducerId, ProducerStateEntry> producers_;
  std::map<Offset, Txn> ongoing_;       ///< by first offset
  std::map<Offset, Txn> unreplicated_;  ///< by first offset
  Offset map_end_{0};
  Offset last_snapshot_{0};
};

}  // namespace moldau::storage
