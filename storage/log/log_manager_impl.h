// LogManagerImpl: the LogManager on a Disk. Its housekeeping runs are public, so that tests and the simulator drive them by hand.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "config/metrics.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/log/load_queue.h"
#include "storage/log/log_compactor.h"
#include "storage/log/log_dir_names.h"
#include "storage/log/log_environment.h"
#include "storage/log/log_manager.h"
#include "storage/log/periodic_tasks.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

/// What vanishes later: segments by name `.deleted`, directories by name `-delete`. Thread-safe.
class DeletionQueue final : public DelayedDeletion {
 public:
  explicit DeletionQueue(const Clock& clock) : clock_(clock) {}
  void delete_later(std::shared_ptr<LogSegment> segment, std::int64_t delay_ms) override;
  /// Not while `log` is being cleaned.
  void delete_directory_later(std::shared_ptr<LogDirState> dir, std::string path, std::int64_t delay_ms, std::shared_ptr<const UnifiedLog> log = nullptr);
  /// Removes what is due. Blocking.
  void run_due(Disk& disk);
  [[nodiscard]] std::size_t size() const;
  /// Lets go of what is not due yet; the next start finds it by its name. Logs hold the queue, and items hold their logs.
  void forget();

 private:
  struct Item {
    std::int64_t due_ms;
    std::shared_ptr<LogSegment> segment;
    std::shared_ptr<LogDirState> dir;
    std::string path;
    std::shared_ptr<const UnifiedLog> log;
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::list<Item> items_;
};

class LogManagerImpl final : public LogManager {
 public:
  LogManagerImpl(LogManagerConfig config, std::shared_ptr<const config::LogConfig> default_config, Seams seams);
  ~LogManagerImpl() override;

  Result<BrokerIdentity> open_dirs() override;
  Status write_identity(BrokerId broker_id, const std::string& cluster_id) override;
  Status load_logs(const std::function<std::shared_ptr<const config::LogConfig>(const std::string& topic)>& topic_configs,
                   const std::function<void(std::size_t, std::size_t)>& progress, const std::function<bool()>& stop_asked = {},
                   std::optional<Millis> patience = std::nullopt) override;
  [[nodiscard]] LoadProgress load_progress() const override { return loading_.progress(load_threads_wanted_); }
  void set_loaded_listener(std::function<void()> listener) override;
  [[nodiscard]] bool is_loading(TopicPartitionView tp) const override { return loading_.is_loading(tp); }
  void start() override;
  void shutdown() override;
  [[nodiscard]] std::shared_ptr<Log> get(TopicPartitionView tp) const override;
  [[nodiscard]] std::vector<std::shared_ptr<Log>> all_logs() const override;
  Result<std::shared_ptr<Log>> get_or_create(const TopicPartition& tp, std::shared_ptr<const config::LogConfig> config, bool is_new, TopicId id) override;
  Status async_delete(TopicPartitionView tp) override;
  void prefer_dir(TopicPartitionView tp, const std::string& dir) override;
  [[nodiscard]] Status check_dir(const std::string& dir) const override;
  [[nodiscard]] std::shared_ptr<Log> future(TopicPartitionView tp) const override { return find_in(futures_, tp); }
  [[nodiscard]] std::vector<std::shared_ptr<Log>> all_futures() const override;
  Result<std::shared_ptr<Log>> create_future(const TopicPartition& tp, const std::string& dir, std::shared_ptr<const config::LogConfig> config, TopicId id) override;
  Awaitable<Result<std::shared_ptr<Log>>> replace_with_future(TopicPartition tp) override;
  Status retire(const std::shared_ptr<Log>& replaced) override;
  Status delete_future(TopicPartitionView tp) override;
  void pause_cleaning(TopicPartitionView tp) override;
  void resume_cleaning(TopicPartitionView tp) override;
  [[nodiscard]] std::vector<LogDirInfo> dirs() const override;
  [[nodiscard]] bool any_online() const override;
  [[nodiscard]] bool is_dir_online(const std::string& dir) const override;
  void update_default_config(std::shared_ptr<const config::LogConfig> config) override;
  void update_min_free_bytes(std::int64_t bytes) override { min_free_bytes_ = bytes; }
  void update_producer_id_expiration(std::int64_t expiration_ms) override { producer_id_expiration_ms_ = expiration_ms; }
  [[nodiscard]] std::optional<Offset> checkpointed_high_watermark(TopicPartitionView tp) const override;
  void set_compactor(std::unique_ptr<LogCompactor> compactor) override;
  [[nodiscard]] std::vector<std::shared_ptr<UnifiedLog>> unified_logs() const override { return logs(); }
  void set_dir_failure_handler(std::function<void(const std::string& dir)> handler) override;

