// LogManager: all logs of a broker over its log directories (Kafka 3.9 LogManager): load and recovery, creation, retention,
// flushing, checkpoints, deletion, clean shutdown.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/log_config.h"
#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/random.h"
#include "storage/log/load_queue.h"
#include "storage/log/log.h"

namespace moldau::storage {

class Disk;
class LogCompactor;
class UnifiedLog;

/// Settings of the manager itself, from broker keys.
struct LogManagerConfig {
  std::vector<std::string> log_dirs;
  std::int32_t recovery_threads_per_dir = 1;             // num.recovery.threads.per.data.dir
  std::int64_t retention_check_interval_ms = 300'000;    // log.retention.check.interval.ms
  std::int64_t flush_check_interval_ms = INT64_MAX;      // log.flush.scheduler.interval.ms
  std::int64_t recovery_point_checkpoint_ms = 60'000;    // log.flush.offset.checkpoint.interval.ms
  std::int64_t log_start_checkpoint_ms = 60'000;         // log.flush.start.offset.checkpoint.interval.ms
  std::int64_t high_watermark_checkpoint_ms = 5'000;     // replica.high.watermark.checkpoint.interval.ms
  std::int64_t initial_task_delay_ms = 30'000;           // log.initial.task.delay.ms
  std::int64_t producer_id_expiration_ms = 86'400'000;   // producer.id.expiration.ms
  std::int64_t producer_id_expiration_check_ms = 600'000;
  std::int64_t min_free_bytes = -1;                      // log.dir.min.free.bytes
  std::int32_t load_threads = 0;                         ///< 0: as many as there are cores; 1: loads and closes on the caller's thread (simulator)
};

/// meta.properties of the log directories, version 0.
struct BrokerIdentity {
  std::optional<BrokerId> broker_id;
  std::optional<std::string> cluster_id;
};

struct LogDirInfo {
  std::string path;
  bool online = true;
  std::int64_t total_bytes = -1;   ///< of the volume
  std::int64_t usable_bytes = -1;
};

/// The log will come: try again, or wait for LogManager::set_loaded_listener().
inline Error still_loading(std::string message) { return Error(ErrorCode::leader_not_available, std::move(message)); }
inline bool is_still_loading(const Error& error) noexcept { return error.code == ErrorCode::leader_not_available; }

class LogManager {
 public:
  struct Seams {
    Disk& disk;
    Clock& clock;
    Random& random;
    Executor background;  ///< Where blocking work runs (a thread_pool's executor).
  };

  static std::unique_ptr<LogManager> make(LogManagerConfig config, std::shared_ptr<const config::LogConfig> default_config, Seams seams);
  virtual ~LogManager() = default;

  /// Creates missing directories, takes their locks, reads meta.properties. Fails with a line that says what to change (directory,
  /// owner, lock held by another broker, different ids in two directories).
  virtual Result<BrokerIdentity> open_dirs() = 0;
  /// Writes meta.properties where it is missing; INCONSISTENT_CLUSTER_ID when the directories belong to another broker or cluster.
  virtual Status write_identity(BrokerId broker_id, const std::string& cluster_id) = 0;
  /// Loads all logs, recovering those of directories without a clean shutdown; `topic_configs` gives the overrides of a topic.
  /// Blocking; run it on a pool. `progress` is called with (done, total). When `stop_asked` (any thread, stays true) says so it ends early with an error; what is
  /// not recovered then is left to the next start, which goes on with it. With `patience` it returns when so much time has passed, though logs are still being
  /// recovered: that goes on in threads of the manager's own until shutdown(), which ends it.
  virtual Status load_logs(const std::function<std::shared_ptr<const config::LogConfig>(const std::string& topic)>& topic_configs,
                           const std::function<void(std::size_t, std::size_t)>& progress, const std::function<bool()>& stop_asked = {},
                           std::optional<Millis> patience = std::nullopt) = 0;
  /// What load_logs() has still to do, and what it could not. Any thread; looks at every log.
  [[nodiscard]] virtual LoadProgress load_progress() const = 0;
  /// Called by a loading thread behind each log that it loaded, or could not load. Null: nobody.
  virtual void set_loaded_listener(std::function<void()> listener) = 0;
  /// The partition's log is still being loaded: get_or_create() refuses it with still_loading().
  [[nodiscard]] virtual bool is_loading(TopicPartitionView tp) const = 0;
  /// Starts retention, checkpoints, expiry and deletion as coroutines on the background executor.
  virtual void start() = 0;
  /// Stops the background work, flushes and closes all logs, writes the checkpoints and the clean-shutdown marker; the latter not for a directory with a log that
  /// could not be closed, or not be recovered. After load_logs(), whether it succeeded or not. Blocking: the background executor must still run, on a thread other
  /// than the caller's.
  virtual void shutdown() = 0;

