// Look-ups: offsets by time and epoch, DeleteRecords, producers.
#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/delayed/watch_set.h"
#include "replication/delayed/waiter.h"
#include "replication/partition/replica_manager.h"

namespace moldau::replication {

namespace {
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kMaxTimestamp = -3;
constexpr std::int64_t kEarliestLocal = -4;
constexpr std::int64_t kLatestTiered = -5;
constexpr std::int64_t kEarliestPendingUpload = -6;
}  // namespace

Result<std::optional<storage::TimestampAndOffset>> ReplicaManager::offset_for_timestamp(TopicPartitionView tp, const OffsetLookup& lookup) const {
  std::shared_ptr<Partition> p;
  if (const ErrorCode missing = find(tp, p); missing != ErrorCode::none) return Error(missing);
  const Partition::Access a = p->access(lookup.current_leader_epoch, lookup.leader_only);
  if (a.error != ErrorCode::none) return Error(a.error);
  std::optional<storage::TimestampAndOffset> by_time;
  if (lookup.timestamp >= 0 || lookup.timestamp == kMaxTimestamp) {
    auto found = a.log->offset_by_timestamp(lookup.timestamp);
    if (!found) return found;
    by_time = *found;
  }
  // Behind the search: a record that a client may see by now is not withheld because it came after the question.
  const storage::LogOffsets at = a.log->offsets();
  const Offset last = !lookup.read_committed ? at.log_end : *lookup.read_committed ? at.last_stable : at.high_watermark;
  // A new leader whose high watermark lags behind its epoch's start cannot tell a client what the last offset is (KIP-207).
  const bool lagging = lookup.read_committed && a.epoch_start && *a.epoch_start > at.high_watermark;
  switch (lookup.timestamp) {
    case kLatest: {
      if (lagging) return Error(ErrorCode::offset_not_available);
      storage::TimestampAndOffset found;
      found.offset = last;
      found.leader_epoch = a.leader_epoch;
      return std::optional(found);
    }
    case kEarliest:
    case kEarliestLocal:
      return a.log->offset_by_timestamp(lookup.timestamp);
    case kLatestTiered:
    case kEarliestPendingUpload:
      return std::optional<storage::TimestampAndOffset>();  // nothing is ever tiered
    default: {
      if (by_time && by_time->offset < last) return by_time;
      if (lagging) return Error(ErrorCode::offset_not_available);
      return std::optional<storage::TimestampAndOffset>();
    }
  }
}

Result<std::vector<Offset>> ReplicaManager::legacy_offsets(TopicPartitionView tp, std::int64_t timestamp, std::int32_t max, bool from_consumer,
                                                           bool leader_only) const {
  std::shared_ptr<Partition> p;
  if (const ErrorCode missing = find(tp, p); missing != ErrorCode::none) return Error(missing);
  const Partition::Access a = p->access(kNoLeaderEpoch, leader_only);
  if (a.error != ErrorCode::none) return Error(a.error);
  auto all = a.log->legacy_offsets_before(timestamp, max);
  if (!all || !from_consumer) return all;
  const Offset hw = a.log->high_watermark();
  const auto visible = std::find_if(all->begin(), all->end(), [hw](Offset o) { return o <= hw; });
  if (visible == all->begin()) return all;
  all->erase(all->begin(), visible);
  all->insert(all->begin(), hw);
  return all;
}

EpochEnd ReplicaManager::last_offset_for_leader_epoch(TopicPartitionView tp, LeaderEpoch current, LeaderEpoch requested) const {
  EpochEnd out;
  std::shared_ptr<Partition> p;
  out.error = find(tp, p);
  if (out.error != ErrorCode::none) return out;
  const Partition::Access a = p->access(current, true);
  out.error = a.error;
  if (out.error != ErrorCode::none) return out;
  std::tie(out.epoch, out.end_offset) = a.log->end_offset_for_epoch(requested);
  return out;
}

Awaitable<void> ReplicaManager::delete_records(std::span<const std::pair<TopicPartitionView, Offset>> offsets, Millis timeout,
                                               std::span<DeleteRecordsResult> results) {
  const SteadyTime deadline = timers_.now() + timeout;
  std::vector<std::shared_ptr<Partition>> partitions(offsets.size());
  std::vector<Offset> required(offsets.size());
  Waiter waiter(timers_);
  WatchSet watches(offsets.size());
  std::vector<std::size_t> pending;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    DeleteRecordsResult& out = results[i];
    if (out.error != ErrorCode::none) continue;
    const auto& [tp, before] = offsets[i];
    if (is_internal_topic(tp.topic)) {
      out.error = ErrorCode::invalid_topic_exception;
      continue;
    }
    out.error = find(tp, partitions[i]);
    if (out.error != ErrorCode::none) continue;
    const auto done = partitions[i]->delete_records(before);
    if (!done) {
      out.error = done.error().code;
      MOLDAU_LOG(replica, debug, "DeleteRecords of {}: {} {}", tp, out.error, done.error().message);
      continue;
    }
    out.low_watermark = done->low_watermark;
    required[i] = done->requested;
    if (done->low_watermark >= done->requested) continue;
    partitions[i]->waiters().add(watches[i], waiter, WaitFor::low_watermark, done->requested);
    pending.push_back(i);
  }
  std::optional<Purgatory::Stay> stay;
  if (!pending.empty()) stay.emplace(delayed_deletes_, pending.size());
  bool expired = false;
  while (!pending.empty()) {
    std::erase_if(pending, [&](std::size_t i) {
      const auto low = partitions[i]->low_watermark();
      if (!low) {
        results[i] = DeleteRecordsResult{ErrorCode::not_leader_or_follower, kNoOffset};
        return true;
      }
      results[i].low_watermark = *low;
      if (*low >= required[i]) return true;
      if (expired) results[i].error = ErrorCode::request_timed_out;
      return expired;
    });
    if (pending.empty()) break;
    expired = co_await waiter.wait_until(deadline) != WaitOutcome::woken;
  }
}

Result<std::vector<storage::ActiveProducer>> ReplicaManager::active_producers(TopicPartitionView tp) const {
  std::shared_ptr<Partition> p;
  if (const ErrorCode missing = find(tp, p); missing != ErrorCode::none) return Error(missing);
  const Partition::Access a = p->access(kNoLeaderEpoch, true);
  if (a.error != ErrorCode::none) return Error(a.error);
  return a.log->active_producers();
}

}  // namespace moldau::replication