  // ---- housekeeping ----
  Awaitable<void> run_retention();
  /// Asks the volumes for their free space, and tells the directories. Blocking.
  void check_space();
  /// check_space(), and retention out of turn while a directory is full. REQUIRES: not twice at a time.
  Awaitable<void> watch_space();
  /// flush.ms: syncs logs that have waited long enough. Blocking.
  void run_flush();
  void checkpoint_recovery_points();
  void checkpoint_log_starts();
  void checkpoint_high_watermarks();
  void expire_producers();
  void run_deletions() { deletion_->run_due(seams_.disk); }
  /// Waits until the background work that is under way has ended. Blocking.
  void drain_jobs() { jobs_->drain(); }
  [[nodiscard]] const DeletionQueue& deletions() const noexcept { return *deletion_; }
  [[nodiscard]] FileCache& file_cache() noexcept { return cache_; }

 private:
  void register_space_gauges();

  struct Dir {
    std::shared_ptr<LogDirState> state;
    std::unique_ptr<FileLock> lock;
    std::optional<MetaProperties> meta;
    bool clean_shutdown = false;                             ///< the marker was there; what is not loaded is as the last stop left it
    bool scanned = false;                                    ///< its logs and checkpoints are known; fixed when loading begins
    std::atomic<bool> loaded{false};                         ///< with all of its logs
    std::atomic<std::size_t> unloaded{0};                    ///< logs still to be loaded
    std::atomic<bool> unclosed{false};                       ///< a log could not be closed
    OffsetMap recovery_points, log_starts, high_watermarks;
    std::unordered_map<std::string, std::uint64_t> written;  ///< fingerprints of the checkpoint files, by name; under checkpoint_mutex_
    std::size_t partitions = 0;                              ///< under logs_mutex_
  };
  using LoadJob = LoadQueue::Job;
  using LoadJobs = std::vector<std::unique_ptr<LoadJob>>;
  using TopicConfigs = std::function<std::shared_ptr<const config::LogConfig>(const std::string& topic)>;
  /// What the loading threads share; copied from the caller's, who may be gone.
  struct LoadRun {
    TopicConfigs topic_configs;
    std::function<void(std::size_t, std::size_t)> progress;
    std::function<bool()> stop_asked;
    SteadyTime began;
  };
  using LogMap = std::unordered_map<TopicPartition, std::shared_ptr<UnifiedLog>, TopicPartitionHash, TopicPartitionEqual>;

