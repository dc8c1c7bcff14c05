// UnifiedLog: the Log on a Disk (Kafka 3.9 UnifiedLog and LocalLog).
//
// Locks and threads:
//   append_lock_  async FIFO: whoever appends, rolls, truncates or removes segments holds it; I/O of writers happens under it
//   mutex_        short, never over I/O: offsets, segment list, producer state, recent batches
//   flush_mutex_  who syncs the log, or renames its directory; held over I/O, by background threads only
// Invariants:
//   1. log start <= last stable offset <= high watermark <= log end; the first segment's base <= log start unless the log is being truncated
//   2. log_end_, end_position_ and segments_ change together under mutex_: bytes beyond end_position_ are not visible
//   3. recovery_point_ <= log end; all below it is on the disk, with indexes, epochs and producer snapshots that belong to it
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "protocol/base/async_mutex.h"
#include "protocol/base/resumption.h"
#include "storage/epoch/leader_epoch_file_cache.h"
#include "storage/log/log.h"
#include "storage/log/log_environment.h"
#include "storage/log/log_outline.h"
#include "storage/log/segment_list.h"
#include "storage/producer_state/producer_snapshots.h"
#include "storage/producer_state/producer_state_manager.h"

namespace moldau::storage {

class PreparedBatch;

/// What loading found; the log takes it over.
struct LoadedLog {
  std::vector<std::shared_ptr<LogSegment>> segments;
  Offset log_start{0};
  Offset log_end{0};
  Offset recovery_point{0};
  std::vector<EpochEntry> epochs;
  bool epochs_dirty = false;
  std::optional<TopicId> topic_id;
  std::vector<Offset> snapshots;
};

class UnifiedLog final : public Log, public std::enable_shared_from_this<UnifiedLog> {
 public:
  UnifiedLog(LogEnvironment env, TopicPartition tp, std::shared_ptr<DirPath> dir, std::shared_ptr<const config::LogConfig> config, LoadedLog loaded,
             ProducerStateManager producers);
  ~UnifiedLog() override;

  // ---- Log ----
  [[nodiscard]] const TopicPartition& topic_partition() const noexcept override { return tp_; }
  [[nodiscard]] TopicId topic_id() const override;
  Status assign_topic_id(TopicId id) override;
  [[nodiscard]] const std::string& parent_dir() const noexcept override { return env_.dir->path(); }
  [[nodiscard]] std::shared_ptr<const config::LogConfig> config() const override;
  void update_config(std::shared_ptr<const config::LogConfig> config) override;
  Awaitable<AppendResult<LogAppendInfo>> append_as_leader(LeaderAppend append) override;
  Awaitable<AppendResult<LogAppendInfo>> append_as_follower(Bytes records, LeaderEpoch leader_epoch) override;
  Result<FetchDataInfo> read(Offset start, std::int32_t max_bytes, FetchIsolation isolation, bool min_one_batch, ColdRead cold = ColdRead::wait) const override;
  Result<std::optional<TimestampAndOffset>> offset_by_timestamp(std::int64_t timestamp) const override;
  Result<std::vector<Offset>> legacy_offsets_before(std::int64_t timestamp, std::int32_t max) const override;
  [[nodiscard]] Offset log_start_offset() const noexcept override { return Offset(log_start_seen_.load(std::memory_order_acquire)); }
  [[nodiscard]] Offset log_end_offset() const noexcept override { return Offset(log_end_seen_.load(std::memory_order_acquire)); }
  [[nodiscard]] Offset high_watermark() const noexcept override { return Offset(high_watermark_seen_.load(std::memory_order_acquire)); }
  [[nodiscard]] Offset last_stable_offset() const noexcept override { return Offset(last_stable_seen_.load(std::memory_order_acquire)); }
  [[nodiscard]] LogOffsets offsets() const noexcept override;
  Offset update_high_watermark(Offset to) override;
  bool maybe_increment_high_watermark(Offset to) override;
  Result<bool> maybe_increment_log_start_offset(Offset to) override;
  void assign_epoch_start(LeaderEpoch epoch, Offset start) override;
  [[nodiscard]] LeaderEpoch latest_epoch() const override;
  [[nodiscard]] std::pair<LeaderEpoch, Offset> end_offset_for_epoch(LeaderEpoch requested) const override;
  [[nodiscard]] LeaderEpoch epoch_for_offset(Offset offset) const override { return epochs_.epoch_for(offset); }
  Awaitable<Result<bool>> truncate_to(Offset offset) override;
  Awaitable<Status> truncate_fully_and_start_at(Offset offset) override;
  [[nodiscard]] std::vector<ActiveProducer> active_producers() const override;
  [[nodiscard]] std::int64_t size_bytes() const override;
  [[nodiscard]] std::size_t segment_count() const override;
  Awaitable<Status> flush(Offset offset) override;
  [[nodiscard]] Offset durable_offset() const noexcept override { return Offset(recovery_point_seen_.load(std::memory_order_acquire)); }
  void start_flush() override;
  void set_flush_listener(std::function<void()> listener) override;
  Status settle() override;
  Awaitable<void> seal() override;

