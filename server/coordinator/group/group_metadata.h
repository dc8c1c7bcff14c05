// GroupMetadata: the members, protocols and state of one classic group (Kafka 3.9 GroupMetadata, MemberMetadata).
//
// Plain bookkeeping: who is in, who waits, what all support. The rules of the protocol are in GroupShard. Owned by a GroupShard
// and used under its shard's lock.
//
// Invariants:
// 1. static_members has exactly the members with an instance id.
// 2. awaiting_join_count() is the number of members with a waiting JoinGroup.
// 3. supported_protocols counts, for each protocol name, the members that offer it.
// 4. A member id is in members or in pending members, never in both.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/coordinator/group/group_offsets.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server {

/// A member of a classic group.
struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;
  std::string assignment;

  std::optional<RequestId> awaiting_join;
  std::optional<RequestId> awaiting_sync;
  bool is_new = false;  ///< In its first join: times out although it waits.

  // Session timer, restarted without touching the queue: an entry that fires early is queued again for the deadline.
  SteadyTime session_deadline{};
  std::optional<SteadyTime> session_timer_at;

  [[nodiscard]] bool matches(const std::vector<GroupProtocol>& others) const { return protocols == others; }
  /// The metadata offered with a protocol; empty when it is not offered.
  [[nodiscard]] const std::string& metadata(std::string_view protocol) const;
};

class GroupMetadata {
 public:
  /// `uid` tells two groups of one name apart that lived after each other.
  GroupMetadata(std::string group_id, std::uint64_t group_uid, std::int64_t wall_ms) : id(std::move(group_id)), uid(group_uid), state_timestamp_ms_(wall_ms) {}
  GroupMetadata(const GroupMetadata&) = delete;
  GroupMetadata& operator=(const GroupMetadata&) = delete;

  const std::string id;
  const std::uint64_t uid;
  GroupOffsets offsets;

  // ---- state ----
  [[nodiscard]] GroupState state() const noexcept { return state_; }
  [[nodiscard]] bool is(GroupState s) const noexcept { return state_ == s; }
  void transition_to(GroupState to, std::int64_t wall_ms);
  /// A rebalance may start from here (Empty, CompletingRebalance, Stable).
  [[nodiscard]] bool can_rebalance() const noexcept { return state_ == GroupState::empty || state_ == GroupState::completing_rebalance || state_ == GroupState::stable; }
  [[nodiscard]] std::int32_t generation() const noexcept { return generation_; }
  [[nodiscard]] const std::optional<std::string>& protocol_type() const noexcept { return protocol_type_; }
  [[nodiscard]] const std::optional<std::string>& protocol_name() const noexcept { return protocol_name_; }
  [[nodiscard]] const std::optional<std::string>& leader() const noexcept { return leader_; }
  [[nodiscard]] bool is_leader(std::string_view member_id) const noexcept { return leader_ && *leader_ == member_id; }
  [[nodiscard]] bool is_consumer_group() const noexcept { return protocol_type_ == "consumer"; }

