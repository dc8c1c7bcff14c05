// PartitionState: what a replica decides (Kafka 3.9 Partition and Replica), without I/O, clock, threads or log.
//
// Events come in with the facts they need (offsets, time in ms); answers say what is to be done. Partition performs it: truncates, moves the log's high
// watermark, sends AlterPartition. The rules are those of interbroker.md §4, §7-9.
//
// Invariants:
//   1. Leader epoch and partition epoch never go back.
//   2. The high watermark is the least log end over the maximal ISR (committed ISR plus a pending expansion) and over replicas about to join it.
//   3. At most one AlterPartition is in flight.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "protocol/base/error_code.h"
#include "protocol/base/ids.h"

namespace moldau::replication {

/// A partition as a LeaderAndIsr describes it. The lists are borrowed.
struct PartitionAssignment {
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::int32_t partition_epoch = 0;  ///< Version of the state node.
  std::int32_t controller_epoch = 0;
  std::span<const BrokerId> isr;
  std::span<const BrokerId> replicas;
  std::span<const BrokerId> adding;
  std::span<const BrokerId> removing;
  bool is_new = false;
};

/// To do: ask the controller for this ISR (AlterPartition), one request at a time per partition.
struct AlterIsr {
  LeaderEpoch leader_epoch;
  std::int32_t partition_epoch = 0;
  std::vector<BrokerId> isr;
  bool expand = false;  ///< For the metrics: expansion or shrink.
};

/// The controller's answer for this partition.
struct AlterIsrAnswer {
  ErrorCode error = ErrorCode::none;
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::int32_t partition_epoch = 0;
  std::vector<BrokerId> isr;
};

/// What became of an AlterPartition.
enum class AlterIsrOutcome : std::uint8_t { committed, rolled_back, wait_for_controller, retry, stale };

/// What the leader knows of another replica (Kafka 3.9 ReplicaState).
struct ReplicaState {
  BrokerId id;
  Offset log_end = kNoOffset;    ///< Fetch offset of its last fetch; -1 unknown.
  Offset log_start = kNoOffset;
  std::int64_t last_caught_up_ms = 0;
  std::int64_t last_fetch_ms = 0;
  Offset last_fetch_leader_log_end{0};

  [[nodiscard]] bool is_caught_up(Offset leader_log_end, std::int64_t now_ms, std::int64_t max_lag_ms) const {
    return log_end == leader_log_end || now_ms - last_caught_up_ms <= max_lag_ms;
  }
};

/// A fetch of a follower that was read and did not diverge.
struct FollowerFetch {
  BrokerId replica;
  Offset fetch_offset;
  Offset log_start;
  Offset leader_log_end;  ///< Before the read.
  Offset high_watermark;
  std::int64_t now_ms = 0;
  bool eligible = true;  ///< Alive in the metadata cache, not shutting down.
};

class PartitionState {
 public:
  enum class Role : std::uint8_t { none, leader, follower };

  explicit PartitionState(BrokerId self) : self_(self) {}

