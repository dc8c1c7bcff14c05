// RecordBatchBuilder: makes batches of magic 2. LegacySetBuilder: makes message sets of magic 0 and 1. Together Kafka's MemoryRecordsBuilder.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "protocol/records/record_batch.h"

namespace moldau::protocol {

struct RecordBatchOptions {
  Codec codec = Codec::none;
  int level = kDefaultLevel;
  TimestampType timestamp_type = TimestampType::create_time;
  std::int64_t log_append_time = kNoTimestamp;  ///< the batch's max timestamp with log_append_time
  Offset base_offset{0};
  LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
  std::optional<std::int64_t> delete_horizon_ms;  ///< then the base timestamp of all deltas
};

/// Appends records and closes them into one batch. Compression happens in build().
class RecordBatchBuilder {
 public:
  explicit RecordBatchBuilder(const RecordBatchOptions& options, std::size_t size_hint = 512);

  /// Appends at the next offset. `headers` are copied.
  void append(std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value, std::span<const RecordHeader> headers = {});
  /// REQUIRES: offset >= base_offset, rising, at most 2^31-1 above the base.
  void append_with_offset(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
                          std::span<const RecordHeader> headers = {});
  /// Appends a record of another batch, with its encoded headers. REQUIRES as append_with_offset.
  void append_with_offset(Offset offset, const RecordView& record);

  [[nodiscard]] std::int32_t record_count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// Uncompressed size so far, header included.
  [[nodiscard]] std::size_t estimated_size() const noexcept { return buffer_.size(); }
  [[nodiscard]] std::int64_t max_timestamp() const noexcept { return max_timestamp_; }
  /// What one more record would add at most.
  static std::size_t record_size_upper_bound(std::size_t key_size, std::size_t value_size, std::size_t headers_size) noexcept {
    return key_size + value_size + headers_size + 36;
  }

  /// The batch, with its CRC; the builder is spent. An overriding last offset (compaction keeps the old one) may be given. Errors: those of compress().
  Result<ByteBuffer> build(std::optional<Offset> last_offset = std::nullopt);

 private:
  void append_encoded(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value, std::size_t header_count,
                      Bytes encoded_headers);

  RecordBatchOptions options_;
  ByteBuffer buffer_;
  std::int32_t count_ = 0;
  std::int32_t last_delta_ = -1;
  std::int64_t base_timestamp_ = kNoTimestamp;
  bool have_base_timestamp_ = false;
  std::int64_t max_timestamp_ = kNoTimestamp;
};

struct LegacySetOptions {
  std::int8_t magic = 1;
  Codec codec = Codec::none;  ///< not zstd
  int level = kDefaultLevel;
  TimestampType timestamp_type = TimestampType::create_time;
  std::int64_t log_append_time = kNoTimestamp;
  Offset base_offset{0};
};

/// Makes a message set: plain entries, or one compressed wrapper. Headers do not exist in it.
class LegacySetBuilder {
 public:
  explicit LegacySetBuilder(const LegacySetOptions& options) : options_(options) {}
  void append_with_offset(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value);
  [[nodiscard]] std::int32_t record_count() const noexcept { return count_; }
  /// Appends the set to `out`. Nothing is written without records. Errors: those of compress().
  Status build(ByteBuffer& out);

 private:
  LegacySetOptions options_;
  ByteBuffer buffer_;
  std::int32_t count_ = 0;
  Offset last_offset_{-1};
  std::int64_t max_timestamp_ = kNoTimestamp;
};

}  // namespace moldau::protocol
