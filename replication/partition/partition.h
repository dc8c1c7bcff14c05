// Partition: a replica on this broker (Kafka 3.9 Partition): its state, its log, and those who wait for it.
//
// The shell around PartitionState: it performs what the state decides. Threads: everything but the role changes may be called from any thread; role changes
// come from ReplicaManager's state-change queue, one at a time. `mutex_` guards the state and the log pointer, is short, and is never held over I/O or co_await.
// Invariants:
//   1. An append enters through the gate with the epoch it read there; the role changes only while the gate is closed and nobody is inside.
//   2. The high watermark is raised under `mutex_`, so it moves in the order of the events; waiters are woken after it is released.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "replication/delayed/wait_list.h"
#include "replication/partition/append_gate.h"
#include "replication/partition/partition_state.h"
#include "replication/partition/topic_metrics.h"
#include "storage/log/log.h"

namespace moldau::replication {

/// Sends AlterPartition to the controller, one in flight a broker, and brings the answer back (Kafka 3.9 AlterPartitionManager).
class AlterPartitionSender {
 public:
  virtual ~AlterPartitionSender() = default;
  /// `done` is called on any thread, once.
  virtual void submit(const TopicPartition& tp, TopicId id, AlterIsr alter, std::function<void(AlterIsrAnswer)> done) = 0;
};

/// What all partitions of a broker share. Owned by the ReplicaManager.
struct PartitionEnv {
  BrokerId self;
  Clock& clock;
  std::int64_t replica_lag_time_max_ms = 30'000;
  std::function<bool(BrokerId)> is_alive;  ///< In the metadata cache.
  AlterPartitionSender* alter_partition = nullptr;  ///< Null: a cluster of one, whose ISR never changes.
};

/// A leader's append as the replica sees it.
struct PartitionAppend {
  Bytes records;  ///< Must stay alive until the append has completed.
  storage::AppendOrigin origin = storage::AppendOrigin::client;
  std::int16_t acks = 1;
  std::int16_t produce_version = 11;
  /// With flush.messages=1: returns when the records are written. What is not durable then does not count toward the high watermark before it is; wait_durable().
  bool defer_flush = false;
};

/// One partition of a fetch.
struct PartitionRead {
  Offset fetch_offset;
  Offset follower_log_start = kNoOffset;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
  TopicId topic_id;  ///< Zero: not given. Else it must be the log's (INCONSISTENT_TOPIC_ID).
  std::int32_t max_bytes = 0;
  storage::FetchIsolation isolation = storage::FetchIsolation::high_watermark;
  bool min_one_batch = true;
  bool leader_only = true;
  BrokerId replica = kNoBroker;  ///< >= 0: a follower.
  storage::ColdRead cold = storage::ColdRead::wait;
};

/// KIP-595/320: the follower's log left the leader's after this epoch.
struct DivergingEpoch {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset end_offset = kNoOffset;
};

/// What a read gives; with an error all offsets are -1.
struct PartitionReadResult {
  ErrorCode error = ErrorCode::none;
  bool needs_disk = false;  ///< Nothing was read: ColdRead::refuse was asked and the disk would have to be waited for.
  Offset high_watermark = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  Offset log_start_offset = kNoOffset;
  Offset log_end_offset = kNoOffset;
  storage::FetchDataInfo data;
  std::optional<DivergingEpoch> diverging;
};

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  Partition(TopicPartition tp, const PartitionEnv& env, std::shared_ptr<TopicMetrics> metrics);
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  [[nodiscard]] const TopicPartition& topic_partition() const noexcept { return tp_; }
  [[nodiscard]] const TopicMetrics& metrics() const noexcept { return *metrics_; }
  [[nodiscard]] std::shared_ptr<storage::Log> log() const;
  /// The log in another log directory that is to take its place; null when the partition is not being moved.
  [[nodiscard]] std::shared_ptr<storage::Log> future_log() const;
  /// The log's topic id; nothing when there is no log or it has none.
  [[nodiscard]] std::optional<TopicId> topic_id() const;
  /// False only when both ids are known and differ.
  [[nodiscard]] bool is_consistent(TopicId id) const;
  /// Its log directory has failed: every answer is KAFKA_STORAGE_ERROR.
  [[nodiscard]] bool is_offline() const noexcept { return offline_.load(std::memory_order_acquire); }
  void mark_offline();

