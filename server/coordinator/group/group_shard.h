// GroupShard: the classic groups of one partition of `__consumer_offsets` as a state machine (Kafka 3.9 GroupCoordinator with
// GroupMetadataManager, the part of one partition).
//
// Sans-I/O: an event and the time come in; answers and records to append go out through Effects. Nothing here knows threads,
// sockets, logs or clocks. The shell (runtime/) calls it under the shard's lock, appends what is asked for in the order asked,
// and reports each outcome by on_appended(); timers are in here too: next_deadline() says when to call on_tick().
//
// The members of a group move Empty -> PreparingRebalance -> CompletingRebalance -> Stable; a group without members and offsets
// becomes Dead and is forgotten.
//
// Invariants:
// 1. Each join, sync and commit handed in is answered exactly once (at the latest by unload()).
// 2. A group's generation never goes back.
// 3. A member has at most one waiting JoinGroup and one waiting SyncGroup; a newer one of the same member ends the older.
// 4. What a group decides while an append is under way is decided again when its outcome comes: state, generation and
//    the group itself may have changed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/base/ids.h"
#include "server/coordinator/group/group_metadata.h"
#include "server/coordinator/group/group_types.h"

namespace moldau {
class Random;
}

namespace moldau::server {

struct LoadedGroups;

class GroupShard {
 public:
  /// `partition` of `__consumer_offsets`, for the log. `random` outlives the shard.
  GroupShard(std::int32_t partition, GroupConfig config, Random& random);
  ~GroupShard();
  GroupShard(const GroupShard&) = delete;
  GroupShard& operator=(const GroupShard&) = delete;

  // ---- group membership ----
  /// Answered with a JoinResult. REQUIRES: a non-empty group id.
  void join(RequestId request, JoinRequest req, Now now, Effects& fx);
  /// Answered with a SyncResult.
  void sync(RequestId request, SyncRequest req, Now now, Effects& fx);
  ErrorCode heartbeat(const HeartbeatQuery& beat, Now now);
  LeaveResult leave(std::string_view group_id, const std::vector<LeavingMember>& members, Now now, Effects& fx);

  // ---- offsets ----
  /// Answered with a CommitResult. An empty group id is allowed.
  void commit_offsets(RequestId request, CommitRequest req, Now now, Effects& fx);
  /// `partitions` empty: all of the group.
  [[nodiscard]] FetchOffsetsResult fetch_offsets(std::string_view group_id, std::optional<std::span<const TopicPartitionView>> partitions, bool require_stable) const;
  /// The producer's marker is in the log (WriteTxnMarkers): its pending offsets become visible, or vanish.
  void end_transaction(ProducerId producer, bool committed);

  // ---- administration ----
  [[nodiscard]] std::vector<GroupOverview> list() const;
  [[nodiscard]] GroupSummary describe(std::string_view group_id) const;
  /// NONE, NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. On NONE a DoneResult answers `request` when the tombstones are in the log.
  ErrorCode delete_group(RequestId request, std::string_view group_id, Now now, Effects& fx);
  /// Like delete_group: when at least one offset went, a DoneResult answers `request`; `waits` says so.
  DeleteOffsetsResult delete_offsets(RequestId request, std::string_view group_id, std::span<const TopicPartitionView> partitions, Now now, Effects& fx, bool& waits);
  /// The partitions were deleted from the cluster: the group's offsets of them go.
  void on_partitions_deleted(std::string_view group_id, std::span<const TopicPartitionView> partitions, Now now, Effects& fx);
  /// Ids of all groups: what walks over all of them takes a batch at a time.
  [[nodiscard]] std::vector<std::string> group_ids() const;
  /// Drops a group's offsets that outlived their retention, and the group when nothing is left of it. Returns the number of offsets.
  std::size_t expire(std::string_view group_id, Now now, Effects& fx);
  /// Adds a group, unless it is gone.
  void snapshot(std::string_view group_id, GroupsSnapshot& into) const;
  [[nodiscard]] std::size_t group_count() const noexcept { return groups_.size(); }
  [[nodiscard]] std::size_t offset_count() const;

  // ---- driven by the shell ----
  /// The outcome of an append: NONE with the base offset of its batch, or the log's error code.
  void on_appended(AppendId append, ErrorCode error, std::int64_t base_offset, Now now, Effects& fx);
  /// True when something is to fire now. Entries that are only left over from earlier deadlines are cleared away.
  bool anything_due(Now now) { return due(now.steady, now); }
  /// Fires what was due at `until`, which is not after `now`.
  void on_tick(SteadyTime until, Now now, Effects& fx);
  /// When on_tick() is next to be called; may be early, never late.
  [[nodiscard]] std::optional<SteadyTime> next_deadline() const;

  // ---- leadership ----
  /// Takes the groups read from the log. Their members get a session timeout to show up.
  void install(LoadedGroups loaded, Now now, Effects& fx);
  /// Leadership is gone: all waiting requests get NOT_COORDINATOR, all groups are forgotten.
  void unload(Effects& fx);

  /// For tests and state dumps; nullptr when unknown.
  [[nodiscard]] const GroupMetadata* find(std::string_view group_id) const;

