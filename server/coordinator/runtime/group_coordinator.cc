#include "server/coordinator/runtime/group_coordinator.h"

#include <boost/asio/strand.hpp>

#include <algorithm>
#include <cctype>
#include <span>

#include "config/broker_config.h"
#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "server/coordinator/group/group_shard.h"
#include "server/coordinator/runtime/group_shard_runner.h"
#include "server/coordinator/runtime/partition_for.h"

namespace moldau::server {

namespace {

/// Groups of one look under the lock, by what walks over all.
constexpr std::size_t kGroupsBatch = 100;
constexpr Millis kStopWait{30'000};

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

struct GroupCoordinator::Impl {
  explicit Impl(const GroupCoordinatorDeps& d)
      : env{.log = d.log,
            .clock = d.clock,
            .random = d.random,
            .threads = d.threads,
            .background = boost::asio::make_strand(d.blocking),
            .groups = d.groups,
            .codec = d.offsets.compression_codec,
            .load_buffer_bytes = d.offsets.load_buffer_bytes} {}
  GroupShardEnv env;
  Event stopping;
};

GroupConfig make_group_config(const config::BrokerConfig& c) {
  GroupConfig g;
  g.min_session_timeout_ms = c.group_min_session_timeout_ms;
  g.max_session_timeout_ms = c.group_max_session_timeout_ms;
  g.max_size = c.group_max_size;
  g.initial_rebalance_delay_ms = c.group_initial_rebalance_delay_ms;
  g.offset_metadata_max_bytes = c.offset_metadata_max_bytes;
  g.offsets_retention_ms = std::int64_t{c.offsets_retention_minutes} * 60'000;
  return g;
}

OffsetsTopicConfig make_offsets_topic_config(const config::BrokerConfig& c) {
  OffsetsTopicConfig o;
  o.compression_codec = static_cast<std::uint8_t>(c.offsets_topic_compression_codec);
  o.load_buffer_bytes = c.offsets_load_buffer_size;
  o.retention_check_interval_ms = c.offsets_retention_check_interval_ms;
  return o;
}

GroupCoordinator::GroupCoordinator(GroupCoordinatorDeps deps) : deps_(std::move(deps)), impl_(std::make_unique<Impl>(deps_)) {}
GroupCoordinator::~GroupCoordinator() = default;

void GroupCoordinator::start(std::int32_t partitions) {
  shards_.reserve(static_cast<std::size_t>(partitions));
  for (std::int32_t p = 0; p < partitions; ++p) shards_.push_back(std::make_shared<GroupShardRunner>(p, impl_->env));
  active_.store(true, std::memory_order_release);
  static_cast<void>(impl_->env.tasks.spawn(impl_->env.background, [this] { return expire_periodically(); }, OnCancel::finish, OnException::restart));
}

Awaitable<void> GroupCoordinator::stop() {
  active_.store(false, std::memory_order_release);
  impl_->stopping.set();
  for (const auto& shard : shards_) shard->stop();
  const bool ended = co_await impl_->env.tasks.join(kStopWait);
  if (!ended) MOLDAU_LOG(group, warn, "the group coordinator stops while {} of its tasks run", impl_->env.tasks.running());
}

/// Walking all offsets takes longer than an I/O thread may be kept.
Awaitable<void> GroupCoordinator::expire_periodically() {
  while (!co_await impl_->stopping.wait_for(Millis(deps_.offsets.retention_check_interval_ms))) {
    const auto removed = expire_offsets();
    if (removed > 0) MOLDAU_LOG(group, info, "removed {} expired offsets", removed);
  }
}

std::int32_t GroupCoordinator::partition_for(std::string_view group_id) const noexcept {
  return coordinator_partition_for(group_id, std::max(partition_count(), 1));
}

GroupCoordinator::Target GroupCoordinator::target(std::string_view group_id, EmptyId empty) const {
  if (group_id.empty() && empty == EmptyId::refused) return {ErrorCode::invalid_group_id, nullptr};
  if (!active_.load(std::memory_order_acquire)) return {ErrorCode::coordinator_not_available, nullptr};
  return {ErrorCode::none, shards_[static_cast<std::size_t>(partition_for(group_id))].get()};
}

// ---- from the cluster ----

void GroupCoordinator::on_elected(std::int32_t partition, LeaderEpoch epoch) {
  if (!active_.load(std::memory_order_acquire) || partition < 0 || partition >= partition_count()) return;
  shards_[static_cast<std::size_t>(partition)]->on_elected(epoch);
}

void GroupCoordinator::on_resigned(std::int32_t partition, std::optional<LeaderEpoch> epoch) {
  if (partition < 0 || partition >= partition_count()) return;
  shards_[static_cast<std::size_t>(partition)]->on_resigned(epoch);
}

template <class WithBatch>
void GroupCoordinator::for_all_groups(WithBatch&& with_batch) const {
  for (const auto& shard : shards_) {
    const auto ids = std::as_const(*shard).read([](const GroupShard& s) { return s.group_ids(); });
    if (!ids) continue;  // not led, or it loads
    for (std::span<const std::string> rest(*ids); !rest.empty();) {
      const auto batch = rest.first(std::min(rest.size(), kGroupsBatch));
      if (!with_batch(*shard, batch)) break;
      rest = rest.subspan(batch.size());
    }
  }
}

void GroupCoordinator::on_partitions_deleted(std::span<const TopicPartition> partitions) {
  if (partitions.empty()) return;
  const std::vector<TopicPartitionView> views(partitions.begin(), partitions.end());
  // A shard that is not led or not loaded keeps its offsets: its leader drops them, or they expire.
  for_all_groups([&](GroupShardRunner& shard, std::span<const std::string> ids) {
    return shard
        .tell([&](GroupShard& s, Now now, Effects& fx) {
          for (const auto& id : ids) s.on_partitions_deleted(id, views, now, fx);
        })
        .has_value();
  });
}

// ---- membership ----

Awaitable<JoinResult> GroupCoordinator::join(JoinRequest request) {
  const auto to = target(request.group_id, EmptyId::refused);
  if (to.error != ErrorCode::none) co_return JoinResult::failure(request.member_id, to.error);
  const std::string member_id = request.member_id;
  const auto event = [&request](GroupShard& s, RequestId id, Now now, Effects& fx) { s.join(id, std::move(request), now, fx); };
  auto answer = co_await to.shard->ask(event);
  if (!answer) co_return JoinResult::failure(member_id, answer.error().code);
  co_return std::get<JoinResult>(std::move(*answer));
}

Awaitable<SyncResult> GroupCoordinator::sync(SyncRequest request) {
  const auto to = target(request.group_id, EmptyId::refused);
  if (to.error != ErrorCode::none) co_return SyncResult::failure(to.error);
  const auto event = [&request](GroupShard& s, RequestId id, Now now, Effects& fx) { s.sync(id, std::move(request), now, fx); };
  auto answer = co_await to.shard->ask(event);
  if (!answer) {
    // The rebalance under way is lost with the old coordinator: the member begins anew, without looking for a coordinator. Older clients
    // don't know 14 here.
    const auto code = answer.error().code;
    co_return SyncResult::failure(code == ErrorCode::coordinator_load_in_progress ? ErrorCode::rebalance_in_progress : code);
  }
  co_return std::get<SyncResult>(std::move(*answer));
}

ErrorCode GroupCoordinator::heartbeat(const HeartbeatQuery& beat) {
  const auto to = target(beat.group_id, EmptyId::refused);
  if (to.error != ErrorCode::none) return to.error;
  const auto result = to.shard->tell([&](GroupShard& s, Now now, Effects&) { return s.heartbeat(beat, now); });
  if (result) return *result;
  // Nobody knows better while the groups are being read.
  return result.error().code == ErrorCode::coordinator_load_in_progress ? ErrorCode::none : result.error().code;
}

LeaveResult GroupCoordinator::leave(std::string_view group_id, const std::vector<LeavingMember>& members) {
  LeaveResult failed;
  const auto to = target(group_id, EmptyId::refused);
  failed.error = to.error;
  if (to.error != ErrorCode::none) return failed;
  auto result = to.shard->tell([&](GroupShard& s, Now now, Effects& fx) { return s.leave(group_id, members, now, fx); });
  if (result) return std::move(*result);
  failed.error = result.error().code;
  return failed;
}

// ---- offsets ----

Awaitable<CommitResult> GroupCoordinator::commit_offsets(CommitRequest request) {
  const std::size_t count = request.offsets.size();
  const auto to = target(request.group_id, EmptyId::allowed);
  ErrorCode refused = to.error;
  if (refused == ErrorCode::none) {
    const auto event = [&request](GroupShard& s, RequestId id, Now now, Effects& fx) { s.commit_offsets(id, std::move(request), now, fx); };
    auto answer = co_await to.shard->ask(event);
    if (answer) co_return std::get<CommitResult>(std::move(*answer));
    refused = answer.error().code;
  }
  CommitResult failed;
  failed.errors.assign(count, refused);
  co_return failed;
}

FetchOffsetsResult GroupCoordinator::fetch_offsets(std::string_view group_id, std::optional<std::span<const TopicPartitionView>> partitions, bool require_stable) {
  FetchOffsetsResult failed;
  const auto to = target(group_id, EmptyId::allowed);
  failed.error = to.error;
  if (to.error != ErrorCode::none) return failed;
  auto result = std::as_const(*to.shard).read([&](const GroupShard& s) { return s.fetch_offsets(group_id, partitions, require_stable); });
  if (result) return std::move(*result);
  failed.error = result.error().code;
  return failed;
}

Awaitable<DeleteOffsetsResult> GroupCoordinator::delete_offsets(std::string group_id, std::vector<TopicPartition> partitions) {
  DeleteOffsetsResult result;
  const auto to = target(group_id, EmptyId::refused);
  result.group_error = to.error;
  if (to.error != ErrorCode::none) co_return result;
  const std::vector<TopicPartitionView> views(partitions.begin(), partitions.end());
  const auto event = [&](GroupShard& s, RequestId id, Now now, Effects& fx) {
    bool waits = false;
    result = s.delete_offsets(id, group_id, views, now, fx, waits);
    if (!waits) fx.answers.emplace_back(id, DoneResult{});
  };
  auto answer = co_await to.shard->ask(event);
  if (!answer) result.group_error = answer.error().code;
  // A tombstone that could not be written is logged; the offset is gone from memory (Kafka 3.9 cleanupGroupMetadata).
  co_return result;
}

// ---- administration ----

ListGroupsResult GroupCoordinator::list(const std::vector<std::string_view>& states, const std::vector<std::string_view>& types) {
  ListGroupsResult result;
  if (!active_.load(std::memory_order_acquire)) {
    result.error = ErrorCode::coordinator_not_available;
    return result;
  }
  const bool classic = types.empty() || std::any_of(types.begin(), types.end(), [](std::string_view t) { return equals_ignoring_case(t, "classic"); });
  const auto wanted = [&](GroupState state) {
    return states.empty() || std::any_of(states.begin(), states.end(), [&](std::string_view s) { return equals_ignoring_case(s, to_string(state)); });
  };
  for (const auto& shard : shards_) {
    auto groups = std::as_const(*shard).read([](const GroupShard& s) { return s.list(); });
    if (!groups) {
      if (groups.error().code == ErrorCode::coordinator_load_in_progress) result.error = groups.error().code;
      continue;
    }
    if (!classic) continue;
    for (auto& g : *groups)
      if (wanted(g.state)) result.groups.push_back(std::move(g));
  }
  return result;
}

GroupSummary GroupCoordinator::describe(std::string_view group_id) {
  GroupSummary failed;
  const auto to = target(group_id, EmptyId::allowed);
  failed.error = to.error;
  if (to.error != ErrorCode::none) return failed;
  auto summary = std::as_const(*to.shard).read([&](const GroupShard& s) { return s.describe(group_id); });
  if (summary) return std::move(*summary);
  failed.error = summary.error().code;
  return failed;
}

Awaitable<ErrorCode> GroupCoordinator::delete_group(std::string group_id) {
  const auto to = target(group_id, EmptyId::allowed);
  if (to.error != ErrorCode::none) co_return to.error;
  ErrorCode result = ErrorCode::none;
  const auto event = [&](GroupShard& s, RequestId id, Now now, Effects& fx) {
    result = s.delete_group(id, group_id, now, fx);
    if (result != ErrorCode::none) fx.answers.emplace_back(id, DoneResult{});
  };
  auto answer = co_await to.shard->ask(event);
  if (!answer) co_return answer.error().code;
  co_return result;
}

// ---- watching ----

GroupsSnapshot GroupCoordinator::snapshot() const {
  GroupsSnapshot all;
  for (const auto& shard : shards_) all.queued_appends += shard->queued_appends();
  for_all_groups([&](const GroupShardRunner& shard, std::span<const std::string> ids) {
    return shard
        .read([&](const GroupShard& s) {
          for (const auto& id : ids) s.snapshot(id, all);
        })
        .has_value();
  });
  return all;
}

std::size_t GroupCoordinator::expire_offsets() {
  std::size_t removed = 0;
  for_all_groups([&](GroupShardRunner& shard, std::span<const std::string> ids) {
    const auto batch = shard.tell([&](GroupShard& s, Now now, Effects& fx) {
      std::size_t n = 0;
      for (const auto& id : ids) n += s.expire(id, now, fx);
      return n;
    });
    if (batch) removed += *batch;
    return batch.has_value();
  });
  return removed;
}

void GroupCoordinator::tick() {
  for (const auto& shard : shards_) shard->tick();
}

}  // namespace moldau::server
