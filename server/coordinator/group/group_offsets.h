// GroupOffsets: the committed offsets of one group (the offset half of Kafka 3.9 GroupMetadata).
//
// An offset is visible once its record is committed to the log. Until then a plain commit is pending, a transactional one is
// pending until its producer's marker. Each offset remembers where its record stands in the log: of a plain and a transactional
// commit of one partition the one later in the log wins, whatever the order in which they complete.
// Independent of the group's protocol: the classic and the KIP-848 group hold one each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/base/ids.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server {

/// An offset as the log holds it.
struct CommittedOffset {
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int64_t commit_timestamp_ms = -1;
  std::optional<std::int64_t> expire_timestamp_ms;
  std::int64_t record_offset = -1;  ///< Base offset of its batch in `__consumer_offsets`.
};

class GroupOffsets {
 public:
  /// Partitions of a topic, sorted: few and small, so a flat array.
  using Partitions = std::vector<std::pair<std::int32_t, CommittedOffset>>;
  using Topics = std::map<std::string, Partitions, std::less<>>;

  // ---- plain commits ----
  void prepare(AppendId commit, const std::vector<OffsetToCommit>& offsets);
  /// The records of `commit` are in the log at `record_offset`. What was removed in between stays removed.
  void complete(AppendId commit, const std::vector<OffsetToCommit>& offsets, std::int64_t record_offset);
  void fail(AppendId commit, const std::vector<OffsetToCommit>& offsets);

  // ---- transactional commits ----
  void prepare_transactional(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets);
  void complete_transactional_append(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets, std::int64_t record_offset);
  void fail_transactional(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets);
  /// The producer's marker is in the log: its pending offsets become visible, or vanish.
  void end_transaction(ProducerId producer, bool committed);
  [[nodiscard]] bool has_pending_from(ProducerId producer) const { return transactional_.contains(producer); }

  // ---- reading ----
  [[nodiscard]] const CommittedOffset* find(TopicPartitionView tp) const;
  [[nodiscard]] const Topics& topics() const noexcept { return topics_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// A commit of this partition is under way (KIP-447: OffsetFetch with require_stable answers 88).
  [[nodiscard]] bool has_pending(TopicPartitionView tp) const;
  /// Nothing committed and nothing pending.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0 && pending_.empty() && transactional_.empty(); }

  // ---- removing ----
  /// Removes the offset and what is pending for it. True when a committed offset was there.
  bool remove(TopicPartitionView tp);
  /// All committed partitions.
  [[nodiscard]] std::vector<TopicPartition> partitions() const;
  /// Removes and returns the offsets without a plain commit under way for which `expired` says so.
  std::vector<TopicPartition> remove_if(const std::function<bool(std::string_view topic, const CommittedOffset&)>& expired);

  // ---- loading ----
  /// The offset stands in the log; a later one for the same partition replaces it.
  void load(TopicPartitionView tp, CommittedOffset offset);
  void load_transactional(ProducerId producer, TopicPartitionView tp, CommittedOffset offset);
  void unload(TopicPartitionView tp) { erase(tp); }
  void unload_transactional(ProducerId producer, TopicPartitionView tp);

 private:
  struct PendingTransactional {
    AppendId commit = 0;
    std::optional<CommittedOffset> offset;  ///< Nothing until its record is in the log.
  };
  using TransactionalOffsets = std::map<TopicPartition, PendingTransactional, std::less<>>;

  void put(TopicPartitionView tp, CommittedOffset offset);
  bool erase(TopicPartitionView tp);

  Topics topics_;
  std::size_t size_ = 0;
  std::unordered_map<TopicPartition, AppendId, TopicPartitionHash, TopicPartitionEqual> pending_;
  std::unordered_map<ProducerId, TransactionalOffsets> transactional_;
};

}  // namespace moldau::server
