// The vocabulary of the group coordinator: what comes in (requests with the time), what goes out (answers, records to append).
//
// All of it is plain data that owns its texts: nothing here borrows from a request's frame, because a JoinGroup may wait for
// minutes. Texts that carry bytes (protocol metadata, assignments) are std::string.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/error_code.h"
#include "protocol/base/ids.h"

namespace moldau::server {

/// Kafka 3.9 GroupState.
enum class GroupState { empty, preparing_rebalance, completing_rebalance, stable, dead };

/// As ListGroups and DescribeGroups print it: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead.
std::string_view to_string(GroupState state) noexcept;

/// The moment of an event: steady time for timers, wall time for what is written down.
struct Now {
  SteadyTime steady;
  std::int64_t wall_ms = 0;
};

/// Names a request whose answer comes later. Given by the shell, unique within a shard.
using RequestId = std::uint64_t;
/// Names an append whose outcome the shell reports back. Given by the state machine.
using AppendId = std::uint64_t;

/// Keys that rule groups and offsets (`group.*`, `offsets.*`, `offset.metadata.max.bytes`).
struct GroupConfig {
  std::int32_t min_session_timeout_ms = 6'000;
  std::int32_t max_session_timeout_ms = 1'800'000;
  std::int32_t max_size = INT32_MAX;
  std::int32_t initial_rebalance_delay_ms = 3'000;
  std::int32_t offset_metadata_max_bytes = 4096;
  std::int64_t offsets_retention_ms = std::int64_t{10'080} * 60'000;
};

/// An assignment strategy that a member offers, with its opaque metadata.
struct GroupProtocol {
  std::string name;
  std::string metadata;
  friend bool operator==(const GroupProtocol&, const GroupProtocol&) = default;
};

// ---- requests ----

struct JoinRequest {
  std::string group_id;
  std::string member_id;                         ///< Empty: not known yet.
  std::optional<std::string> group_instance_id;  ///< KIP-345.
  bool require_known_member_id = false;          ///< v4+ without instance id (KIP-394).
  bool supports_skipping_assignment = false;     ///< v9+.
  std::string client_id;
  std::string client_host;  ///< With Java's leading slash: "/127.0.0.1".
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;
  std::string reason;  ///< KIP-800, for the log.
};

struct SyncRequest {
  std::string group_id;
  std::int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;  ///< v5+.
  std::optional<std::string> protocol_name;  ///< v5+.
  std::vector<std::pair<std::string, std::string>> assignments;  ///< Member id, assignment. Only the leader sends them.
};

struct HeartbeatQuery {
  std::string_view group_id;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::int32_t generation = -1;
};

struct LeavingMember {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string reason;
};

/// One offset of a commit.
struct OffsetToCommit {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int64_t commit_timestamp_ms = -1;
  std::optional<std::int64_t> expire_timestamp_ms;  ///< Only when the client gave a retention (v2-4).
};

/// A transactional producer (TxnOffsetCommit).
struct ProducerRef {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
};

struct CommitRequest {
  std::string group_id;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::int32_t generation = -1;
  std::vector<OffsetToCommit> offsets;
  std::optional<ProducerRef> producer;  ///< Set: a transactional commit, pending until the producer's marker.
};

// ---- answers ----

struct JoinedMember {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string metadata;
};

struct JoinResult {
  ErrorCode error = ErrorCode::none;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<JoinedMember> members;  ///< For the leader only.

  static JoinResult failure(std::string member_id, ErrorCode error) {
    JoinResult r;
    r.error = error;
    r.member_id = std::move(member_id);
    return r;
  }
};

struct SyncResult {
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::string assignment;

  static SyncResult failure(ErrorCode error) {
    SyncResult r;
    r.error = error;
    return r;
  }
};

/// One error an offset, in the order of the request.
struct CommitResult {
  std::vector<ErrorCode> errors;
};

/// What was asked for is in the log.
struct DoneResult {
  ErrorCode error = ErrorCode::none;
};

using Answer = std::variant<JoinResult, SyncResult, CommitResult, DoneResult>;

struct LeftMember {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  ErrorCode error = ErrorCode::none;
};

struct LeaveResult {
  ErrorCode error = ErrorCode::none;
  std::vector<LeftMember> members;
};

struct FetchedOffset {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  ErrorCode error = ErrorCode::none;
};

struct FetchOffsetsResult {
  ErrorCode error = ErrorCode::none;
  std::vector<FetchedOffset> offsets;  ///< Sorted by topic and partition when all were asked for, else in the order asked.
};

struct GroupOverview {
  std::string group_id;
  std::string protocol_type;
  GroupState state = GroupState::empty;
};

struct MemberSummary {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string client_id;
  std::string client_host;
  std::string metadata;
  std::string assignment;
};

struct GroupSummary {
  ErrorCode error = ErrorCode::none;
  std::string state;  ///< Empty text when an error is set.
  std::string protocol_type;
  std::string protocol;
  std::vector<MemberSummary> members;
  bool found = false;
};

struct DeleteOffsetsResult {
  ErrorCode group_error = ErrorCode::none;
  std::vector<ErrorCode> errors;  ///< In the order asked; empty when group_error is set.
};

/// A committed offset as the metrics see it (consumer lag).
struct CommittedOffsetSnapshot {
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// All groups as the metrics see them.
struct GroupsSnapshot {
  std::array<std::size_t, 5> by_state{};  ///< Groups, in the order of GroupState.
  std::vector<std::pair<std::string, std::size_t>> members;  ///< Number of members of each group.
  std::vector<CommittedOffsetSnapshot> offsets;
  std::size_t queued_appends = 0;
};

// ---- effects ----

/// A record of `__consumer_offsets`: key and value with their version in front. No value: a tombstone.
struct CoordinatorRecord {
  std::string key;
  std::optional<std::string> value;
};

/// Records to append as one batch. Appends of a shard go to the log in the order in which they were asked for.
struct AppendAction {
  AppendId id = 0;
  std::vector<CoordinatorRecord> records;
  bool all_replicas = true;             ///< acks=-1; else the leader's log is enough and min.insync.replicas is not asked.
  bool is_commit = false;               ///< Offsets of a commit.
  std::optional<ProducerRef> producer;  ///< A transactional batch.
  std::int64_t timestamp_ms = 0;
};

/// What an event wants done. The shell answers, appends in order, and reports each append's outcome by on_appended().
struct Effects {
  std::vector<std::pair<RequestId, Answer>> answers;
  std::vector<AppendAction> appends;
};

}  // namespace moldau::server
