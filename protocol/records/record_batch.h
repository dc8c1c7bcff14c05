// RecordBatchView: a batch of magic 2 (Kafka's DefaultRecordBatch), borrowed.
//
//   off size field
//     0   8  base offset                  27   8  base timestamp (the delete horizon with attribute bit 6)
//     8   4  length of what follows       35   8  max timestamp (the append time with attribute bit 3)
//    12   4  partition leader epoch       43   8  producer id, -1 none
//    16   1  magic = 2                    51   2  producer epoch
//    17   4  CRC-32C of bytes 21..end     53   4  base sequence
//    21   2  attributes                   57   4  record count
//    23   4  last offset delta            61  ..  records, one compressed blob when a codec is set
//
// attributes: 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon.
// Base offset and leader epoch lie outside the CRC.
#pragma once

#include <cstdint>
#include <optional>

#include "config/log_config.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/compression/compression.h"
#include "protocol/records/record.h"

namespace moldau::protocol {

using config::TimestampType;

inline constexpr std::size_t kLogOverhead = 12;        ///< offset and size, common to all magics
inline constexpr std::size_t kBatchPrefixSize = 17;    ///< offset, size, (crc or epoch), magic: the least that tells what follows
inline constexpr std::size_t kBatchHeaderSize = 61;    ///< header of magic 2
inline constexpr std::size_t kLegacyMinSizeV0 = 14;    ///< message without offset and size
inline constexpr std::size_t kLegacyMinSizeV1 = 22;
inline constexpr std::int64_t kNoTimestamp = -1;
inline constexpr std::int32_t kNoSequence = -1;

/// Positions of the fields of magic 2.
namespace batch_field {
inline constexpr std::size_t base_offset = 0, length = 8, leader_epoch = 12, magic = 16, crc = 17, attributes = 21, last_offset_delta = 23,
                             base_timestamp = 27, max_timestamp = 35, producer_id = 43, producer_epoch = 51, base_sequence = 53, count = 57;
}

inline constexpr std::int16_t kAttrCodecMask = 0x07;
inline constexpr std::int16_t kAttrLogAppendTime = 0x08;
inline constexpr std::int16_t kAttrTransactional = 0x10;
inline constexpr std::int16_t kAttrControl = 0x20;
inline constexpr std::int16_t kAttrDeleteHorizon = 0x40;

/// Header accessors over a batch of magic 2. Cheap to copy. The bytes may be the header alone (61 bytes), as when a file is scanned;
/// what needs the records says so.
class RecordBatchView {
 public:
  RecordBatchView() = default;
  /// REQUIRES: at least 61 bytes with magic 2. The view is cut to the batch's length.
  explicit RecordBatchView(Bytes data) : data_(data) {
    if (size_in_bytes() < data_.size()) data_ = data_.first(size_in_bytes());
  }
  /// Checks magic, length (at least 61) and that the whole batch is there. Errors: CORRUPT_MESSAGE.
  static Result<RecordBatchView> open(Bytes data);

  [[nodiscard]] Bytes bytes() const noexcept { return data_; }
  [[nodiscard]] bool is_complete() const noexcept { return size_in_bytes() >= kBatchHeaderSize && data_.size() == size_in_bytes(); }

  [[nodiscard]] Offset base_offset() const noexcept { return Offset(get<std::int64_t>(batch_field::base_offset)); }
  /// Of the whole batch. A hostile length is clamped to [12, 2^31 + 11]; open() and BatchCursor refuse it.
  [[nodiscard]] std::size_t size_in_bytes() const noexcept {
    const auto length = get<std::int32_t>(batch_field::length);
    return kLogOverhead + static_cast<std::size_t>(length < 0 ? 0 : length);
  }
  [[nodiscard]] LeaderEpoch partition_leader_epoch() const noexcept { return LeaderEpoch(get<std::int32_t>(batch_field::leader_epoch)); }
  [[nodiscard]] std::int8_t magic() const noexcept { return get<std::int8_t>(batch_field::magic); }
  [[nodiscard]] std::uint32_t checksum() const noexcept { return get<std::uint32_t>(batch_field::crc); }
  [[nodiscard]] std::int16_t attributes() const noexcept { return get<std::int16_t>(batch_field::attributes); }
  [[nodiscard]] std::int32_t last_offset_delta() const noexcept { return get<std::int32_t>(batch_field::last_offset_delta); }
  /// What the timestamp deltas of the records count from: the first timestamp, or the delete horizon.
  [[nodiscard]] std::int64_t base_timestamp() const noexcept { return get<std::int64_t>(batch_field::base_timestamp); }
  [[nodiscard]] std::int64_t max_timestamp() const noexcept { return get<std::int64_t>(batch_field::max_timestamp); }
  [[nodiscard]] ProducerId producer_id() const noexcept { return ProducerId(get<std::int64_t>(batch_field::producer_id)); }
  [[nodiscard]] ProducerEpoch producer_epoch() const noexcept { return ProducerEpoch(get<std::int16_t>(batch_field::producer_epoch)); }
  [[nodiscard]] std::int32_t base_sequence() const noexcept { return get<std::int32_t>(batch_field::base_sequence); }
  [[nodiscard]] std::int32_t record_count() const noexcept { return get<std::int32_t>(batch_field::count); }