  [[nodiscard]] virtual std::shared_ptr<Log> get(TopicPartitionView tp) const = 0;
  [[nodiscard]] virtual std::vector<std::shared_ptr<Log>> all_logs() const = 0;
  /// The partition's log, created when missing in the directory asked for with prefer_dir(), or in the live one with the fewest partitions, futures counted. Does
  /// file I/O.
  virtual Result<std::shared_ptr<Log>> get_or_create(const TopicPartition& tp, std::shared_ptr<const config::LogConfig> config, bool is_new, TopicId id) = 0;
  /// Renames the directory to `-delete` and schedules the removal of its files after file.delete.delay.ms. Blocking: a load of it is ended first.
  /// REQUIRES: the log is sealed, or not loaded yet.
  virtual Status async_delete(TopicPartitionView tp) = 0;

  // ---- moves between log directories (KIP-113); names and steps: log_manager_futures.cc ----
  /// Where the partition's log is to be made when it is not there yet: asked before get_or_create(), forgotten with it. Nothing is noted when a log of the partition
  /// lies in `dir`, or when too much is noted already.
  virtual void prefer_dir(TopicPartitionView tp, const std::string& dir) = 0;
  /// LOG_DIR_NOT_FOUND for what is no entry of log.dirs, KAFKA_STORAGE_ERROR when it is offline.
  [[nodiscard]] virtual Status check_dir(const std::string& dir) const = 0;
  /// The log that is to take the place of the partition's; null when it is not being moved.
  [[nodiscard]] virtual std::shared_ptr<Log> future(TopicPartitionView tp) const = 0;
  [[nodiscard]] virtual std::vector<std::shared_ptr<Log>> all_futures() const = 0;
  /// Makes the future log in `dir`. Blocking. REQUIRES: the partition has a log, in another directory, and no future one. KAFKA_STORAGE_ERROR when any directory is
  /// offline, which may hold a future log too, as Kafka 3.9 has it.
  virtual Result<std::shared_ptr<Log>> create_future(const TopicPartition& tp, const std::string& dir, std::shared_ptr<const config::LogConfig> config, TopicId id) = 0;
  /// Makes the future log the partition's log: renames its directory, and gives back the log that it takes the place of, which is to be sealed and retired. What is
  /// durable in that one is durable in the new one before. With an error nothing has changed. Blocking, for a background executor. REQUIRES: nobody appends to
  /// either.
  virtual Awaitable<Result<std::shared_ptr<Log>>> replace_with_future(TopicPartition tp) = 0;
  /// As async_delete(), for a log that was replaced. REQUIRES: sealed.
  virtual Status retire(const std::shared_ptr<Log>& replaced) = 0;
  /// As async_delete(), for the future log, which nothing becomes of. REQUIRES: sealed.
  virtual Status delete_future(TopicPartitionView tp) = 0;
  /// The compactor leaves the partition alone until resume_cleaning(), as often as pause_cleaning() was called.
  virtual void pause_cleaning(TopicPartitionView tp) = 0;
  virtual void resume_cleaning(TopicPartitionView tp) = 0;
  /// Asks the volumes for their free space: blocking.
  [[nodiscard]] virtual std::vector<LogDirInfo> dirs() const = 0;
  /// Does not block.
  [[nodiscard]] virtual bool any_online() const = 0;
  [[nodiscard]] virtual bool is_dir_online(const std::string& dir) const = 0;
  virtual void update_default_config(std::shared_ptr<const config::LogConfig> config) = 0;
  /// A new log.dir.min.free.bytes; counts from the next look at the volumes on. Any thread.
  virtual void update_min_free_bytes(std::int64_t bytes) = 0;
  /// A new producer.id.expiration.ms; counts from the next check on. Any thread.
  virtual void update_producer_id_expiration(std::int64_t expiration_ms) = 0;
  /// What compacts the logs: started by start(), stopped first by shutdown(). Null: nothing is compacted. Call before start().
  virtual void set_compactor(std::unique_ptr<LogCompactor> compactor) = 0;
  /// For the compactor and tools.
  [[nodiscard]] virtual std::vector<std::shared_ptr<UnifiedLog>> unified_logs() const = 0;
  /// The high watermark checkpointed for a partition at the last run; log start when unknown.
  [[nodiscard]] virtual std::optional<Offset> checkpointed_high_watermark(TopicPartitionView tp) const = 0;
  /// Called when a directory goes offline, with its path.
  virtual void set_dir_failure_handler(std::function<void(const std::string& dir)> handler) = 0;
};

}  // namespace moldau::storage
