// LogLoader (Kafka 3.9): from a partition directory to a UnifiedLog, with whatever repair it needs.
//
// Order (disk.md §8): leftovers of deletion and compaction; segments with their indexes; recovery from the recovery point on after an unclean stop;
// log start and end; epochs; producer state. What is cut from a log is kept aside as `<file>.corrupt-<ms>` when it is more than one torn batch.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage/log/load_queue.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

struct LoadRequest {
  LogEnvironment env;
  TopicPartition partition;
  std::string dir;
  std::shared_ptr<const config::LogConfig> config;
  Offset recovery_point{0};  ///< from the checkpoint; 0 when unknown
  Offset log_start{0};       ///< from the checkpoint; 0 when unknown
  bool clean_shutdown = false;
  /// True ends a recovery in its middle: load_stopped(). The next start begins it again from the same recovery point. Empty: never.
  std::function<bool()> stop_asked = {};
  std::function<void(std::uint64_t bytes)> bytes_read = {};  ///< recovery has read so much more
  std::function<void()> segment_done = {};                   ///< recovery is through with one more segment
};

/// Nothing is wrong with the log: LoadRequest::stop_asked said so.
inline Error load_stopped() { return Error(ErrorCode::broker_not_available, "the start was stopped before all logs were loaded"); }
inline bool is_load_stopped(const Error& error) noexcept { return error.code == ErrorCode::broker_not_available; }

/// Blocking; on any thread. Errors: KAFKA_STORAGE_ERROR from the disk, CORRUPT_MESSAGE for content that nothing can be made of, load_stopped().
Result<std::shared_ptr<UnifiedLog>> load_log(LoadRequest request);

/// What recovery will have to read of a partition directory: names and sizes only.
Result<RecoveryWork> recovery_work(Disk& disk, const std::string& dir, Offset recovery_point);

/// The log of a partition whose directory was just made: nothing is read or written.
std::shared_ptr<UnifiedLog> create_log(LogEnvironment env, TopicPartition partition, const std::string& dir, std::shared_ptr<const config::LogConfig> config);

}  // namespace moldau::storage
