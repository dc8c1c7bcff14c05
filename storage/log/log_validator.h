// LogValidator: what a leader checks and rewrites before records get offsets (Kafka 3.9 LogValidator and UnifiedLog.analyzeAndValidateRecords).
//
// Split in two, because offsets are handed out in the log's append order while the checks may run on any thread before:
//   prepare_append()  everything that does not need offsets: sizes, CRC, framing, record counts, timestamps, keys, codecs, conversion, recompression
//   assign_offsets()  cheap: base offset, leader epoch, append time
// The result is always one batch of magic 2: the caller's bytes edited in place where that is possible, a new buffer where not.
// Stateless; safe on any thread.
#pragma once

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/log_config.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "protocol/records/record_batch.h"
#include "storage/types/log_types.h"

namespace moldau::storage {

/// Found by argument-dependent lookup when value() of a failed result is taken: throws std::runtime_error.
[[noreturn]] void throw_exception_from_error(const AppendError& error, const boost::source_location& where);

/// For the message conversion metrics (RecordValidationStats).
struct RecordValidationStats {
  std::int64_t temporary_memory_bytes = 0;
  std::int32_t records_converted = 0;
  std::chrono::nanoseconds conversion_time{0};
};

/// The checks of the Produce request itself, by its version: from v3 exactly one batch of magic 2; zstd from v7.
/// Errors: INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE, CORRUPT_MESSAGE. Kafka 3.9 ProduceRequest.validateRecords.
Status validate_produce_records(std::int16_t version, Bytes records);

struct AnalyzeOptions {
  AppendOrigin origin = AppendOrigin::client;
  std::int32_t max_message_bytes = 1048588;
  bool ignore_record_size = false;  ///< appends of followers, and of coordinators to internal topics
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  ///< replication: batches of a higher epoch end the analysis (KAFKA-18723); -1 no check
  TopicPartitionView partition;               ///< for messages
};

/// What the shallow walk over a record set found (Kafka's LogAppendInfo before offsets).
struct RecordsAnalysis {
  std::optional<Offset> first_offset;  ///< nothing when the first entry is of magic 0 or 1
  Offset last_offset = kNoOffset;
  Offset last_offset_of_first_batch = kNoOffset;
  LeaderEpoch last_leader_epoch = kNoLeaderEpoch;
  std::int64_t max_timestamp = protocol::kNoTimestamp;
  protocol::Codec source_codec = protocol::Codec::none;
  std::size_t valid_bytes = 0;  ///< whole entries; a partial one behind is not appended
  std::int32_t batches = 0;
  bool offsets_monotonic = true;

  [[nodiscard]] Offset first_or_last_offset_of_first_batch() const { return first_offset.value_or(last_offset_of_first_batch); }
};

/// Walks the entries: sizes, checksums, base offset 0 from clients. Does not look at records. Leader and follower appends begin with it
/// (prepare_append() does it itself). Errors: MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD, UNKNOWN_SERVER_ERROR (codec ids 5-7).
Result<RecordsAnalysis> analyze_records(Bytes records, const AnalyzeOptions& options);

struct PrepareOptions {
  AppendOrigin origin = AppendOrigin::client;
  bool ignore_record_size = false;
  TopicPartitionView partition;
  /// What compressed records may come to, beside the topic's own bound; MESSAGE_TOO_LARGE beyond it, with the bytes as they were.
  std::size_t max_decompressed = std::numeric_limits<std::size_t>::max();
};

/// A validated record set that waits for its offsets. Movable. Bytes that were not rewritten borrow from what was given to prepare_append().
class PreparedBatch {
 public:
  /// No batch in it (an empty or cut set of an old client): nothing to append, error 0, base offset -1.
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  /// The one batch of magic 2; offsets and epoch count after assign_offsets().
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] protocol::RecordBatchView batch() const noexcept { return protocol::RecordBatchView(bytes_); }
  [[nodiscard]] bool owns_bytes() const noexcept { return !owned_.empty(); }
  /// Offsets it takes: last offset delta + 1.
  [[nodiscard]] std::int32_t offset_count() const noexcept { return batch().last_offset_delta() + 1; }
  /// Largest timestamp (ms), -1 none; the append time after assign_offsets() of a LogAppendTime topic.
  /// For the time index it stands at the batch's last offset.
  [[nodiscard]] std::int64_t max_timestamp() const noexcept { return max_timestamp_; }
  /// -1 for CreateTime topics.
  [[nodiscard]] std::int64_t log_append_time() const noexcept { return log_append_time_; }
  [[nodiscard]] protocol::Codec source_codec() const noexcept { return source_codec_; }
  [[nodiscard]] const RecordValidationStats& stats() const noexcept { return stats_; }

 private:
  friend class AppendPreparer;
  friend void assign_offsets(PreparedBatch& prepared, Offset base, LeaderEpoch epoch, std::int64_t now_ms);
  MutableBytes bytes_;
  protocol::ByteBuffer owned_;
  config::TimestampType timestamp_type_ = config::TimestampType::create_time;
  std::int64_t max_timestamp_ = protocol::kNoTimestamp;
  std::int64_t log_append_time_ = protocol::kNoTimestamp;
  protocol::Codec source_codec_ = protocol::Codec::none;
  RecordValidationStats stats_;
};

using PrepareResult = boost::system::result<PreparedBatch, AppendError>;

/// Validates `records` for an append by a leader to a log with `config`. The bytes may be edited (header and CRC), also when it fails.
/// Errors: MESSAGE_TOO_LARGE 10, RECORD_LIST_TOO_LARGE 18, CORRUPT_MESSAGE 2, INVALID_RECORD 87, INVALID_TIMESTAMP 32, UNSUPPORTED_COMPRESSION_TYPE 76,
/// UNKNOWN_SERVER_ERROR -1 (corrupt compression, unknown codec). REQUIRES: origin is not replication.
PrepareResult prepare_append(MutableBytes records, const config::LogConfig& config, std::int64_t now_ms, const PrepareOptions& options);

/// Gives the batch its base offset and leader epoch and, for LogAppendTime topics, the time. REQUIRES: !prepared.empty().
void assign_offsets(PreparedBatch& prepared, Offset base, LeaderEpoch epoch, std::int64_t now_ms);

/// A guess at the time prepare_append() takes; above about a millisecond it belongs on another thread. Looks at the first header only.
std::chrono::microseconds estimate_cost(Bytes records, const config::LogConfig& config) noexcept;

/// How many bytes of decompressed records prepare_append() gets through in that time: a small batch may be a bomb. Looks at the first header only.
std::size_t content_within(std::chrono::microseconds time, Bytes records, const config::LogConfig& config) noexcept;

}  // namespace moldau::storage
