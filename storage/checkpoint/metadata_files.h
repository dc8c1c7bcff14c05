// The small files that say whose a directory is: meta.properties, .kafka_cleanshutdown (each log directory), partition.metadata (each partition).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::storage {

class Disk;

inline constexpr const char* kMetaPropertiesFile = "meta.properties";
inline constexpr const char* kCleanShutdownFile = ".kafka_cleanshutdown";
inline constexpr const char* kPartitionMetadataFile = "partition.metadata";
inline constexpr const char* kLockFile = ".lock";

/// meta.properties, version 0 (ZooKeeper mode).
struct MetaProperties {
  std::optional<std::int32_t> broker_id;
  std::optional<std::string> cluster_id;
};
/// Errors: CORRUPT_MESSAGE; a version that is not 0 is a KRaft directory and refused with a text that says so.
Result<MetaProperties> parse_meta_properties(std::string_view text, const std::string& path);
/// As java.util.Properties.store writes it; `now_ms` stands in its comment.
std::string format_meta_properties(const MetaProperties& properties, std::int64_t now_ms);

/// `{"version":0,"brokerEpoch":-1}`, as a broker in ZooKeeper mode writes it. Only its existence counts.
std::string clean_shutdown_content();

/// Topic id in a partition.metadata. Nothing for a file that a crash left empty or torn before it was synced: the id is assigned anew then.
/// Errors: CORRUPT_MESSAGE for another version.
Result<std::optional<TopicId>> parse_partition_metadata(std::string_view text, const std::string& path);
/// `version: 0\ntopic_id: <22 characters>`, no newline at the end.
std::string format_partition_metadata(TopicId id);

}  // namespace moldau::storage