  // ---- for LogManager, the cleaner and tools ----
  [[nodiscard]] std::shared_ptr<const SegmentList> segments() const;
  [[nodiscard]] const LogEnvironment& environment() const noexcept { return env_; }
  [[nodiscard]] std::string dir() const { return dir_->get(); }
  [[nodiscard]] Offset recovery_point() const;
  [[nodiscard]] std::int64_t last_flush_ms() const noexcept { return last_flush_ms_.load(); }
  /// True when the log start lies above the first segment's base: it must stand in the checkpoint.
  [[nodiscard]] std::optional<Offset> log_start_to_checkpoint() const;
  /// Retention by log start, size and time; returns the number of segments removed.
  Awaitable<Result<std::size_t>> delete_old_segments();
  /// Starts a new segment if the active one has records.
  Awaitable<Status> roll_now();
  /// `expiration_ms`: producer.id.expiration.ms of now, when it may have changed.
  std::size_t expire_producers(std::optional<std::int64_t> expiration_ms = std::nullopt);
  /// All to the disk up to the log end. Blocking.
  Status flush_blocking();
  /// As seal(), when nobody is inside: false says that seal() must be waited for.
  bool try_seal();
  /// Producer snapshot, flush, trim, close. Blocking. REQUIRES: sealed.
  Status close(bool flush_to_disk);
  /// Renames the directory; slices that are being read go on. Blocking. REQUIRES: sealed.
  Status close_and_rename(const std::string& new_path);
  /// Renames the directory of a log that goes on, and makes the new name durable.
  Awaitable<Status> move_to(std::string new_path);
  /// The same without waiting. Blocking. REQUIRES: nobody changes the log meanwhile.
  Status rename_dir(const std::string& new_path);
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  void release_descriptors();

  /// For who copies the files while the log goes on. Any thread.
  [[nodiscard]] LogOutline outline() const;

  // ---- compaction ----
  /// What the log's end knows of a producer, and compaction must leave there.
  struct LastRecord {
    Offset data_offset = kNoOffset;  ///< of its last record; kNoOffset when only a marker is known
    ProducerEpoch epoch = kNoProducerEpoch;
  };
  [[nodiscard]] std::unordered_map<ProducerId, LastRecord> last_records_of_producers() const;
  /// False when the log is closed. While true holds its directory is not removed; end_cleaning() ends that.
  bool begin_cleaning() noexcept;
  void end_cleaning() noexcept { being_cleaned_ = false; }
  [[nodiscard]] bool being_cleaned() const noexcept { return being_cleaned_; }
  /// A segment for compaction's output, by the names `.cleaned`; what an earlier attempt left under them is removed.
  Result<std::shared_ptr<LogSegment>> make_cleaned_segment(Offset base);
  /// Counts the truncations of this run.
  [[nodiscard]] std::uint64_t truncation_count() const;
  /// The lowest offset that was truncated to since the last call; nothing without a truncation.
  std::optional<Offset> take_lowest_truncation();
  /// Puts `fresh`, a synced segment by the names `.cleaned`, in the place of `old`, which follow one another (Kafka 3.9 LocalLog.replaceSegments). False, and nothing
  /// is changed, when the log was closed, truncated since `truncations`, or does not have all of `old` any more.
  Awaitable<Result<bool>> replace_segments(std::shared_ptr<LogSegment> fresh, std::vector<std::shared_ptr<LogSegment>> old, std::uint64_t truncations);