 private:
  enum class TimerKind { session, pending_member, join, sync };
  struct Timer {
    SteadyTime at;
    TimerKind kind;
    std::uint64_t group_uid;
    std::string group_id;
    std::string member_id;
    bool operator<(const Timer& other) const noexcept { return at > other.at; }  // earliest on top of the heap
  };
  /// What waits for the outcome of an append.
  struct CommitAppend {
    RequestId request;
    CommitRequest commit;
    std::vector<ErrorCode> errors;  ///< One an offset of the request; filled in where the append decides (marked none).
  };
  struct AssignmentAppend {
    std::int32_t generation;
    std::string leader;
    std::map<std::string, std::string, std::less<>> assignments;
  };
  struct StaticMemberAppend {
    RequestId request;
    std::int32_t generation;
    std::string instance_id;
    std::string old_member_id;
    std::string new_member_id;
    std::optional<std::string> old_leader;
    std::vector<GroupProtocol> old_protocols;
    std::int32_t old_rebalance_timeout_ms;
    std::int32_t old_session_timeout_ms;
    bool supports_skipping_assignment;
  };
  struct EmptyGroupAppend {};
  struct TombstoneAppend {
    std::optional<RequestId> request;
  };
  struct PendingAppend {
    std::string group_id;
    std::uint64_t group_uid;
    std::variant<CommitAppend, AssignmentAppend, StaticMemberAppend, EmptyGroupAppend, TombstoneAppend> what;
  };

  // joining (group_shard_join.cc)
  void join_new_member(GroupMetadata& g, RequestId request, JoinRequest& req, Now now, Effects& fx);
  void join_known_member(GroupMetadata& g, RequestId request, JoinRequest& req, Now now, Effects& fx);
  void rejoin_static_member(GroupMetadata& g, const std::string& old_id, const std::string& new_id, RequestId request, JoinRequest& req, Now now, Effects& fx);
  void add_member_and_rebalance(GroupMetadata& g, const std::string& member_id, RequestId request, JoinRequest& req, Now now, Effects& fx);
  void update_member_and_rebalance(GroupMetadata& g, GroupMember& member, RequestId request, JoinRequest& req, std::string_view reason, Now now, Effects& fx);
  void supersede_join(GroupMetadata& g, GroupMember& member, Effects& fx);
  [[nodiscard]] bool accepts(const GroupMetadata& g, std::string_view member_id) const;
  [[nodiscard]] std::string new_member_id(const JoinRequest& req);
  [[nodiscard]] JoinResult current_generation(const GroupMetadata& g, const std::string& member_id) const;

  // rebalancing (group_shard_rebalance.cc)
  void maybe_prepare_rebalance(GroupMetadata& g, std::string_view reason, Now now, Effects& fx);
  void prepare_rebalance(GroupMetadata& g, std::string_view reason, Now now, Effects& fx);
  void maybe_complete_join(GroupMetadata& g, Now now, Effects& fx);
  void complete_join(GroupMetadata& g, Now now, Effects& fx);
  void propagate_assignment(GroupMetadata& g, ErrorCode error, Now now, Effects& fx);
  void on_assignment_stored(GroupMetadata& g, AssignmentAppend& stored, ErrorCode error, Now now, Effects& fx);
  void on_static_member_stored(GroupMetadata& g, StaticMemberAppend& stored, ErrorCode error, Now now, Effects& fx);
  void remove_member_and_update(GroupMetadata& g, GroupMember& member, std::string_view reason, Now now, Effects& fx);
  void answer_join(GroupMetadata& g, GroupMember& member, JoinResult result, Effects& fx);
  bool answer_sync(GroupMember& member, SyncResult result, Effects& fx);
  void sync_received(GroupMetadata& g, std::string_view member_id);

  // timers (group_shard_timers.cc)
  void schedule_session(GroupMetadata& g, GroupMember& member, std::int64_t timeout_ms, Now now);
  void push_timer(GroupMetadata& g, TimerKind kind, SteadyTime at, std::string member_id = {});
  bool due(SteadyTime until, Now now);
  bool is_live(const Timer& timer, Now now);
  void pop_timer();
  void fire(const Timer& timer, GroupMetadata& g, Now now, Effects& fx);
  void fire_session(GroupMetadata& g, GroupMember& member, Now now, Effects& fx);
  void fire_join(GroupMetadata& g, Now now, Effects& fx);
  void fire_sync(GroupMetadata& g, Now now, Effects& fx);

  // offsets (group_shard_offsets.cc)
  [[nodiscard]] std::optional<ErrorCode> validate_commit(const GroupMetadata& g, const CommitRequest& req) const;
  void on_commit_stored(GroupMetadata* g, AppendId append, CommitAppend& stored, ErrorCode error, std::int64_t base_offset, Effects& fx);
  void clean_up(GroupMetadata& g, const std::vector<TopicPartition>& removed, std::optional<RequestId> request, Now now, Effects& fx);

  // common
  [[nodiscard]] std::optional<ErrorCode> validate_member(const GroupMetadata& g, std::string_view member_id, std::optional<std::string_view> instance_id) const;
  GroupMetadata* lookup(std::string_view group_id);
  GroupMetadata& create(std::string_view group_id, Now now);
  AppendId store_group(GroupMetadata& g, const std::map<std::string, std::string, std::less<>>& assignments, decltype(PendingAppend::what) what, Now now, Effects& fx);
  AppendId append(const GroupMetadata& g, std::vector<CoordinatorRecord> records, bool all_replicas, decltype(PendingAppend::what) what, Now now, Effects& fx);

  const std::int32_t partition_;
  const GroupConfig config_;
  Random& random_;
  std::unordered_map<std::string, std::unique_ptr<GroupMetadata>, StringHash, std::equal_to<>> groups_;
  std::unordered_map<AppendId, PendingAppend> appends_;
  /// Groups with pending offsets of a producer: a marker names the producer only.
  std::unordered_map<ProducerId, std::unordered_set<std::string>> producer_groups_;
  std::vector<Timer> timers_;  // a heap
  AppendId next_append_ = 1;
  std::uint64_t next_group_uid_ = 1;
};

}  // namespace moldau::server
