// ProducerStateEntry (Kafka 3.9): what a partition knows of one idempotent or transactional producer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/ids.h"
#include "protocol/records/record_batch.h"

namespace moldau::storage {

/// One appended batch, to recognise a duplicate and answer it with its offsets.
struct BatchMetadata {
  std::int32_t last_sequence = -1;
  std::int32_t offset_delta = 0;  ///< last - first offset
  Offset last_offset;
  std::int64_t timestamp = -1;

  [[nodiscard]] Offset first_offset() const noexcept { return last_offset - offset_delta; }
  [[nodiscard]] std::int32_t first_sequence() const noexcept {
    return last_sequence < offset_delta ? static_cast<std::int32_t>(std::int64_t{INT32_MAX} - (offset_delta - last_sequence) + 1) : last_sequence - offset_delta;
  }
};

/// The newest batches, the oldest first: a ring of five.
class RecentBatches {
 public:
  static constexpr std::size_t kKept = 5;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const BatchMetadata& operator[](std::size_t i) const noexcept { return batches_[(first_ + i) % kKept]; }
  [[nodiscard]] const BatchMetadata& back() const noexcept { return (*this)[size_ - 1u]; }
  void push(const BatchMetadata& batch) noexcept {
    if (size_ == kKept) {
      first_ = static_cast<std::uint8_t>((first_ + 1u) % kKept);
      --size_;
    }
    batches_[(first_ + size_) % kKept] = batch;
    ++size_;
  }
  void clear() noexcept { size_ = first_ = 0; }

 private:
  std::array<BatchMetadata, kKept> batches_;
  std::uint8_t first_ = 0;
  std::uint8_t size_ = 0;
};

struct ProducerStateEntry {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = -1;
  std::int64_t last_timestamp = -1;
  std::optional<Offset> current_txn_first_offset;
  RecentBatches batches;

  [[nodiscard]] std::int32_t last_sequence() const noexcept { return batches.empty() ? -1 : batches.back().last_sequence; }
  [[nodiscard]] Offset last_offset() const noexcept { return batches.empty() ? kNoOffset : batches.back().last_offset; }
  /// A new epoch forgets the batches of the old one.
  void set_epoch(ProducerEpoch to) noexcept {
    if (epoch == to) return;
    batches.clear();
    epoch = to;
  }
  void add_batch(ProducerEpoch batch_epoch, const BatchMetadata& batch) noexcept {
    set_epoch(batch_epoch);
    batches.push(batch);
    last_timestamp = batch.timestamp;
  }
  /// The batch with the same epoch and the same first and last sequence, if it is among the last five.
  [[nodiscard]] const BatchMetadata* find_duplicate(ProducerEpoch batch_epoch, std::int32_t first_sequence, std::int32_t last_seq) const noexcept {
    if (batch_epoch != epoch) return nullptr;
    for (std::size_t i = 0; i < batches.size(); ++i)
      if (batches[i].first_sequence() == first_sequence && batches[i].last_sequence == last_seq) return &batches[i];
    return nullptr;
  }
};

/// A transaction that a marker ended.
struct CompletedTxn {
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;  ///< the marker's
  bool aborted = false;
};

}  // namespace moldau::storage
