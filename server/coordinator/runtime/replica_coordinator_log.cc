#include "server/coordinator/runtime/replica_coordinator_log.h"

#include "replication/partition/replica_manager.h"
#include "storage/io/read_slice.h"
#include "storage/log/log.h"

namespace moldau::server {

namespace {

/// What phase two of an append needs.
struct Waiting {
  replication::AppendOptions options;
  replication::PartitionAppendResult result;
};

}  // namespace

Awaitable<CoordinatorLog::Appended> ReplicaCoordinatorLog::append(std::int32_t partition, Bytes batch, bool all_replicas) {
  replication::AppendOptions options;
  options.acks = all_replicas ? std::int16_t{-1} : std::int16_t{0};
  options.timeout = timeout_;
  options.internal_topics_allowed = true;
  options.origin = storage::AppendOrigin::coordinator;
  replication::PartitionRecords records;
  records.tp = TopicPartitionView(topic_, partition);
  records.records = batch;
  replication::PartitionAppendResult result;
  co_await replicas_.append_records(options, std::span(&records, 1), std::span(&result, 1));

  Appended appended;
  appended.error = result.error;
  appended.base_offset = result.info.first_offset;
  if (replication::ReplicaManager::needs_replication(options, std::span(&result, 1))) {
    auto waiting = std::make_shared<Waiting>();
    waiting->options = options;
    waiting->result = std::move(result);
    appended.waits = std::move(waiting);
  }
  co_return appended;
}

Awaitable<ErrorCode> ReplicaCoordinatorLog::wait_committed(Appended appended) {
  if (!appended.waits) co_return appended.error;
  auto& waiting = *static_cast<Waiting*>(appended.waits.get());
  co_await replicas_.wait_replicated(waiting.options, std::span(&waiting.result, 1));
  co_return waiting.result.error;
}

Result<CoordinatorLog::Range> ReplicaCoordinatorLog::range(std::int32_t partition) {
  const auto log = replicas_.leader_log(TopicPartitionView(topic_, partition));
  if (!log) return Error(ErrorCode::not_leader_or_follower, "not the leader");
  return Range{log->log_start_offset(), log->log_end_offset()};
}

Status ReplicaCoordinatorLog::read(std::int32_t partition, Offset from, std::int32_t max_bytes, std::vector<std::byte>& into) {
  const auto log = replicas_.leader_log(TopicPartitionView(topic_, partition));
  if (!log) return Error(ErrorCode::not_leader_or_follower, "not the leader");
  const auto found = log->read(from, max_bytes, storage::FetchIsolation::log_end, true);
  if (!found) return found.error();
  into.resize(found->slice.size);
  const auto got = storage::read_slice(found->slice, into);
  if (!got) return got.error();
  into.resize(*got);
  return {};
}

}  // namespace moldau::server