  Status open_dir(Dir& dir);
  Result<LoadJobs> scan_dir(std::size_t index);
  Status read_checkpoints(Dir& dir);
  /// Scans the directories, reads their checkpoints, removes the markers of clean stops.
  Result<LoadJobs> find_load_jobs();
  /// The marker must be gone for good before something new is written.
  void sync_marker_removals();
  void count_recovery_work(LoadJobs& jobs, std::size_t threads);
  void load_from(LoadQueue::End end, std::size_t thread, const LoadRun& run);
  [[nodiscard]] LoadQueue::State load_one(LoadJob& job, const LoadRun& run);
  void register_load_gauges();
  void tell_load_progress();
  void on_all_loaded(const LoadRun& run);
  /// Ends the loading threads; idempotent. Blocking.
  void stop_loading();
  /// Why a log that was found at the start is not there; nothing when that is not so.
  [[nodiscard]] std::optional<Error> why_missing(TopicPartitionView tp) const;
  /// async_delete() of a log that is not loaded; nothing when it is, or is unknown.
  std::optional<Status> delete_unloaded(TopicPartitionView tp);
  /// Of two directories of one partition, sets aside the one that the other has taken the place of. Blocking.
  Status drop_replaced(LoadJobs& jobs);
  /// Puts a log that was loaded in its place. Of two future logs of a partition only one stays.
  void add_loaded(const LoadJob& job, std::shared_ptr<UnifiedLog> log);
  /// Once all logs are loaded: a future log whose partition has no log becomes that, one beside it goes, marks that nobody needs any more go. Blocking.
  void settle_futures();
  /// Removes what says that this log took another's place, unless the other may come back.
  void unmark(const UnifiedLog& log);
  /// Renames the directory of a log that is in no map any more, and has its files removed later.
  Status delete_later(const std::shared_ptr<UnifiedLog>& log);
  LogEnvironment environment(const Dir& dir);
  [[nodiscard]] std::vector<std::shared_ptr<UnifiedLog>> logs() const;
  [[nodiscard]] std::vector<std::shared_ptr<UnifiedLog>> future_logs() const;
  [[nodiscard]] std::vector<std::shared_ptr<UnifiedLog>> logs_and_futures() const;
  void checkpoint(const char* file, const std::function<std::optional<Offset>(const UnifiedLog&)>& offset);
  /// What the checkpoint said of logs that are still to be loaded, or could not be. REQUIRES: checkpoint_mutex_.
  void keep_unloaded(const Dir& dir, std::string_view file, OffsetMap& offsets) const;
  [[nodiscard]] Dir* find_dir(const std::string& path);
  /// Creation and deletion of a partition's log take turns; those of different partitions run in parallel.
  [[nodiscard]] std::mutex& create_mutex(TopicPartitionView tp) { return create_mutexes_[TopicPartitionHash{}(tp) % kCreateStripes]; }
  [[nodiscard]] std::shared_ptr<UnifiedLog> find_log(TopicPartitionView tp) const { return find_in(logs_, tp); }
  [[nodiscard]] std::shared_ptr<UnifiedLog> find_in(const LogMap& map, TopicPartitionView tp) const;
  /// Counts one more partition in the directory that was asked for, or else in the live one with the fewest; null without one.
  Dir* reserve_dir(TopicPartitionView tp);
  Result<std::shared_ptr<UnifiedLog>> create_in(Dir& dir, const TopicPartition& tp, std::shared_ptr<const config::LogConfig> config);
  [[nodiscard]] std::shared_ptr<const config::LogConfig> default_config() const;

  static constexpr std::size_t kCreateStripes = 64;

  const LogManagerConfig config_;
  std::atomic<std::int64_t> producer_id_expiration_ms_{config_.producer_id_expiration_ms};
  Seams seams_;
  FileCache cache_;
  std::shared_ptr<BackgroundJobs> jobs_;
  std::shared_ptr<DeletionQueue> deletion_;
  std::vector<std::unique_ptr<Dir>> dirs_;  // fixed after construction
  std::vector<config::MetricFamilyBase::Registration> dir_gauges_;
  std::atomic<std::int64_t> min_free_bytes_{config_.min_free_bytes};
  std::mutex space_mutex_;
  std::optional<SteadyTime> last_retention_when_full_;  // watch_space() only
  std::vector<config::MetricFamilyBase::Registration> space_gauges_;
  std::unique_ptr<PeriodicTasks> tasks_;
  std::unique_ptr<LogCompactor> compactor_;  // fixed before start()
  bool stopped_ = false;

  LoadQueue loading_;
  std::size_t load_threads_wanted_ = 0;  // fixed when loading begins
  std::vector<std::string> marked_;      // directories whose marker was removed; fixed likewise
  std::atomic<bool> stop_loading_{false};
  std::atomic<bool> all_loaded_told_{false};
  std::atomic<std::int64_t> next_progress_line_ms_{0};
  mutable std::mutex loaded_mutex_;
  std::function<void()> loaded_listener_;  // under loaded_mutex_
  std::vector<config::MetricFamilyBase::Registration> load_gauges_;

  mutable std::shared_mutex logs_mutex_;
  LogMap logs_;
  LogMap futures_;  ///< what AlterReplicaLogDirs moves
  std::vector<std::shared_ptr<UnifiedLog>> surplus_futures_;  ///< found by the load beside another of the same partition
  std::unordered_map<TopicPartition, Dir*, TopicPartitionHash, TopicPartitionEqual> preferred_;
  std::shared_ptr<const config::LogConfig> default_config_;  // under logs_mutex_
  std::array<std::mutex, kCreateStripes> create_mutexes_;
  std::mutex checkpoint_mutex_;
  mutable std::mutex handler_mutex_;
  std::function<void(const std::string&)> dir_failure_handler_;
  std::vector<std::jthread> load_threads_;  // last: they use all of the above
};

}  // namespace moldau::storage
