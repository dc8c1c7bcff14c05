#include "server/coordinator/group/group_offsets.h"

#include <algorithm>

namespace moldau::server {

namespace {

CommittedOffset to_committed(const OffsetToCommit& o, std::int64_t record_offset) {
  CommittedOffset c;
  c.offset = o.offset;
  c.leader_epoch = o.leader_epoch;
  c.metadata = o.metadata;
  c.commit_timestamp_ms = o.commit_timestamp_ms;
  c.expire_timestamp_ms = o.expire_timestamp_ms;
  c.record_offset = record_offset;
  return c;
}

template <class Partitions>
auto lower(Partitions& partitions, std::int32_t partition) {
  return std::lower_bound(partitions.begin(), partitions.end(), partition, [](const auto& entry, std::int32_t p) { return entry.first < p; });
}

TopicPartition key_of(const OffsetToCommit& o) { return TopicPartition{o.topic, o.partition}; }

}  // namespace

void GroupOffsets::put(TopicPartitionView tp, CommittedOffset offset) {
  auto topic = topics_.find(tp.topic);
  if (topic == topics_.end()) topic = topics_.emplace(std::string(tp.topic), Partitions{}).first;
  auto& partitions = topic->second;
  auto at = lower(partitions, tp.partition);
  if (at != partitions.end() && at->first == tp.partition) {
    at->second = std::move(offset);
    return;
  }
  partitions.emplace(at, tp.partition, std::move(offset));
  ++size_;
}

bool GroupOffsets::erase(TopicPartitionView tp) {
  auto topic = topics_.find(tp.topic);
  if (topic == topics_.end()) return false;
  auto at = lower(topic->second, tp.partition);
  if (at == topic->second.end() || at->first != tp.partition) return false;
  topic->second.erase(at);
  if (topic->second.empty()) topics_.erase(topic);
  --size_;
  return true;
}

const CommittedOffset* GroupOffsets::find(TopicPartitionView tp) const {
  const auto topic = topics_.find(tp.topic);
  if (topic == topics_.end()) return nullptr;
  const auto at = lower(topic->second, tp.partition);
  return at != topic->second.end() && at->first == tp.partition ? &at->second : nullptr;
}

void GroupOffsets::prepare(AppendId commit, const std::vector<OffsetToCommit>& offsets) {
  for (const auto& o : offsets) pending_[key_of(o)] = commit;
}

void GroupOffsets::complete(AppendId commit, const std::vector<OffsetToCommit>& offsets, std::int64_t record_offset) {
  for (const auto& o : offsets) {
    const TopicPartitionView tp(o.topic, o.partition);
    const auto staged = pending_.find(tp);
    if (staged == pending_.end()) continue;  // removed while the append was under way
    const auto* current = find(tp);
    if (current == nullptr || current->record_offset <= record_offset) put(tp, to_committed(o, record_offset));
  }
  // Erased after all are put: one commit may name a partition twice, and the last one counts.
  fail(commit, offsets);
}

void GroupOffsets::fail(AppendId commit, const std::vector<OffsetToCommit>& offsets) {
  for (const auto& o : offsets) {
    const auto staged = pending_.find(TopicPartitionView(o.topic, o.partition));
    if (staged != pending_.end() && staged->second == commit) pending_.erase(staged);
  }
}

void GroupOffsets::prepare_transactional(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets) {
  auto& of_producer = transactional_[producer];
  for (const auto& o : offsets) of_producer[key_of(o)] = PendingTransactional{commit, std::nullopt};
}

void GroupOffsets::complete_transactional_append(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets,
                                                 std::int64_t record_offset) {
  const auto of_producer = transactional_.find(producer);
  if (of_producer == transactional_.end()) return;
  for (const auto& o : offsets) {
    const auto at = of_producer->second.find(key_of(o));
    if (at != of_producer->second.end() && at->second.commit == commit) at->second.offset = to_committed(o, record_offset);
  }
}

void GroupOffsets::fail_transactional(ProducerId producer, AppendId commit, const std::vector<OffsetToCommit>& offsets) {
  const auto of_producer = transactional_.find(producer);
  if (of_producer == transactional_.end()) return;
  for (const auto& o : offsets) {
    const auto at = of_producer->second.find(key_of(o));
    if (at != of_producer->second.end() && at->second.commit == commit) of_producer->second.erase(at);
  }
  if (of_producer->second.empty()) transactional_.erase(of_producer);
}

void GroupOffsets::end_transaction(ProducerId producer, bool committed) {
  const auto of_producer = transactional_.find(producer);
  if (of_producer == transactional_.end()) return;
  if (committed) {
    for (auto& [tp, pending] : of_producer->second) {
      if (!pending.offset) continue;  // its append has not come back: the client got no success for it
      const auto* current = find(tp);
      if (current == nullptr || current->record_offset < pending.offset->record_offset) put(tp, std::move(*pending.offset));
    }
  }
  transactional_.erase(of_producer);
}

bool GroupOffsets::has_pending(TopicPartitionView tp) const {
  if (pending_.find(tp) != pending_.end()) return true;
  if (transactional_.empty()) return false;
  const TopicPartition key{std::string(tp.topic), tp.partition};
  return std::any_of(transactional_.begin(), transactional_.end(), [&](const auto& entry) { return entry.second.contains(key); });
}

bool GroupOffsets::remove(TopicPartitionView tp) {
  if (const auto staged = pending_.find(tp); staged != pending_.end()) pending_.erase(staged);
  if (!transactional_.empty()) {
    const TopicPartition key{std::string(tp.topic), tp.partition};
    for (auto at = transactional_.begin(); at != transactional_.end();) {
      at->second.erase(key);
      at = at->second.empty() ? transactional_.erase(at) : std::next(at);
    }
  }
  return erase(tp);
}

std::vector<TopicPartition> GroupOffsets::partitions() const {
  std::vector<TopicPartition> all;
  all.reserve(size_);
  for (const auto& [topic, partitions] : topics_)
    for (const auto& [partition, offset] : partitions) all.push_back(TopicPartition{topic, partition});
  return all;
}

std::vector<TopicPartition> GroupOffsets::remove_if(const std::function<bool(std::string_view, const CommittedOffset&)>& expired) {
  std::vector<TopicPartition> removed;
  for (auto topic = topics_.begin(); topic != topics_.end();) {
    auto& partitions = topic->second;
    const auto gone = std::remove_if(partitions.begin(), partitions.end(), [&](const auto& entry) {
      if (pending_.find(TopicPartitionView(topic->first, entry.first)) != pending_.end()) return false;
      if (!expired(topic->first, entry.second)) return false;
      removed.push_back(TopicPartition{topic->first, entry.first});
      return true;
    });
    size_ -= static_cast<std::size_t>(partitions.end() - gone);
    partitions.erase(gone, partitions.end());
    topic = partitions.empty() ? topics_.erase(topic) : std::next(topic);
  }
  return removed;
}

void GroupOffsets::load(TopicPartitionView tp, CommittedOffset offset) { put(tp, std::move(offset)); }

void GroupOffsets::load_transactional(ProducerId producer, TopicPartitionView tp, CommittedOffset offset) {
  transactional_[producer][TopicPartition{std::string(tp.topic), tp.partition}] = PendingTransactional{0, std::move(offset)};
}

void GroupOffsets::unload_transactional(ProducerId producer, TopicPartitionView tp) {
  const auto of_producer = transactional_.find(producer);
  if (of_producer == transactional_.end()) return;
  of_producer->second.erase(TopicPartition{std::string(tp.topic), tp.partition});
  if (of_producer->second.empty()) transactional_.erase(of_producer);
}

}  // namespace moldau::server