 private:
  struct Recent {
    Offset base;
    Offset last;
    std::uint64_t position = 0;
    std::uint32_t size = 0;
  };
  /// The newest batches of the active segment, so that readers at the log end need no file access to find theirs, and how far back its bytes are fresh.
  struct RecentRing {
    static constexpr std::size_t kSize = 16;
    std::array<Recent, kSize> entries;
    std::size_t next = 0;
    std::size_t count = 0;
    /// Where writing stood lately, the older one first: what lies behind the oldest that is young enough is surely in the page cache.
    static constexpr std::chrono::seconds kFresh{4};
    struct Mark {
      std::uint64_t position = UINT64_MAX;  ///< none
      SteadyTime at;
    };
    std::array<Mark, 2> marks;
    void note_write(std::uint64_t position, SteadyTime now);
    /// Bytes from here on were written less than kFresh ago; UINT64_MAX: none was.
    [[nodiscard]] std::uint64_t fresh_from(SteadyTime now) const;
  };
  struct View {
    std::shared_ptr<const SegmentList> segments;
    Offset log_start, log_end, bound;
    std::uint64_t end_position = 0;
    std::optional<Recent> start_batch;           ///< found in the ring
    std::optional<std::uint64_t> bound_position; ///< position of `bound` in the active segment
    std::uint64_t hot_from = UINT64_MAX;         ///< bytes of the active segment from here on were written within seconds
  };

  // append
  /// What an append would have to wait for the disk for, done on the pool before it enters: the tail of a log that was just loaded, a topic id not written yet.
  [[nodiscard]] bool needs_pool_first() const noexcept { return cold_tail_.load(std::memory_order_relaxed) || topic_id_dirty_.load(std::memory_order_acquire); }
  Awaitable<void> make_ready();
  [[nodiscard]] std::optional<AppendError> refusal() const;
  AppendResult<LogAppendInfo> append_prepared(PreparedBatch& prepared, const LeaderAppend& append, const config::LogConfig& config);
  AppendResult<LogAppendInfo> append_replicated(Bytes records, LeaderEpoch leader_epoch, const config::LogConfig& config);
  Status write_batches(const LogSegment::Append& append, const config::LogConfig& config);
  Status write_txn_index(const std::vector<CompletedTxn>& completed);
  void publish(Offset log_end, Bytes appended, std::uint64_t position, const std::shared_ptr<LogSegment>& segment);
  [[nodiscard]] bool flush_due(const config::LogConfig& config) const;
  [[nodiscard]] Error closed_error() const;
  [[nodiscard]] AppendError failed(const Error& error) const;
  /// A failing disk takes its directory offline, unless the log is being closed.
  void report(const Error& error) const;

  // changes; REQUIRE append_lock_
  Result<bool> maybe_roll(const LogSegment::Append& append, Offset first_offset, const config::LogConfig& config);
  Status roll(Offset expected_base);
  Status do_truncate_to(Offset offset);
  Status do_truncate_fully(Offset offset);
  Status rebuild_producers(Offset end);
  /// Says once which segment a timestamp in the future keeps from retention.
  Status name_kept_segment(const LogSegment& segment, std::int64_t largest_timestamp, std::int64_t now_ms);
  Result<std::size_t> remove_segments_while(const std::function<Result<bool>(const LogSegment&, const LogSegment*)>& predicate, const char* reason);
  void delete_segments(const std::vector<std::shared_ptr<LogSegment>>& segments);
  void set_segments(std::vector<std::shared_ptr<LogSegment>> segments);
  std::shared_ptr<LogSegment> make_segment(Offset base);