  // ---- members ----
  using Members = std::list<GroupMember>;
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] Members& members() noexcept { return members_; }
  [[nodiscard]] const Members& members() const noexcept { return members_; }
  [[nodiscard]] GroupMember* find(std::string_view member_id);
  [[nodiscard]] const GroupMember* find(std::string_view member_id) const;
  [[nodiscard]] bool has(std::string_view member_id) const { return by_id_.find(member_id) != by_id_.end(); }
  /// Adds a member (not there yet). The first one sets the protocol type, and leads unless a leader is known. No longer pending.
  GroupMember& add(GroupMember member, std::optional<RequestId> join);
  /// Removes a member or pending member; any other member leads when the leader goes. False when it was not known.
  bool remove(std::string_view member_id);
  void update(GroupMember& member, std::vector<GroupProtocol> protocols, std::int32_t rebalance_timeout_ms, std::int32_t session_timeout_ms,
              std::optional<RequestId> join);
  /// Gives a static member a new id and keeps all else. The waiting requests of the old id are the caller's to answer first.
  GroupMember& replace_static(std::string_view instance_id, std::string_view old_id, const std::string& new_id);
  [[nodiscard]] const std::string* static_member_id(std::string_view instance_id) const;
  [[nodiscard]] std::size_t static_member_count() const noexcept { return static_members_.size(); }
  /// Largest rebalance timeout of all members; 0 without members.
  [[nodiscard]] std::int32_t rebalance_timeout_ms() const;

  // ---- joining ----
  /// Takes the waiting JoinGroup of a member, if any: it is to be answered now.
  std::optional<RequestId> take_join(GroupMember& member);
  [[nodiscard]] std::size_t awaiting_join_count() const noexcept { return awaiting_join_; }
  [[nodiscard]] bool all_members_joined() const noexcept { return members_.size() == awaiting_join_ && pending_.empty(); }
  /// Makes sure that the leader has joined; picks another joined member when not. False without leader or when nobody joined.
  bool elect_joined_leader();

  // ---- pending members (KIP-394): id given, not yet joined ----
  void add_pending(std::string member_id, SteadyTime deadline) { pending_.emplace(std::move(member_id), deadline); }
  [[nodiscard]] bool is_pending(std::string_view member_id) const { return pending_.find(member_id) != pending_.end(); }
  [[nodiscard]] std::optional<SteadyTime> pending_deadline(std::string_view member_id) const;
  [[nodiscard]] std::size_t pending_count() const noexcept { return pending_.size(); }

  // ---- members that owe a SyncGroup ----
  void add_pending_sync(std::string member_id) { pending_sync_.insert(std::move(member_id)); }
  void remove_pending_sync(std::string_view member_id);
  void clear_pending_sync() { pending_sync_.clear(); }
  [[nodiscard]] const std::set<std::string, std::less<>>& pending_sync() const noexcept { return pending_sync_; }

  // ---- protocols ----
  /// True when a member with these may be in the group.
  [[nodiscard]] bool supports(std::string_view protocol_type, const std::vector<GroupProtocol>& protocols) const;
  /// The protocol with most votes among those that all members support. REQUIRES: members.
  [[nodiscard]] std::string select_protocol() const;
  /// Next generation: CompletingRebalance with a protocol, or Empty.
  void init_next_generation(std::int64_t wall_ms);
  /// Topics that members subscribe to; nothing when it is not known (no consumer group, or metadata that cannot be read).
  [[nodiscard]] const std::optional<std::set<std::string, std::less<>>>& subscribed_topics() const noexcept { return subscribed_topics_; }
  /// True also when it is not known, to be safe.
  [[nodiscard]] bool is_subscribed_to(std::string_view topic) const { return !subscribed_topics_ || subscribed_topics_->contains(topic); }

  // ---- reading ----
  /// Members with their metadata of the chosen protocol, for the leader's JoinGroup answer.
  [[nodiscard]] std::vector<JoinedMember> joined_members() const;
  [[nodiscard]] GroupSummary summary() const;
  /// Offsets that have outlived their retention at `wall_ms` (disk.md §12); they are removed from the group.
  std::vector<TopicPartition> remove_expired_offsets(std::int64_t wall_ms, std::int64_t retention_ms);
  /// When the group entered its state; nothing for groups stored by brokers before 2.1.
  [[nodiscard]] std::optional<std::int64_t> state_timestamp() const noexcept { return state_timestamp_ms_; }

  /// Sets what a stored record says (loading). Members are added after it.
  void restore(GroupState state, std::int32_t generation, std::optional<std::string> protocol_type, std::optional<std::string> protocol_name,
               std::optional<std::string> leader, std::optional<std::int64_t> state_timestamp);
  void compute_subscribed_topics();

  // ---- timers of the group, kept by GroupShard ----
  std::optional<SteadyTime> join_deadline;
  bool initial_join = false;               ///< The deadline is the initial delay, which new members extend.
  std::int64_t initial_remaining_ms = 0;   ///< How much longer it may be extended.
  std::int64_t initial_delay_ms = 0;       ///< The delay that runs now.
  bool new_member_added = false;
  std::optional<SteadyTime> sync_deadline;

 private:
  void count_protocols(const GroupMember& member, int by);

  GroupState state_ = GroupState::empty;
  std::optional<std::int64_t> state_timestamp_ms_;
  std::int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_name_;
  std::optional<std::string> leader_;
  Members members_;
  std::unordered_map<std::string, Members::iterator, StringHash, std::equal_to<>> by_id_;
  std::map<std::string, std::string, std::less<>> static_members_;
  std::map<std::string, SteadyTime, std::less<>> pending_;
  std::set<std::string, std::less<>> pending_sync_;
  std::size_t awaiting_join_ = 0;
  std::map<std::string, std::size_t, std::less<>> supported_protocols_;
  std::optional<std::set<std::string, std::less<>>> subscribed_topics_;
};

}  // namespace moldau::server