  struct Snapshot {
    PartitionState::Role role = PartitionState::Role::none;
    BrokerId leader = kNoBroker;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::size_t isr = 0;
    std::size_t replicas = 0;
    bool under_min_isr = false;
    bool at_min_isr = false;
    bool reassigning = false;
  };
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] LeaderEpoch leader_epoch() const;
  [[nodiscard]] BrokerId leader() const;

  // ---- appends ----
  /// Appends as leader. NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS (acks=-1 under min.insync.replicas), KAFKA_STORAGE_ERROR, and the log's errors.
  Awaitable<storage::AppendResult<storage::LogAppendInfo>> append_as_leader(PartitionAppend append);
  /// Waits until all below `end` is on this broker's disk: acks=1 after a deferred flush.
  Awaitable<ErrorCode> wait_durable(Offset end);
  /// acks=-1: nothing while offsets below `required` are not replicated; see PartitionState::check_replicated.
  [[nodiscard]] std::optional<ErrorCode> check_replicated(Offset required) const;

  // ---- reads ----
  /// Reads for a consumer or a follower (whose fetch offset acknowledges what lies below it, when `update_follower` and something was read).
  void read(const PartitionRead& request, bool update_follower, PartitionReadResult& out);
  /// Brings the offsets of an earlier, good result up to date; its data stays.
  void refresh_offsets(PartitionReadResult& out) const;
  /// The offset that a waiter of this kind waits for, now.
  [[nodiscard]] Offset reached(WaitFor what) const;

  /// The log with the epoch that leads it, for look-ups.
  struct Access {
    ErrorCode error = ErrorCode::none;
    std::shared_ptr<storage::Log> log;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::optional<Offset> epoch_start;
  };
  [[nodiscard]] Access access(LeaderEpoch believed, bool leader_only) const;

  /// Raises the log start (DeleteRecords). OFFSET_OUT_OF_RANGE, POLICY_VIOLATION, NOT_LEADER_OR_FOLLOWER. Gives the offset asked for and the low watermark.
  struct DeleteOutcome {
    Offset requested = kNoOffset;
    Offset low_watermark = kNoOffset;
  };
  Result<DeleteOutcome> delete_records(Offset before);
  /// Least log start over the live replicas; nothing when not leader.
  [[nodiscard]] std::optional<Offset> low_watermark() const;

  [[nodiscard]] WaitList& waiters() noexcept { return waiters_; }

  // ---- role changes: ReplicaManager's state-change queue only ----
  /// Sets the log once it is created and has its topic id. REQUIRES: the gate is closed or there was none.
  void set_log(std::shared_ptr<storage::Log> log);
  /// A move to another log directory begins. REQUIRES: none is under way.
  void set_future_log(std::shared_ptr<storage::Log> future);
  /// The move ends: gives back its log, once. Any thread.
  std::shared_ptr<storage::Log> take_future_log();
  /// The future log, of which the log manager has made the partition's log by now, takes its place here too. REQUIRES: the gate is closed, both end at one offset.
  void replace_log(std::shared_ptr<storage::Log> next);
  AppendGate& gate() noexcept { return gate_; }
  /// Takes note of the new epoch's start. KAFKA_STORAGE_ERROR when the log directory has failed meanwhile. REQUIRES: the gate closed when it was leader.
  ErrorCode make_leader(const PartitionAssignment& to);
  ErrorCode make_follower(const PartitionAssignment& to);
  void stop();
  /// Looks for followers that fell behind, and for a high watermark that time alone lets move. TODO(#5): ReplicaManager calls it every
  /// replica.lag.time.max.ms / 2; a cluster of one has no followers.
  void expire_isr();

 private:
  /// The way into an append.
  struct Entry {
    bool closed = false;  ///< The role is changing: wait and come again.
    ErrorCode refused = ErrorCode::none;
    std::shared_ptr<storage::Log> log;
    LeaderEpoch epoch;
  };
  Entry enter(std::int16_t acks);
  /// The way out: takes note of what was appended (null: nothing) and moves the high watermark.
  void leave(LeaderEpoch epoch, const storage::LogAppendInfo* appended);

  /// The log has synced: what is durable now counts.
  void on_flushed();
  void follow_flushes(storage::Log& log);
  /// REQUIRES: mutex_. True when the high watermark moved.
  bool advance_high_watermark_locked();
  [[nodiscard]] std::int32_t min_isr_locked() const;
  [[nodiscard]] std::int64_t now_ms() const { return env_.clock.wall_ms(); }
  void wake(std::int64_t bytes);
  void send_alter(AlterIsr alter);
  void on_alter_answer(const AlterIsr& asked, const AlterIsrAnswer& answer);

  const TopicPartition tp_;
  const PartitionEnv& env_;
  const std::shared_ptr<TopicMetrics> metrics_;
  std::atomic<bool> offline_{false};
  mutable std::mutex mutex_;
  PartitionState state_;
  std::shared_ptr<storage::Log> log_;
  std::shared_ptr<storage::Log> future_log_;
  TopicId topic_id_;  // the log's, zero without one
  AppendGate gate_{mutex_};
  WaitList waiters_;
};

}  // namespace moldau::replication
