// The effective configuration of one topic as the log sees it: Kafka 3.9's LogConfig.
//
// A plain value with Kafka's defaults; whoever needs it takes a copy or a shared_ptr<const LogConfig> and reads it anew on each use, so that a dynamic change reaches
// the next append. It is filled from the configuration table (config/topic_config.h) and depends on nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace moldau::config {

/// Codec of the log (`compression.type`). `producer` keeps what the client sent.
enum class CompressionSetting : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

/// `message.timestamp.type`.
enum class TimestampType : std::uint8_t { create_time, log_append_time };

struct LogConfig {
  std::int32_t segment_bytes = 1073741824;             ///< roll when the file would grow beyond it
  std::int64_t segment_ms = 604800000;                 ///< roll when the segment is older
  std::int64_t segment_jitter_ms = 0;                  ///< random part taken off segment_ms
  std::int32_t segment_index_bytes = 10485760;         ///< size of an offset index; time index the same
  std::int32_t index_interval_bytes = 4096;            ///< log bytes between two index entries
  std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();
  std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t retention_bytes = -1;                   ///< -1: no limit
  std::int64_t retention_ms = 604800000;               ///< -1: no limit
  std::int32_t max_message_bytes = 1048588;            ///< largest batch, header included
  std::int64_t file_delete_delay_ms = 60000;
  bool cleanup_compact = false;                        ///< `cleanup.policy` holds compact
  bool cleanup_delete = true;                          ///< `cleanup.policy` holds delete
  std::int64_t delete_retention_ms = 86400000;         ///< how long tombstones stay
  std::int64_t min_compaction_lag_ms = 0;
  std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();
  double min_cleanable_dirty_ratio = 0.5;
  CompressionSetting compression_type = CompressionSetting::producer;
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  bool preallocate = false;
  TimestampType message_timestamp_type = TimestampType::create_time;
  std::int64_t message_timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t message_timestamp_after_max_ms = std::numeric_limits<std::int64_t>::max();
  bool message_downconversion_enable = true;
  std::int32_t min_insync_replicas = 1;
  bool unclean_leader_election_enable = false;
  bool remote_storage_enable = false;
  std::vector<std::string> leader_replication_throttled_replicas;
  std::vector<std::string> follower_replication_throttled_replicas;

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

}  // namespace moldau::config
