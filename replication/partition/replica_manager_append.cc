// Appends of a leader, in two phases: Produce, and the coordinators' own records.
#include <boost/container/small_vector.hpp>

#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/delayed/watch_set.h"
#include "replication/delayed/waiter.h"
#include "replication/partition/replica_manager.h"

namespace moldau::replication {

namespace {

/// Errors that are the client's business, as Kafka 3.9 ReplicaManager.appendToLocalLog sorts them: not counted as failed requests.
bool is_expected(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::corrupt_message:
    case ErrorCode::kafka_storage_error:
      return true;
    default:
      return false;
  }
}

bool is_appended(const PartitionAppendResult& r) { return r.error == ErrorCode::none && r.partition && r.info.last_offset >= Offset(0); }

}  // namespace

Awaitable<void> ReplicaManager::append_records(const AppendOptions& options, std::span<const PartitionRecords> records, std::span<PartitionAppendResult> results) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const PartitionRecords& in = records[i];
    PartitionAppendResult& out = results[i];
    if (out.error != ErrorCode::none) continue;  // refused by the caller
    if (!options.internal_topics_allowed && is_internal_topic(in.tp.topic)) {
      out.error = ErrorCode::invalid_topic_exception;
      out.message = fmt::format("Cannot append to internal topic {}", in.tp.topic);
      continue;
    }
    out.error = find(in.tp, out.partition);
    if (out.error != ErrorCode::none) continue;
    out.partition->metrics().count_produce_request();
    if (!out.partition->is_consistent(in.id)) {
      out.error = ErrorCode::inconsistent_topic_id;
      continue;
    }
    PartitionAppend append;
    append.records = in.records;
    append.origin = options.origin;
    append.acks = options.acks;
    append.produce_version = options.produce_version;
    append.defer_flush = true;
    auto appended = co_await out.partition->append_as_leader(append);
    if (appended) {
      out.info = *appended;
      out.partition->metrics().count_appended(static_cast<std::uint64_t>(out.info.valid_bytes), static_cast<std::uint64_t>(out.info.records));
      continue;
    }
    storage::AppendError error = std::move(appended).error();
    out.error = error.code;
    out.message = std::move(error.message);
    out.record_errors = std::move(error.record_errors);
    out.info.log_start_offset = kNoOffset;
    if (out.error == ErrorCode::message_too_large) out.partition->metrics().count_rejected(in.records.size());
    if (!is_expected(out.error)) {
      out.partition->metrics().count_failed_produce();
      MOLDAU_LOG(replica, debug, "append to {} refused: {} {}", in.tp, out.error, out.message);
    }
  }
}

bool ReplicaManager::needs_replication(const AppendOptions& options, std::span<PartitionAppendResult> results) {
  if (options.acks == 0) return false;
  for (const PartitionAppendResult& r : results) {
    if (!is_appended(r)) continue;
    if (options.acks != -1 ? !r.info.durable : r.partition->check_replicated(r.info.last_offset + 1) != ErrorCode::none) return true;
  }
  return false;
}

Awaitable<void> ReplicaManager::wait_replicated(const AppendOptions& options, std::span<PartitionAppendResult> results) {
  if (options.acks != -1) {
    // The syncs of all partitions are under way: who waits for the first has waited for the others.
    for (PartitionAppendResult& r : results) {
      if (!is_appended(r) || r.info.durable) continue;
      const auto waited = co_await r.partition->wait_durable(r.info.last_offset + 1);
      if (waited != ErrorCode::none) r.error = waited;
    }
    co_return;
  }
  const SteadyTime deadline = timers_.now() + options.timeout;
  Waiter waiter(timers_);
  WatchSet watches(results.size());
  boost::container::small_vector<std::size_t, 4> pending;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!is_appended(results[i])) continue;
    results[i].partition->waiters().add(watches[i], waiter, WaitFor::high_watermark, results[i].info.last_offset + 1);
    pending.push_back(i);
  }
  const Purgatory::Stay stay(delayed_produces_, pending.size());
  bool expired = false;
  while (true) {
    const auto resolved = std::remove_if(pending.begin(), pending.end(), [&](std::size_t i) {
      const auto status = results[i].partition->check_replicated(results[i].info.last_offset + 1);
      if (status) results[i].error = *status;
      if (!status && expired) results[i].error = ErrorCode::request_timed_out;
      if (status) watches[i].unlink();
      return status.has_value();
    });
    pending.erase(resolved, pending.end());
    if (pending.empty() || expired) break;
    expired = co_await waiter.wait_until(deadline) != WaitOutcome::woken;
  }
}

}  // namespace moldau::replication