  [[nodiscard]] Role role() const noexcept { return role_; }
  [[nodiscard]] bool is_leader() const noexcept { return role_ == Role::leader; }
  [[nodiscard]] BrokerId leader() const noexcept { return leader_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const noexcept { return leader_epoch_; }
  [[nodiscard]] std::int32_t partition_epoch() const noexcept { return partition_epoch_; }
  [[nodiscard]] std::int32_t controller_epoch() const noexcept { return controller_epoch_; }
  /// First offset of this leader's epoch; nothing when not leader.
  [[nodiscard]] std::optional<Offset> epoch_start() const noexcept { return epoch_start_; }
  [[nodiscard]] const std::vector<BrokerId>& isr() const noexcept { return isr_; }
  /// The ISR that counts for the high watermark and acks=all: with the member of a pending expansion.
  [[nodiscard]] const std::vector<BrokerId>& maximal_isr() const noexcept { return pending_ ? pending_->maximal : isr_; }
  [[nodiscard]] bool isr_change_pending() const noexcept { return pending_.has_value(); }
  [[nodiscard]] const std::vector<BrokerId>& replicas() const noexcept { return replicas_; }
  [[nodiscard]] std::span<const ReplicaState> remote_replicas() const noexcept { return remote_; }
  [[nodiscard]] bool is_reassigning() const noexcept { return !adding_.empty() || !removing_.empty(); }
  [[nodiscard]] bool is_under_replicated() const noexcept { return is_leader() && isr_.size() < replicas_.size(); }

  /// How a LeaderAndIsr with this leader epoch is to be met: none (apply), STALE_CONTROLLER_EPOCH (old or already applied).
  [[nodiscard]] ErrorCode check_leader_epoch(LeaderEpoch requested) const noexcept {
    return requested > leader_epoch_ ? ErrorCode::none : ErrorCode::stale_controller_epoch;
  }

  /// Leader from now on. True when the leader epoch is new: then (epoch, log end) goes to the epoch cache. `log_end` is the log's now.
  bool become_leader(const PartitionAssignment& to, Offset log_end, std::int64_t now_ms);
  /// Follower from now on. True when leader or epoch changed (a fetcher has to be moved).
  bool become_follower(const PartitionAssignment& to);
  /// No role any more (stopped, deleted, its disk failed).
  void clear() noexcept;

  // ---- answers to clients ----
  /// Kafka 3.9 Partition.getLocalLog: FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH for the epoch a client believes in (-1: none), NOT_LEADER_OR_FOLLOWER when it
  /// needs the leader.
  [[nodiscard]] ErrorCode check_access(LeaderEpoch believed, bool leader_only) const noexcept;
  /// min.insync.replicas counted on the replicas there are (Kafka 3.9 effectiveMinIsr).
  [[nodiscard]] std::int32_t effective_min_isr(std::int32_t min_insync_replicas) const noexcept {
    const auto all = static_cast<std::int32_t>(remote_.size()) + 1;
    return min_insync_replicas < all ? min_insync_replicas : all;
  }
  [[nodiscard]] bool is_under_min_isr(std::int32_t min_insync_replicas) const noexcept {
    return static_cast<std::int32_t>(isr_.size()) < effective_min_isr(min_insync_replicas);
  }
  [[nodiscard]] bool is_at_min_isr(std::int32_t min_insync_replicas) const noexcept {
    return static_cast<std::int32_t>(isr_.size()) == effective_min_isr(min_insync_replicas);
  }
  /// acks=-1: nothing while `required` is not replicated, else none or NOT_ENOUGH_REPLICAS_AFTER_APPEND; NOT_LEADER_OR_FOLLOWER when the role is gone.
  [[nodiscard]] std::optional<ErrorCode> check_replicated(Offset required, Offset high_watermark, std::int32_t min_insync_replicas) const noexcept;

  // ---- the leader's log and its followers ----
  /// The part of the leader's log that counts: appended, and with flush.messages=1 on the disk. Only grows within an epoch.
  void on_leader_append(Offset end) noexcept {
    if (end > leader_end_) leader_end_ = end;
  }
  [[nodiscard]] Offset leader_end() const noexcept { return leader_end_; }
  /// The high watermark as it may be now; nothing when it must not move (not leader, under min ISR). Eligibility of replicas outside the ISR is asked.
  [[nodiscard]] std::optional<Offset> high_watermark_target(std::int64_t now_ms, std::int64_t max_lag_ms, std::int32_t min_insync_replicas,
                                                            const std::function<bool(BrokerId)>& eligible) const;

  struct FetchOutcome {
    bool log_end_moved = false;      ///< The high watermark may move.
    bool low_watermark_may_move = false;
    std::optional<AlterIsr> alter;   ///< Expansion to send.
  };
  /// Whether the replica may fetch here: none, or for one that is not assigned UNKNOWN_LEADER_EPOCH (the request carries our epoch), NOT_LEADER_OR_FOLLOWER.
  [[nodiscard]] ErrorCode check_follower(BrokerId replica, LeaderEpoch believed) const noexcept;
  FetchOutcome on_follower_fetch(const FollowerFetch& fetch);
  /// The periodic look for followers that fell behind; the shrink to send, if any.
  std::optional<AlterIsr> maybe_shrink(Offset leader_log_end, std::int64_t now_ms, std::int64_t max_lag_ms);
  /// Takes the controller's answer to the pending change.
  AlterIsrOutcome on_alter_answer(const AlterIsrAnswer& answer);

  /// Least log start of the leader and the live replicas (DeleteRecords). REQUIRES: leader.
  [[nodiscard]] Offset low_watermark(Offset leader_log_start, const std::function<bool(BrokerId)>& alive) const;

 private:
  struct Pending {
    std::vector<BrokerId> isr;      // asked for
    std::vector<BrokerId> maximal;  // counts meanwhile
  };
  void set_assignment(const PartitionAssignment& to);
  [[nodiscard]] ReplicaState* remote(BrokerId id) noexcept;
  [[nodiscard]] static bool contains(const std::vector<BrokerId>& list, BrokerId id) noexcept;
  AlterIsr propose(std::vector<BrokerId> isr, bool expand);

  const BrokerId self_;
  Role role_ = Role::none;
  BrokerId leader_ = kNoBroker;
  LeaderEpoch leader_epoch_ = kNoLeaderEpoch;
  std::int32_t partition_epoch_ = -1;
  std::int32_t controller_epoch_ = 0;
  std::optional<Offset> epoch_start_;
  Offset leader_end_{0};
  std::vector<BrokerId> replicas_;
  std::vector<BrokerId> isr_;
  std::vector<BrokerId> adding_;
  std::vector<BrokerId> removing_;
  std::vector<ReplicaState> remote_;  // all replicas but this one
  std::optional<Pending> pending_;
};

}  // namespace moldau::replication
