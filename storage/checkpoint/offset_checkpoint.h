// OffsetCheckpointFile (Kafka 3.9): offsets by partition in a log directory's text file.
//
//   "0\n<count>\n" and a line "<topic> <partition> <offset>" for each. Replaced atomically.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::storage {

class Disk;

using OffsetMap = std::unordered_map<TopicPartition, Offset, TopicPartitionHash, TopicPartitionEqual>;

inline constexpr const char* kRecoveryPointFile = "recovery-point-offset-checkpoint";
inline constexpr const char* kLogStartFile = "log-start-offset-checkpoint";
inline constexpr const char* kHighWatermarkFile = "replication-offset-checkpoint";
inline constexpr const char* kCleanerFile = "cleaner-offset-checkpoint";

/// Errors: CORRUPT_MESSAGE for a wrong version, count or line.
Result<OffsetMap> parse_offset_checkpoint(std::string_view text, const std::string& what);
/// Sorted, so that equal content is equal text.
std::string format_offset_checkpoint(const OffsetMap& offsets);

/// A missing or empty file is an empty map.
Result<OffsetMap> read_offset_checkpoint(Disk& disk, const std::string& path);
Status write_offset_checkpoint(Disk& disk, const std::string& path, const OffsetMap& offsets);

}  // namespace moldau::storage
