// ReplicaManager: all partitions of this broker (Kafka 3.9 ReplicaManager): their roles as the controller wants them, appends, fetches, look-ups.
//
// Threads: any, but for the state changes (LeaderAndIsr, StopReplica, UpdateMetadata), which pass one at a time through a queue in the order of their arrival;
// log creation and epoch checkpoints of a request run in parallel on the blocking pool. Look-ups of a partition take a shard's shared lock, and allocate nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/log_config.h"
#include "config/metrics.h"
#include "protocol/base/arena.h"
#include "protocol/base/async.h"
#include "protocol/base/async_mutex.h"
#include "protocol/base/clock.h"
#include "replication/delayed/purgatory.h"
#include "replication/delayed/timer_service.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/partition/log_dir_mover.h"
#include "replication/partition/partition.h"
#include "storage/log/log_manager.h"

namespace moldau::protocol {
struct LeaderAndIsrRequest;
struct LeaderAndIsrResponse;
struct StopReplicaRequest;
struct StopReplicaResponse;
struct UpdateMetadataRequest;
struct UpdateMetadataResponse;
}  // namespace moldau::protocol

namespace moldau::replication {

struct ReplicaManagerDeps {
  BrokerId self;
  Clock& clock;
  storage::LogManager& logs;
  MetadataCache& metadata;
  /// Effective configuration of a topic, asked when a log is created.
  std::function<std::shared_ptr<const config::LogConfig>(std::string_view topic)> topic_config;
  /// czxid of /brokers/ids/N; -1 while unknown.
  std::function<std::int64_t()> broker_epoch;
  Executor blocking;               ///< Pool for file work.
  std::size_t blocking_threads = 2;
  Executor timers;                 ///< Where deadlines are driven; best an I/O thread's.
  AlterPartitionSender* alter_partition = nullptr;
  std::int64_t replica_lag_time_max_ms = 30'000;
  std::size_t alter_log_dirs_threads = 1;  ///< num.replica.alter.log.dirs.threads
};

/// A partition whose role on this broker changed: coordinators load and unload by it.
struct LeadershipChange {
  enum class Role : std::uint8_t { leader, follower, stopped, deleted };
  TopicPartition partition;
  LeaderEpoch leader_epoch;
  Role role = Role::leader;
};
using LeadershipListener = std::function<void(std::span<const LeadershipChange>)>;

/// Appends to some partitions: what a Produce asks.
struct AppendOptions {
  std::int16_t acks = 1;
  Millis timeout{30'000};
  bool internal_topics_allowed = false;
  storage::AppendOrigin origin = storage::AppendOrigin::client;
  std::int16_t produce_version = 11;
};
struct PartitionRecords {
  TopicPartitionView tp;
  TopicId id;     ///< Zero: not given. Checked against the log's.
  Bytes records;
};
struct PartitionAppendResult {
  ErrorCode error = ErrorCode::none;
  storage::LogAppendInfo info;
  std::string message;
  std::vector<storage::RecordError> record_errors;
  std::shared_ptr<Partition> partition;  ///< Null when it is not here.
};

/// A fetch over some partitions.
struct FetchParams {
  BrokerId replica{-1};        ///< >= 0: a follower; -1 consumer; -2 debugging consumer.
  Millis max_wait{0};
  std::int64_t min_bytes = 1;
  std::int32_t max_bytes = INT32_MAX;
  bool hard_max_bytes = false; ///< Fetch v0-2: not even the first batch may be larger.
  bool read_committed = false;
  bool leader_only = true;     ///< Followers serve consumers from v11 on.
};
struct FetchPartition {
  TopicPartitionView tp;
  TopicId id;                  ///< Zero: not given.
  Offset fetch_offset;
  Offset log_start_offset = kNoOffset;
  std::int32_t max_bytes = 0;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
  ErrorCode refused = ErrorCode::none;  ///< Set by the caller: not read, answered with this.
};
struct FetchResult {
  PartitionReadResult read;
  std::shared_ptr<Partition> partition;  ///< Null when it is not here.
};

struct OffsetLookup {
  std::int64_t timestamp = -1;
  std::optional<bool> read_committed;  ///< Isolation of a client; nothing for replicas.
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  bool leader_only = true;
};

struct EpochEnd {
  ErrorCode error = ErrorCode::none;
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset end_offset = kNoOffset;
};

struct DeleteRecordsResult {
  ErrorCode error = ErrorCode::none;
  Offset low_watermark = kNoOffset;
};

/// A partition that is to lie in this log directory.
struct LogDirMove {
  TopicPartitionView tp;
  std::string_view dir;  ///< As log.dirs has it, made absolute.
};

inline constexpr std::int64_t kUnknownLag = -1;  ///< Of a log whose partition has no role here (Kafka's INVALID_OFFSET_LAG).

struct LogDirDescription {
  ErrorCode error = ErrorCode::none;
  std::string path;
  struct Replica {
    TopicPartition tp;
    std::int64_t size = 0;
    std::int64_t offset_lag = 0;
    bool is_future = false;
  };
  std::vector<Replica> replicas;
  std::int64_t total_bytes = -1;
  std::int64_t usable_bytes = -1;
};

class ReplicaManager {
 public:
  explicit ReplicaManager(ReplicaManagerDeps deps);
  ReplicaManager(const ReplicaManager&) = delete;
  ReplicaManager& operator=(const ReplicaManager&) = delete;
  ~ReplicaManager();