  [[nodiscard]] Offset last_offset() const noexcept {
    return Offset(static_cast<std::int64_t>(static_cast<std::uint64_t>(base_offset().value()) + static_cast<std::uint64_t>(std::int64_t{last_offset_delta()})));
  }
  [[nodiscard]] Offset next_offset() const noexcept {
    return Offset(static_cast<std::int64_t>(static_cast<std::uint64_t>(last_offset().value()) + 1));
  }
  /// -1 without a sequence; wraps at 2^31.
  [[nodiscard]] std::int32_t last_sequence() const noexcept {
    const auto base = base_sequence();
    return base == kNoSequence ? kNoSequence : increment_sequence(base, last_offset_delta());
  }
  /// The codec bits as they stand, 5-7 being unknown.
  [[nodiscard]] std::uint8_t codec_id() const noexcept { return static_cast<std::uint8_t>(attributes() & kAttrCodecMask); }
  /// REQUIRES: codec_id() <= 4 (has_known_codec()).
  [[nodiscard]] Codec codec() const noexcept { return static_cast<Codec>(codec_id()); }
  [[nodiscard]] bool has_known_codec() const noexcept { return codec_id() <= 4; }
  [[nodiscard]] bool is_compressed() const noexcept { return codec_id() != 0; }
  [[nodiscard]] TimestampType timestamp_type() const noexcept {
    return (attributes() & kAttrLogAppendTime) != 0 ? TimestampType::log_append_time : TimestampType::create_time;
  }
  [[nodiscard]] bool is_transactional() const noexcept { return (attributes() & kAttrTransactional) != 0; }
  [[nodiscard]] bool is_control_batch() const noexcept { return (attributes() & kAttrControl) != 0; }
  [[nodiscard]] bool has_producer_id() const noexcept { return producer_id() > kNoProducerId; }
  /// KIP-534: when tombstones and markers of this batch may go; ms.
  [[nodiscard]] std::optional<std::int64_t> delete_horizon_ms() const noexcept {
    if ((attributes() & kAttrDeleteHorizon) == 0) return std::nullopt;
    return base_timestamp();
  }

  /// REQUIRES: is_complete(). Hashes the batch.
  [[nodiscard]] bool is_valid() const noexcept;
  /// Length and checksum; CORRUPT_MESSAGE. REQUIRES: is_complete() or a header alone (which is an error).
  [[nodiscard]] Status ensure_valid() const;

  /// The bytes behind the header, compressed if a codec is set. REQUIRES: is_complete().
  [[nodiscard]] Bytes payload() const noexcept { return data_.subspan(kBatchHeaderSize); }
  [[nodiscard]] RecordCursor::Context record_context() const noexcept;
  /// Records straight from the batch. REQUIRES: is_complete(), !is_compressed(). See DeepRecords for any batch.
  [[nodiscard]] RecordCursor records() const noexcept { return RecordCursor(payload(), record_context()); }

 private:
  template <class T>
  [[nodiscard]] T get(std::size_t at) const noexcept {
    return load_be<T>(data_.data() + at);
  }
  Bytes data_;
};

/// Edits the header of a batch of magic 2 in place. REQUIRES in all of them: at least the header.
namespace batch_header {
inline void set_base_offset(MutableBytes batch, Offset offset) noexcept { store_be(batch.data() + batch_field::base_offset, offset.value()); }
inline void set_partition_leader_epoch(MutableBytes batch, LeaderEpoch epoch) noexcept {
  store_be(batch.data() + batch_field::leader_epoch, epoch.value());
}
/// Makes the last offset `last`, so the base is last - last_offset_delta.
inline void set_last_offset(MutableBytes batch, Offset last) noexcept {
  set_base_offset(batch, last - load_be<std::int32_t>(batch.data() + batch_field::last_offset_delta));
}
/// Sets the timestamp type and the max timestamp and, if anything changed, the CRC. REQUIRES: `batch` is exactly the whole batch.
void set_max_timestamp(MutableBytes batch, TimestampType type, std::int64_t max_timestamp) noexcept;
/// Computes the CRC anew. REQUIRES: `batch` is exactly the whole batch.
void update_checksum(MutableBytes batch) noexcept;
}  // namespace batch_header

}  // namespace moldau::protocol
