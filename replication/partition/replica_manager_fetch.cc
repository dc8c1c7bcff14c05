// Fetch: one pass over the partitions in their order within the byte budgets, then, if there is not enough, a wait for news of any of them
// (Kafka 3.9 ReplicaManager.fetchMessages, DelayedFetch).
#include <algorithm>

#include "replication/delayed/watch_set.h"
#include "replication/delayed/waiter.h"
#include "replication/partition/replica_manager.h"

namespace moldau::replication {

namespace {

storage::FetchIsolation isolation_of(const FetchParams& params) {
  if (params.replica != BrokerId(-1)) return storage::FetchIsolation::log_end;
  return params.read_committed ? storage::FetchIsolation::txn_committed : storage::FetchIsolation::high_watermark;
}

WaitFor awaited(storage::FetchIsolation isolation) {
  switch (isolation) {
    case storage::FetchIsolation::log_end: return WaitFor::log_end;
    case storage::FetchIsolation::txn_committed: return WaitFor::last_stable;
    default: return WaitFor::high_watermark;
  }
}

Offset bound(const PartitionReadResult& r, WaitFor what) {
  switch (what) {
    case WaitFor::log_end: return r.log_end_offset;
    case WaitFor::last_stable: return r.last_stable_offset;
    default: return r.high_watermark;
  }
}

std::int32_t clamp_budget(std::int64_t budget) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(budget, INT32_MIN, INT32_MAX)); }

}  // namespace

void ReplicaManager::read_one(const FetchParams& params, const FetchPartition& asked, std::int32_t budget, bool min_one, bool first_read,
                              FetchResult& result) const {
  if (asked.refused != ErrorCode::none) {
    result.read = PartitionReadResult{};
    result.read.error = asked.refused;
    return;  // told with the others, which are waited for all the same
  }
  if (!result.partition) {
    const ErrorCode missing = find(asked.tp, result.partition);
    if (missing != ErrorCode::none) {
      result.read = PartitionReadResult{};
      result.read.error = missing;
      return;
    }
  }
  if (first_read) result.partition->metrics().count_fetch_request();
  if (std::min(asked.max_bytes, budget) < 0) {
    // Kafka 3.9 LocalLog.read throws on it.
    result.read = PartitionReadResult{};
    result.read.error = ErrorCode::unknown_server_error;
    return;
  }
  PartitionRead read;
  read.fetch_offset = asked.fetch_offset;
  read.follower_log_start = asked.log_start_offset;
  read.current_leader_epoch = asked.current_leader_epoch;
  read.last_fetched_epoch = asked.last_fetched_epoch;
  read.topic_id = asked.id;
  read.max_bytes = std::min(asked.max_bytes, budget);
  read.isolation = isolation_of(params);
  read.min_one_batch = min_one;
  read.leader_only = params.leader_only;
  read.replica = params.replica;
  result.partition->read(read, first_read, result.read);
  // From v3 on a consumer never gets a cut first batch: it gets nothing and, being first in the next answer, gets it whole then.
  if (!params.hard_max_bytes && result.read.data.first_entry_incomplete) {
    result.read.data.slice = storage::FileSlice{};
    result.read.data.first_entry_incomplete = false;
  }
  if (result.read.error == ErrorCode::unknown_server_error || result.read.error == ErrorCode::corrupt_message) result.partition->metrics().count_failed_fetch();
}

ReplicaManager::ReadTotals ReplicaManager::read_all(const FetchParams& params, std::span<const FetchPartition> partitions,
                                                    std::span<FetchResult> results) const {
  ReadTotals totals;
  std::int64_t budget = params.max_bytes;
  bool min_one = !params.hard_max_bytes;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    read_one(params, partitions[i], clamp_budget(budget), min_one, true, results[i]);
    const PartitionReadResult& r = results[i].read;
    const std::int64_t size = r.data.slice.size;
    // Once a partition gave something, the limits hold for those behind it.
    if (size > 0) min_one = false;
    budget = std::max<std::int64_t>(0, budget - size);
    totals.bytes += size;
    if (partitions[i].refused != ErrorCode::none) continue;
    ++totals.readable;
    if (r.error != ErrorCode::none || r.diverging) totals.answer_now = true;
  }
  return totals;
}

Awaitable<void> ReplicaManager::fetch(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results) {
  const ReadTotals totals = read_all(params, partitions, results);
  if (params.max_wait <= Millis(0) || totals.readable == 0 || totals.answer_now || totals.bytes >= params.min_bytes) co_return;
  co_await wait_for_data(params, partitions, results, totals.bytes);
}

Awaitable<void> ReplicaManager::wait_for_data(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results,
                                              std::int64_t bytes) {
  const SteadyTime deadline = timers_.now() + params.max_wait;
  const WaitFor what = awaited(isolation_of(params));
  Waiter waiter(timers_);
  WatchSet watches(partitions.size());
  waiter.set_needed(params.min_bytes - bytes);

  bool answer_now = false;
  const auto read_again = [&](std::size_t i) {
    const std::int64_t before = results[i].read.data.slice.size;
    const std::int64_t others = bytes - before;
    read_one(params, partitions[i], clamp_budget(std::max<std::int64_t>(0, params.max_bytes - others)), !params.hard_max_bytes && others == 0, false, results[i]);
    bytes = others + results[i].read.data.slice.size;
    if (results[i].read.error != ErrorCode::none || results[i].read.diverging) answer_now = true;
  };

  for (std::size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i].refused != ErrorCode::none) continue;
    const Offset seen = bound(results[i].read, what);
    const Offset threshold = std::max(seen, partitions[i].fetch_offset) + 1;
    results[i].partition->waiters().add(watches[i], waiter, what, threshold);
    // What came between the read and the watch.
    if (results[i].partition->reached(what) >= threshold) read_again(i);
  }
  bool expired = false;
  while (!answer_now && bytes < params.min_bytes && !expired) {
    waiter.set_needed(params.min_bytes - bytes);
    bool news = false;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (!watches[i].take_fired()) continue;
      news = true;
      read_again(i);
    }
    if (news) continue;
    expired = co_await waiter.wait_until(deadline) != WaitOutcome::woken;
  }
  if (expired) (params.replica >= BrokerId(0) ? expired_followers_ : expired_consumers_).add();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    watches[i].unlink();
    if (results[i].partition && !results[i].read.diverging) results[i].partition->refresh_offsets(results[i].read);
  }
}

}  // namespace moldau::replication
