// Fetch: one pass over the partitions in their order within the byte budgets, then, if there is not enough, a wait for news of any of them
// (Kafka 3.9 ReplicaManager.fetchMessages, DelayedFetch). What is cached is read on the caller's thread; a partition whose index, batch headers or descriptor
// must come from the disk is read on the blocking pool.
#include <boost/container/small_vector.hpp>

#include <algorithm>

#include "replication/delayed/watch_set.h"
#include "replication/delayed/waiter.h"
#include "replication/partition/replica_manager.h"
#include "storage/io/offload.h"

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

/// The answer does not wait for more: an error, a divergence, or data of an older segment, behind which there surely is more (Kafka 3.9 DelayedFetch, case F).
bool ends_wait(const PartitionReadResult& r) { return r.error != ErrorCode::none || r.diverging || r.data.on_older_segment; }

std::int32_t clamp_budget(std::int64_t budget) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(budget, INT32_MIN, INT32_MAX)); }

}  // namespace

void ReplicaManager::read_one(const FetchParams& params, const FetchPartition& asked, const ReadLimits& limits, storage::ColdRead cold, FetchResult& result) const {
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
  PartitionRead read;
  read.fetch_offset = asked.fetch_offset;
  read.follower_log_start = asked.log_start_offset;
  read.current_leader_epoch = asked.current_leader_epoch;
  read.last_fetched_epoch = asked.last_fetched_epoch;
  read.topic_id = asked.id;
  read.max_bytes = std::min(asked.max_bytes, limits.budget);
  read.isolation = isolation_of(params);
  read.min_one_batch = limits.min_one_batch;
  read.leader_only = params.leader_only;
  read.replica = params.replica;
  read.cold = cold;
  result.partition->read(read, limits.first_read, result.read);
  // From v3 on a consumer never gets a cut first batch: it gets nothing and, being first in the next answer, gets it whole then.
  if (!params.hard_max_bytes && result.read.data.first_entry_incomplete) {
    result.read.data.slice = storage::FileSlice{};
    result.read.data.first_entry_incomplete = false;
  }
  if (result.read.error == ErrorCode::unknown_server_error || result.read.error == ErrorCode::corrupt_message) result.partition->metrics().count_failed_fetch();
}

Awaitable<void> ReplicaManager::read_from_disk(const FetchParams& params, const FetchPartition& asked, ReadLimits limits, FetchResult& result) const {
  auto work = [this, &params, &asked, &limits, &result] {
    read_one(params, asked, limits, storage::ColdRead::wait, result);
    return true;
  };
  co_await storage::offload(deps_.blocking, std::move(work));
}

Awaitable<ReplicaManager::ReadTotals> ReplicaManager::read_all(const FetchParams& params, std::span<const FetchPartition> partitions,
                                                               std::span<FetchResult> results) const {
  ReadTotals totals;
  ReadLimits limits;
  limits.first_read = true;
  limits.min_one_batch = !params.hard_max_bytes;
  std::int64_t budget = params.max_bytes;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    limits.budget = clamp_budget(budget);
    read_one(params, partitions[i], limits, storage::ColdRead::refuse, results[i]);
    if (results[i].read.needs_disk) co_await read_from_disk(params, partitions[i], limits, results[i]);
    const PartitionReadResult& r = results[i].read;
    const std::int64_t size = r.data.slice.size;
    // Once a partition gave something, the limits hold for those behind it.
    if (size > 0) limits.min_one_batch = false;
    budget = std::max<std::int64_t>(0, budget - size);
    totals.bytes += size;
    if (partitions[i].refused != ErrorCode::none) continue;
    if (results[i].partition) results[i].partition->metrics().count_fetch_request();
    ++totals.readable;
    if (ends_wait(r)) totals.answer_now = true;
  }
  co_return totals;
}

Awaitable<void> ReplicaManager::fetch(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results) {
  const ReadTotals totals = co_await read_all(params, partitions, results);
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

  std::size_t watched = 0;
  boost::container::small_vector<std::size_t, 4> to_read;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i].refused != ErrorCode::none) continue;
    const Offset seen = bound(results[i].read, what);
    const Offset threshold = std::max(seen, partitions[i].fetch_offset) + 1;
    results[i].partition->waiters().add(watches[i], waiter, what, threshold);
    ++watched;
    // What came between the read and the watch.
    if (results[i].partition->reached(what) >= threshold) to_read.push_back(i);
  }
  const Purgatory::Stay stay(delayed_fetches_, watched);
  bool answer_now = false;
  bool expired = false;
  while (true) {
    for (const std::size_t i : to_read) {
      FetchResult& result = results[i];
      const std::int64_t others = bytes - static_cast<std::int64_t>(result.read.data.slice.size);
      ReadLimits limits;
      limits.budget = clamp_budget(std::max<std::int64_t>(0, params.max_bytes - others));
      limits.min_one_batch = !params.hard_max_bytes && others == 0;
      read_one(params, partitions[i], limits, storage::ColdRead::refuse, result);
      if (result.read.needs_disk) co_await read_from_disk(params, partitions[i], limits, result);
      bytes = others + static_cast<std::int64_t>(result.read.data.slice.size);
      if (ends_wait(result.read)) answer_now = true;
    }
    if (answer_now || expired || bytes >= params.min_bytes) break;
    waiter.set_needed(params.min_bytes - bytes);
    to_read.clear();
    for (std::size_t i = 0; i < partitions.size(); ++i)
      if (watches[i].take_fired()) to_read.push_back(i);
    if (!to_read.empty()) continue;
    expired = co_await waiter.wait_until(deadline) != WaitOutcome::woken;
  }
  if (expired) (params.replica >= BrokerId(0) ? expired_followers_ : expired_consumers_).add();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    watches[i].unlink();
    if (results[i].partition && !results[i].read.diverging) results[i].partition->refresh_offsets(results[i].read);
  }
}

}  // namespace moldau::replication
