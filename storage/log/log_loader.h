// LogLoader (Kafka 3.9): from a partition directory to a UnifiedLog, with whatever repair it needs.
//
// Order (disk.md §8): leftovers of deletion and compaction; segments with their indexes; recovery from the recovery point on after an unclean stop;
// log start and end; epochs; producer state. What is cut from a log is kept aside as `<file>.corrupt-<ms>` when it is more than one torn batch.
#pragma once

#include <memory>
#include <string>

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
};

/// Blocking; on any thread. Errors: KAFKA_STORAGE_ERROR.
Result<std::shared_ptr<UnifiedLog>> load_log(LoadRequest request);

/// The log of a partition whose directory was just made: nothing is read or written.
std::shared_ptr<UnifiedLog> create_log(LogEnvironment env, TopicPartition partition, const std::string& dir, std::shared_ptr<const config::LogConfig> config);

}  // namespace moldau::storage
