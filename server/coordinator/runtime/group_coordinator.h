// GroupCoordinator: the broker's groups and their offsets, as request handlers see them (Kafka 3.9 GroupCoordinator).
//
// A façade over one GroupShardRunner for each partition of `__consumer_offsets`: it finds the partition of a group, checks the group id
// and whether this broker coordinates it, and translates the outcome. Knows no request types. All calls are safe from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "server/coordinator/group/group_types.h"

namespace moldau {
class Random;
}
namespace moldau::config {
struct BrokerConfig;
}

namespace moldau::server {

class CoordinatorLog;
class GroupShardRunner;

/// Keys of the offsets topic (`offsets.*`).
struct OffsetsTopicConfig {
  std::uint8_t compression_codec = 0;
  std::int32_t load_buffer_bytes = 5'242'880;
  std::int64_t retention_check_interval_ms = 600'000;
};

struct GroupCoordinatorDeps {
  CoordinatorLog& log;
  Clock& clock;
  Random& random;
  /// The executors on which requests are served, each of one thread: deadlines wait until these have looked at their sockets.
  std::vector<Executor> threads;
  Executor blocking;  ///< Loading and expiry, one at a time.
  GroupConfig groups;
  OffsetsTopicConfig offsets;
};

struct ListGroupsResult {
  ErrorCode error = ErrorCode::none;
  std::vector<GroupOverview> groups;
};

/// Group and offsets keys out of the broker's configuration.
GroupConfig make_group_config(const config::BrokerConfig& config);
OffsetsTopicConfig make_offsets_topic_config(const config::BrokerConfig& config);

class GroupCoordinator {
 public:
  explicit GroupCoordinator(GroupCoordinatorDeps deps);
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;
  ~GroupCoordinator();

  /// `partitions` of `__consumer_offsets`, or offsets.topic.num.partitions while there is no such topic; fixed from here on.
  /// REQUIRES: called once, before requests and elections come.
  void start(std::int32_t partitions);
  /// Answers all waiting requests and waits for the appends under way. Requests get COORDINATOR_NOT_AVAILABLE from here on.
  Awaitable<void> stop();

  [[nodiscard]] std::int32_t partition_count() const noexcept { return static_cast<std::int32_t>(shards_.size()); }
  [[nodiscard]] std::int32_t partition_for(std::string_view group_id) const noexcept;

  // ---- from the cluster ----
  /// This broker leads the partition: loads it. An epoch older than one seen is ignored.
  void on_elected(std::int32_t partition, LeaderEpoch epoch);
  /// No epoch: the replica was deleted.
  void on_resigned(std::int32_t partition, std::optional<LeaderEpoch> epoch);
  void on_partitions_deleted(std::span<const TopicPartition> partitions);

  // ---- membership ----
  /// May take minutes. Errors: see interbroker.md §13.
  Awaitable<JoinResult> join(JoinRequest request);
  Awaitable<SyncResult> sync(SyncRequest request);
  [[nodiscard]] ErrorCode heartbeat(const HeartbeatQuery& beat);
  [[nodiscard]] LeaveResult leave(std::string_view group_id, const std::vector<LeavingMember>& members);

  // ---- offsets ----
  /// One error an offset, in order.
  Awaitable<CommitResult> commit_offsets(CommitRequest request);
  /// `partitions` empty: all of the group.
  [[nodiscard]] FetchOffsetsResult fetch_offsets(std::string_view group_id, std::optional<std::span<const TopicPartitionView>> partitions, bool require_stable);
  /// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP; an offset: GROUP_SUBSCRIBED_TO_TOPIC. Answers once the tombstones are in the log.
  Awaitable<DeleteOffsetsResult> delete_offsets(std::string group_id, std::vector<TopicPartition> partitions);

  // ---- administration ----
  /// Names of states in any case; types as in KIP-848 ("classic", "consumer"). An empty filter takes all. COORDINATOR_LOAD_IN_PROGRESS with
  /// what is there while a partition loads.
  [[nodiscard]] ListGroupsResult list(const std::vector<std::string_view>& states, const std::vector<std::string_view>& types);
  /// An unknown group is Dead, without an error.
  [[nodiscard]] GroupSummary describe(std::string_view group_id);
  /// NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. Answers once the tombstones are in the log.
  Awaitable<ErrorCode> delete_group(std::string group_id);

  // ---- watching ----
  /// The groups coordinated here; what comes and goes meanwhile may be missing. Takes as long as there are groups: not for an I/O thread.
  [[nodiscard]] GroupsSnapshot snapshot() const;
  /// Drops what outlived its retention, in all groups; done by a timer in a broker. Returns the number of offsets.
  std::size_t expire_offsets();
  /// Runs the timers that are due; done by themselves in a broker, by hand with a simulated clock.
  void tick();

 private:
  enum class EmptyId : bool { refused, allowed };
  struct Target {
    ErrorCode error = ErrorCode::none;
    GroupShardRunner* shard = nullptr;
  };
  [[nodiscard]] Target target(std::string_view group_id, EmptyId empty) const;
  Awaitable<void> expire_periodically();
  /// Calls `with_batch(GroupShardRunner&, std::span<const std::string> group_ids)` for all groups, some at a time, so that no lock is held for long; what it returns
  /// is false when the shard's leadership went.
  template <class WithBatch>
  void for_all_groups(WithBatch&& with_batch) const;

  struct Impl;
  const GroupCoordinatorDeps deps_;
  std::unique_ptr<Impl> impl_;
  std::vector<std::shared_ptr<GroupShardRunner>> shards_;
  std::atomic<bool> active_{false};
};

}  // namespace moldau::server
