// LogSegment (Kafka 3.9): one .log file with its offset, time and transaction index. The base offset is not above its first record's.
//
// One writer at a time (the log's append order); readers on any thread, bounded by the positions that the log published to them.
// Files come into being with the first append; an empty segment needs none.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/log_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/any_batch.h"
#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"
#include "storage/io/file_cache.h"
#include "storage/types/log_types.h"

namespace moldau::storage {

inline constexpr const char* kLogSuffix = ".log";

/// What stands behind the names of a segment's files.
enum class SegmentStage : std::uint8_t {
  live,
  cleaned,  ///< compaction's output, being written: worth nothing after a crash
  swap,     ///< complete, about to take the place of other segments: a start finishes that
  deleted,  ///< vanishes after file.delete.delay.ms, or at the next start
};

/// Where a batch lies in its segment.
struct BatchPosition {
  Offset base_offset;  ///< kNoOffset for old formats
  Offset last_offset;
  std::uint64_t position = 0;
  std::uint32_t size = 0;
};

class LogSegment {
 public:
  struct Environment {
    FileCache& cache;
    std::shared_ptr<const DirPath> dir;
    const Clock& clock;
  };

  /// `roll_jitter_ms` is taken off segment.ms.
  LogSegment(const Environment& env, Offset base, std::int64_t roll_jitter_ms, SegmentStage stage = SegmentStage::live);

  /// Files that loading found; unset ones do not exist.
  struct FileSizes {
    std::optional<std::uint64_t> log, index, time_index, txn_index;
  };
  void attach(const FileSizes& sizes);

  [[nodiscard]] Offset base_offset() const noexcept { return base_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] OffsetIndex& offset_index() noexcept { return offset_index_; }
  [[nodiscard]] TimeIndex& time_index() noexcept { return time_index_; }
  [[nodiscard]] TransactionIndex& txn_index() noexcept { return txn_index_; }
  [[nodiscard]] const TransactionIndex& txn_index() const noexcept { return txn_index_; }
  [[nodiscard]] CachedFile& log_file() noexcept { return log_; }
  Result<std::shared_ptr<File>> open_log(ColdRead cold = ColdRead::wait) const { return const_cast<CachedFile&>(log_).get(cold); }

  // ---- writing ----
  struct Append {
    Bytes bytes;
    Offset largest_offset;
    std::int64_t largest_timestamp = -1;  ///< -1 none
    Offset offset_of_largest_timestamp;   ///< last offset of the batch that has it
  };
  /// One write at the end, index entries as Kafka sets them. A failed write leaves no trace in size and largest timestamp.
  Status append(const Append& append, const config::LogConfig& config);
  /// Shows what append() brought to max_timestamp(): once readers may see the batch, so that who asks for the timestamp finds its record.
  void publish_max_timestamp();
  /// Writes whole batches at the end, with an index entry each index.interval.bytes. For compaction's output, which nobody reads yet.
  Status append_batches(Bytes batches, const config::LogConfig& config);
  /// Makes the .log file if there is none; for a segment whose base offset must survive a restart.
  Status create_file();

  struct RollCheck {
    std::int64_t max_segment_ms;
    std::int32_t max_segment_bytes;
    std::int32_t max_index_bytes;
    std::int64_t max_timestamp;  ///< of the incoming batches
    Offset max_offset;
    std::size_t bytes;
    std::int64_t now_ms;
  };
  [[nodiscard]] Result<bool> should_roll(const RollCheck& check);
  /// Reads what the first append after a start looks at, so that it finds it in memory. Any thread; for a pool.
  Status warm_up() const;
  [[nodiscard]] bool fits(Offset offset) const noexcept { return offset - base_ >= 0 && offset - base_ <= INT32_MAX; }