  /// Called after a state change was applied, in its order. REQUIRES: added before the first request.
  void add_leadership_listener(LeadershipListener listener) { leadership_listeners_.push_back(std::move(listener)); }
  /// Called when a log directory failed and its partitions are offline (the broker tells the controller).
  void set_dir_failure_listener(std::function<void(const std::string& dir)> listener) { dir_failure_listener_ = std::move(listener); }
  /// Ends every wait: waiting fetches and produces are answered as if their time had passed. No move between log directories goes on. Idempotent.
  void shutdown();
  /// Waits until no move is at work in a log; false when `timeout` came first. After shutdown(). Blocking.
  bool join_moves(Millis timeout) { return mover_->join_blocking(timeout); }
  [[nodiscard]] const LogDirMover& mover() const noexcept { return *mover_; }

  // ---- the controller's requests (interbroker.md §2-5); top-level errors STALE_CONTROLLER_EPOCH, STALE_BROKER_EPOCH ----
  /// `arena` holds the answer; the request's memory lives until the call has completed.
  Awaitable<protocol::LeaderAndIsrResponse> become_leader_or_follower(const protocol::LeaderAndIsrRequest& request, std::int16_t version, Arena& arena);
  Awaitable<protocol::StopReplicaResponse> stop_replicas(const protocol::StopReplicaRequest& request, std::int16_t version, Arena& arena);
  /// Fences, applies to the metadata cache, in order with the two above.
  Awaitable<protocol::UpdateMetadataResponse> update_metadata(const protocol::UpdateMetadataRequest& request);

  /// Gives partitions the roles that they could not have while their logs were loaded (storage::LogManager::set_loaded_listener). Until then they answer
  /// NOT_LEADER_OR_FOLLOWER, though the controller was told that all is well: it is a matter of time, and no reason for other leaders.
  Awaitable<void> apply_late_roles();

  // ---- partitions ----
  /// Null when this broker has no replica of it.
  [[nodiscard]] std::shared_ptr<Partition> partition(TopicPartitionView tp) const;
  /// The partition, or why not: KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER (it exists elsewhere), UNKNOWN_TOPIC_OR_PARTITION.
  [[nodiscard]] ErrorCode find(TopicPartitionView tp, std::shared_ptr<Partition>& out) const;
  [[nodiscard]] std::vector<std::shared_ptr<Partition>> partitions() const;
  /// Leader and epoch to tell a client that came to the wrong broker (KIP-951).
  [[nodiscard]] LeaderAndEpoch current_leader(TopicPartitionView tp) const;

  // ---- produce ----
  /// Phase one: appends, partition after partition. Afterwards the order of a connection's requests is safe. The spans have the same size.
  Awaitable<void> append_records(const AppendOptions& options, std::span<const PartitionRecords> records, std::span<PartitionAppendResult> results);
  /// True when phase two is needed: acks=-1 and something is not replicated yet, or acks=1 with flush.messages=1 and something is not on the disk yet.
  [[nodiscard]] static bool needs_replication(const AppendOptions& options, std::span<PartitionAppendResult> results);
  /// Phase two: waits until every good append is replicated (REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND, NOT_LEADER_OR_FOLLOWER).
  Awaitable<void> wait_replicated(const AppendOptions& options, std::span<PartitionAppendResult> results);
  /// The log of a partition that this broker leads; null otherwise. For loading coordinators.
  [[nodiscard]] std::shared_ptr<storage::Log> leader_log(TopicPartitionView tp) const;

  // ---- fetch ----
  /// Reads in order within the byte budgets and waits for news if asked to. The spans have the same size.
  Awaitable<void> fetch(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results);

  // ---- look-ups ----
  /// ListOffsets v1+. Nothing found: nullopt. May do file I/O. OFFSET_NOT_AVAILABLE while a new leader's high watermark lags.
  Result<std::optional<storage::TimestampAndOffset>> offset_for_timestamp(TopicPartitionView tp, const OffsetLookup& lookup) const;
  /// ListOffsets v0. May do file I/O.
  Result<std::vector<Offset>> legacy_offsets(TopicPartitionView tp, std::int64_t timestamp, std::int32_t max, bool from_consumer, bool leader_only) const;
  [[nodiscard]] EpochEnd last_offset_for_leader_epoch(TopicPartitionView tp, LeaderEpoch current, LeaderEpoch requested) const;
  /// Deletes up to each offset (-1: high watermark) and waits until the low watermarks passed it (REQUEST_TIMED_OUT).
  Awaitable<void> delete_records(std::span<const std::pair<TopicPartitionView, Offset>> offsets, Millis timeout, std::span<DeleteRecordsResult> results);
  Result<std::vector<storage::ActiveProducer>> active_producers(TopicPartitionView tp) const;


