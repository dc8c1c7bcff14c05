// Log: one partition's log (Kafka 3.9 UnifiedLog with LocalLog). Segments, indexes, producer state, leader epochs.
//
// Appends pass a FIFO one after the other; each assigns offsets, checks producer state, writes, then publishes the new
// log end. Readers take a snapshot of the segment list and never wait for writers.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/log_config.h"
#include "protocol/base/async.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/types/log_types.h"

namespace moldau::storage {

template <class T>
using AppendResult = boost::system::result<T, AppendError>;

/// Parameters of a leader's append.
struct LeaderAppend {
  Bytes records;  ///< Must stay alive until the append has completed, and lie in writable memory: offsets, epoch and (LogAppendTime) times are set in place.
  LeaderEpoch leader_epoch;
  AppendOrigin origin = AppendOrigin::client;
  std::int16_t produce_version = 11;  ///< Below 3 old message formats are taken (wire.md §7).
  /// With flush.messages=1: does not wait for the disk. LogAppendInfo::durable says so; the sync is on its way, and the flush listener is told when it is done.
  bool defer_flush = false;
};

class Log {
 public:
  virtual ~Log() = default;

  // ---- identity ----
  [[nodiscard]] virtual const TopicPartition& topic_partition() const noexcept = 0;
  [[nodiscard]] virtual TopicId topic_id() const = 0;
  /// Records the topic id in partition.metadata (written before the first append at the latest). INCONSISTENT_TOPIC_ID when another is there.
  virtual Status assign_topic_id(TopicId id) = 0;
  /// The log directory (an entry of log.dirs) this log lies in.
  [[nodiscard]] virtual const std::string& parent_dir() const noexcept = 0;
  [[nodiscard]] virtual std::shared_ptr<const config::LogConfig> config() const = 0;
  virtual void update_config(std::shared_ptr<const config::LogConfig> config) = 0;

  // ---- appends ----
  /// Validates, assigns offsets and writes. Errors are Kafka's produce errors (wire.md §8). A duplicate of one of the producer's
  /// last five batches succeeds with the original's offsets. With flush.messages=1 returns when the bytes are on the disk.
  virtual Awaitable<AppendResult<LogAppendInfo>> append_as_leader(LeaderAppend append) = 0;
  /// Appends the leader's batches byte for byte; they must continue at or after the log end. `leader_epoch` is the epoch in which the follower fetched them:
  /// what a later leader wrote, and whatever follows it, is left out (KAFKA-18723).
  virtual Awaitable<AppendResult<LogAppendInfo>> append_as_follower(Bytes records, LeaderEpoch leader_epoch) = 0;

  // ---- reads ----
  /// Finds what a reader may see from `start`: at most `max_bytes`, but one whole batch if `min_one_batch`.
  /// OFFSET_OUT_OF_RANGE below the log start or beyond the log end; empty from the isolation's bound up to the log end.
  /// With ColdRead::refuse it never waits for a disk: needs_disk() when it would have to.
  virtual Result<FetchDataInfo> read(Offset start, std::int32_t max_bytes, FetchIsolation isolation, bool min_one_batch, ColdRead cold = ColdRead::wait) const = 0;
  /// First record with a timestamp >= `timestamp` (>= 0), or the special timestamps -2 (earliest), -1 (latest), -3 (max timestamp), -4 (earliest local).
  /// Does file I/O. Nothing found: nullopt.
  virtual Result<std::optional<TimestampAndOffset>> offset_by_timestamp(std::int64_t timestamp) const = 0;
  /// ListOffsets v0: offsets of segments not younger than `timestamp`, newest first, at most `max`.
  virtual Result<std::vector<Offset>> legacy_offsets_before(std::int64_t timestamp, std::int32_t max) const = 0;

  // ---- offsets ----
  [[nodiscard]] virtual Offset log_start_offset() const noexcept = 0;
  [[nodiscard]] virtual Offset log_end_offset() const noexcept = 0;
  [[nodiscard]] virtual Offset high_watermark() const noexcept = 0;
  [[nodiscard]] virtual Offset last_stable_offset() const noexcept = 0;
  [[nodiscard]] virtual LogOffsets offsets() const noexcept = 0;
  /// Raises (leader) or sets (follower, load) the high watermark, clamped to [log start, log end]. Returns the value now.
  virtual Offset update_high_watermark(Offset to) = 0;
  /// Raises only: true when it moved.
  virtual bool maybe_increment_high_watermark(Offset to) = 0;
  /// DeleteRecords and retention; never beyond the high watermark (OFFSET_OUT_OF_RANGE). True when it moved.
  virtual Result<bool> maybe_increment_log_start_offset(Offset to) = 0;

  // ---- leader epochs (KIP-101, KIP-320) ----
  virtual void assign_epoch_start(LeaderEpoch epoch, Offset start) = 0;
  [[nodiscard]] virtual LeaderEpoch latest_epoch() const = 0;
  /// (largest known epoch <= requested, start of the next higher epoch); (-1, -1) when undefined (interbroker.md §10).
  [[nodiscard]] virtual std::pair<LeaderEpoch, Offset> end_offset_for_epoch(LeaderEpoch requested) const = 0;
  [[nodiscard]] virtual LeaderEpoch epoch_for_offset(Offset offset) const = 0;

  // ---- truncation (followers) ----
  virtual Awaitable<Result<bool>> truncate_to(Offset offset) = 0;
  virtual Awaitable<Status> truncate_fully_and_start_at(Offset offset) = 0;

  // ---- producers ----
  [[nodiscard]] virtual std::vector<ActiveProducer> active_producers() const = 0;

  // ---- sizes ----
  [[nodiscard]] virtual std::int64_t size_bytes() const = 0;
  [[nodiscard]] virtual std::size_t segment_count() const = 0;

  /// Waits until all up to `offset` is on the disk (group commit).
  virtual Awaitable<Status> flush(Offset offset) = 0;
  /// What lies below it is on the disk.
  [[nodiscard]] virtual Offset durable_offset() const noexcept = 0;
  /// Has all that is written by now synced in the background; the flush listener is told.
  virtual void start_flush() = 0;
  /// Called after a group commit, on a background thread.
  virtual void set_flush_listener(std::function<void()> listener) = 0;
  /// Makes the log as durable as flush.messages asks, before its end counts: after a start, or when the appends of an earlier leader did not wait. Blocking.
  virtual Status settle() = 0;

  /// Ends all changes: refuses new ones and waits until those under way are done. Before the log is closed or deleted.
  virtual Awaitable<void> seal() = 0;
};

}  // namespace moldau::storage