  // ---- reading ----
  /// The first batch whose last offset is >= target, looking at [0, end). Nothing when there is none; needs_disk() as `cold` says.
  [[nodiscard]] Result<std::optional<BatchPosition>> locate(Offset target, std::uint64_t end, ColdRead cold = ColdRead::wait) const;
  /// Offset after the last batch, and where the good bytes end. Headers only.
  struct Tail {
    Offset next_offset;
    std::uint64_t valid_bytes = 0;
    std::string problem;
  };
  [[nodiscard]] Result<Tail> read_tail() const;
  /// Largest timestamp and its batch's last offset; (-1, base) without timestamps. Reads the file the first time.
  [[nodiscard]] Result<TimestampOffset> max_timestamp() const;
  /// Largest timestamp for retention: the file's modification time without timestamps.
  [[nodiscard]] Result<std::int64_t> largest_timestamp() const;
  [[nodiscard]] Result<std::int64_t> last_modified() const;
  /// First record with timestamp >= target and offset >= from.
  [[nodiscard]] Result<std::optional<TimestampAndOffset>> find_by_timestamp(std::int64_t target, Offset from, std::uint64_t end) const;
  /// First record with timestamp >= `timestamp` and offset >= `from`, looked for from the batch that holds `hint` on.
  [[nodiscard]] Result<std::optional<TimestampAndOffset>> find_record(std::int64_t timestamp, Offset from, Offset hint, std::uint64_t end) const;

  // ---- changes ----
  /// Cuts at the first batch whose last offset is >= offset; returns the bytes cut off.
  Result<std::uint64_t> truncate_to(Offset offset);
  /// Cuts the file to `bytes`; recovery only.
  Status truncate_bytes(std::uint64_t bytes);
  /// Called by recovery for each good batch, to rebuild the indexes from nothing: begin, each batch, end.
  Status rebuild_begin();
  Status rebuild_add(const protocol::AnyBatch& batch, std::uint64_t position, std::int32_t index_interval_bytes);
  Status rebuild_end();
  /// No more appends: closes the time index with the largest timestamp, trims all files.
  Status become_inactive();
  /// As become_inactive(), for a stop; a segment without files stays without.
  Status close();
  /// fdatasync of the log file and, unless it is the active segment, of its indexes.
  Status sync(bool with_indexes);
  /// Renames all files, the .log first. The names are durable with the next sync of the directory.
  Status rename_files(SegmentStage to);
  /// Renames all files to `<name>.deleted`.
  Status mark_deleted();
  /// True from mark_deleted() on: its files may vanish, and a failure to open them says nothing about the disk.
  [[nodiscard]] bool deleted() const noexcept { return deleted_.load(std::memory_order_acquire); }
  Status remove_files();
  void release_descriptors();

 private:
  [[nodiscard]] Result<std::optional<BatchPosition>> scan_for(const File& file, Offset target, std::uint64_t from, std::uint64_t end, ColdRead cold) const;
  [[nodiscard]] Result<TimestampOffset> read_max_timestamp() const;
  Status ready_for_append(const config::LogConfig& config);
  /// Gives the .log a file of its own if another name (a snapshot's) leads to it too: before it is written to in place.
  Status own_log_file();

  const Offset base_;
  const Clock& clock_;
  const std::int64_t roll_jitter_ms_;
  std::atomic<std::int64_t> created_ms_;
  CachedFile log_;
  OffsetIndex offset_index_;
  TimeIndex time_index_;
  TransactionIndex txn_index_;
  std::atomic<std::uint64_t> size_{0};

  std::atomic<bool> has_file_{false};
  std::atomic<bool> deleted_{false};

  // Writer's side.
  bool ready_ = false;
  std::optional<TimestampOffset> unpublished_max_;
  std::int64_t bytes_since_index_entry_ = 0;
  std::uint64_t rebuild_last_entry_ = 0;
  std::optional<std::int64_t> first_batch_timestamp_;

  mutable SpinLock max_lock_;
  mutable bool max_known_ = true;
  mutable TimestampOffset max_;
};

}  // namespace moldau::storage