  // ---- log directories ----
  /// Begins to move partitions, to other directories than those they move to by now as well; to the one where a partition lies gives its move up. A partition that
  /// comes later is made there. Answers when the moves have begun (Kafka 3.9 ReplicaManager.alterReplicaLogDirs): LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR,
  /// REPLICA_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION for a name that is too long. The spans have the same size.
  Awaitable<void> alter_log_dirs(std::span<const LogDirMove> moves, std::span<ErrorCode> results);
  /// Every log directory with the replicas for which `wanted` holds. Reads sizes: may do file I/O.
  [[nodiscard]] std::vector<LogDirDescription> describe_log_dirs(const std::function<bool(TopicPartitionView)>& wanted) const;

  [[nodiscard]] TimerService& timers() noexcept { return timers_; }
  [[nodiscard]] BrokerId self() const noexcept { return deps_.self; }
  [[nodiscard]] const MetadataCache& metadata() const noexcept { return deps_.metadata; }

 private:
  static constexpr std::size_t kShards = 64;
  using Map = std::unordered_map<TopicPartition, std::shared_ptr<Partition>, TopicPartitionHash, TopicPartitionEqual>;
  struct Shard {
    mutable std::shared_mutex mutex;
    Map partitions;
  };
  struct RoleChange;
  struct LateRole;

  [[nodiscard]] Shard& shard(TopicPartitionView tp) const { return shards_[TopicPartitionHash{}(tp) % kShards]; }
  std::shared_ptr<Partition> get_or_add(TopicPartitionView tp);
  void erase(TopicPartitionView tp);

  [[nodiscard]] ErrorCode fence(std::int32_t controller_epoch, std::int64_t broker_epoch);
  ErrorCode admit(RoleChange& change);
  void apply_role(RoleChange& change);
  ErrorCode attach_log(Partition& partition, const std::shared_ptr<const config::LogConfig>& config, bool is_new, TopicId id);
  void note_late_role(const TopicPartition& tp, const PartitionAssignment& to, TopicId id);
  void forget_late_role(TopicPartitionView tp);
  void apply_late_role(LateRole& role);
  /// Brings a new log's configuration up to date. REQUIRES: the log manager shows the log.
  void settle_config(storage::Log& log) const;
  Awaitable<ErrorCode> alter_log_dir(LogDirMove asked);
  /// REQUIRES: `future` is the log manager's, the partition has a log and is not being moved.
  void begin_move(const std::shared_ptr<Partition>& p, const std::shared_ptr<storage::Log>& future);
  /// Gives back the log that was not finished; null when there was none, or somebody else has ended the move.
  std::shared_ptr<storage::Log> end_move(Partition& p);
  /// end_move(), and deletes what was copied. REQUIRES: state_changes_.
  Awaitable<void> abandon_move(std::shared_ptr<Partition> p);
  /// Goes on with a move that was under way when the broker stopped. REQUIRES: state_changes_.
  Awaitable<void> resume_move(std::shared_ptr<Partition> p);
  /// LogDirMover's last step: the rest is copied while appends wait, then the logs change places.
  Awaitable<bool> finish_move(std::shared_ptr<Partition> p, std::shared_ptr<storage::Log> next);
  void notify(std::span<const LeadershipChange> changes);
  void on_dir_failure(const std::string& dir);
  void register_metrics();

  struct ReadTotals {
    std::int64_t bytes = 0;
    std::size_t readable = 0;  // partitions that the caller did not refuse
    bool answer_now = false;   // no wait, however little there is
  };
  struct ReadLimits {
    std::int32_t budget = 0;    // bytes that are left of the request's
    bool min_one_batch = false;
    bool first_read = false;    // a follower's fetch offset counts
  };
  void read_one(const FetchParams& params, const FetchPartition& asked, const ReadLimits& limits, storage::ColdRead cold, FetchResult& result) const;
  /// The same read on the blocking pool.
  Awaitable<void> read_from_disk(const FetchParams& params, const FetchPartition& asked, ReadLimits limits, FetchResult& result) const;
  Awaitable<ReadTotals> read_all(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results) const;
  Awaitable<void> wait_for_data(const FetchParams& params, std::span<const FetchPartition> partitions, std::span<FetchResult> results, std::int64_t bytes);

  ReplicaManagerDeps deps_;
  PartitionEnv env_;
  TimerService timers_;
  AsyncMutex state_changes_;
  std::atomic<std::int32_t> controller_epoch_{0};
  mutable std::array<Shard, kShards> shards_;
  std::unordered_map<TopicPartition, std::shared_ptr<LateRole>, TopicPartitionHash, TopicPartitionEqual> late_roles_;  ///< Under state_changes_.
  TopicMetricsRegistry topic_metrics_;
  std::vector<LeadershipListener> leadership_listeners_;
  std::function<void(const std::string&)> dir_failure_listener_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<LogDirMover> mover_;
  Purgatory delayed_produces_{"Produce"};
  Purgatory delayed_fetches_{"Fetch"};
  Purgatory delayed_deletes_{"DeleteRecords"};
  config::Counter expired_followers_;
  config::Counter expired_consumers_;
  std::vector<config::MetricFamilyBase::Registration> gauges_;
};

}  // namespace moldau::replication