  Status swap_in(const std::shared_ptr<LogSegment>& fresh, const std::vector<std::shared_ptr<LogSegment>>& old);
  Status take_places(const std::shared_ptr<LogSegment>& fresh, const std::vector<std::shared_ptr<LogSegment>>& old);

  // reads
  /// `gone`: a segment of the view was replaced, and the log has its offsets elsewhere now.
  Result<FetchDataInfo> read_view(const View& view, Offset start, std::int32_t max_bytes, FetchIsolation isolation, bool min_one_batch, ColdRead cold, bool& gone) const;
  [[nodiscard]] View view(Offset start, FetchIsolation isolation) const;
  Status collect_aborted(const View& view, std::size_t segment, const FetchDataInfo& info, ColdRead cold, std::vector<AbortedTxn>& out) const;

  // flush
  void sync_loop();
  Status flush_up_to(Offset target);
  Status sync_up_to(Offset target);  ///< REQUIRES flush_mutex_
  void schedule_metadata_write();
  Status write_topic_id(bool sync);
  Status write_epochs(bool sync);
  Status sync_metadata_files();
  Status take_snapshot();
  /// Syncs the snapshots that were written since; true when there were any (their names are then durable with the directory).
  Result<bool> sync_snapshots();
  void wake_flushed(const std::optional<Error>& error, Offset up_to);

  void refresh_seen();  ///< REQUIRES mutex_: copies offsets to the atomics
  [[nodiscard]] Offset last_stable_locked() const;

  LogEnvironment env_;
  const TopicPartition tp_;
  const std::shared_ptr<DirPath> dir_;
  LeaderEpochFileCache epochs_;
  ProducerSnapshots snapshots_;  // under append_lock_ (or loading, closing)
  AsyncMutex append_lock_;
  std::atomic<bool> cold_tail_{false};  ///< loaded, and nothing was appended yet
  std::atomic<bool> closed_{false};  ///< no change begins any more
  std::atomic<bool> sealed_{false};  ///< and none is under way
  std::atomic<bool> being_cleaned_{false};
  Offset kept_segment_named_ = kNoOffset;  // under append_lock_
  FileChanges file_changes_;

  mutable std::mutex mutex_;
  std::shared_ptr<const config::LogConfig> config_;
  std::shared_ptr<const SegmentList> segments_;
  ProducerStateManager producers_;
  Offset log_start_{0};
  Offset log_end_{0};
  Offset high_watermark_{0};
  Offset recovery_point_{0};
  std::uint64_t end_position_ = 0;
  std::uint64_t truncations_ = 0;
  std::optional<Offset> lowest_truncation_;
  std::unique_ptr<RecentRing> recent_;
  TopicId topic_id_;

  std::atomic<std::int64_t> log_start_seen_{0}, log_end_seen_{0}, high_watermark_seen_{0}, last_stable_seen_{0}, recovery_point_seen_{0};

  std::mutex files_mutex_;  ///< serialises writes of partition.metadata and leader-epoch-checkpoint
  std::atomic<bool> topic_id_dirty_{false};
  std::atomic<bool> metadata_job_pending_{false};
  bool topic_id_unsynced_ = false;      // under files_mutex_
  bool epochs_unsynced_ = false;        // under files_mutex_
  std::atomic<bool> dir_dirty_{false};  ///< names in the directory that are not durable
  bool parent_synced_ = false;          // under flush_mutex_
  std::mutex flush_mutex_;
  std::optional<Error> sync_failure_;  // under flush_mutex_; what a sync has told once it may not tell again
  std::atomic<std::int64_t> last_flush_ms_{0};
  std::vector<Offset> unsynced_snapshots_;  // under flush_list_mutex_
  std::mutex flush_list_mutex_;

  struct FlushWaiter {
    Offset offset;
    std::optional<Error>* result;
    Resumption waiter;
  };
  std::mutex sync_mutex_;
  bool sync_running_ = false;
  bool sync_wanted_ = false;  ///< somebody wrote since the sync began, and does not wait
  std::shared_ptr<const std::function<void()>> flush_listener_;
  std::list<FlushWaiter> sync_waiters_;
};

}  // namespace moldau::storage
