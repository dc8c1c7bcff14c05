// Batches of any magic in a buffer: AnyBatch (shallow view), BatchCursor (walks a buffer), DeepRecords (decompresses and iterates records).
//
// Magic 0 and 1 have no batches: an entry is one message, or a wrapper whose compressed value is a message set.
//   entry    int64 offset, int32 size, message
//   message  uint32 crc (CRC-32 of the rest), int8 magic, int8 attributes (0-2 codec, 3 LogAppendTime), [magic 1: int64 timestamp], key, value (int32 length, -1 null)
// Wrapper offsets: magic 0 inner offsets are absolute; magic 1 inner offsets are relative and the wrapper has the last one's absolute offset.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "protocol/records/record_batch.h"

namespace moldau::protocol {

/// The first 17 bytes of an entry of any magic: enough to find the next one.
struct BatchPrefix {
  Offset offset;                  ///< base offset (magic 2), last offset (magic 0, 1)
  std::size_t size_in_bytes = 0;  ///< of the whole entry
  std::int8_t magic = 0;
};

/// Reads a prefix. Errors: CORRUPT_MESSAGE for a size below the magic's minimum (61; 26 and 34) or an unknown magic. REQUIRES: 17 bytes.
Result<BatchPrefix> parse_batch_prefix(Bytes data);

/// A shallow view over one entry of any magic. Cheap to copy.
class AnyBatch {
 public:
  AnyBatch() = default;
  /// REQUIRES: parse_batch_prefix() succeeded on it, and at least min(size, 61) bytes are there. Cut to the entry's size.
  explicit AnyBatch(Bytes data);

  [[nodiscard]] Bytes bytes() const noexcept { return data_; }
  [[nodiscard]] std::int8_t magic() const noexcept { return load_be<std::int8_t>(data_.data() + batch_field::magic); }
  [[nodiscard]] bool is_v2() const noexcept { return magic() >= 2; }
  /// The view of magic 2. REQUIRES: is_v2().
  [[nodiscard]] RecordBatchView v2() const noexcept { return RecordBatchView(data_); }
  [[nodiscard]] std::size_t size_in_bytes() const noexcept {
    return kLogOverhead + static_cast<std::size_t>(load_be<std::int32_t>(data_.data() + batch_field::length));
  }

  /// The field as it stands: base offset (magic 2), the last offset (magic 0, 1).
  [[nodiscard]] Offset raw_offset() const noexcept { return Offset(load_be<std::int64_t>(data_.data())); }
  /// First offset. A compressed wrapper of magic 0, 1 is decompressed for it. Errors: those of DeepRecords.
  [[nodiscard]] Result<Offset> base_offset() const;
  [[nodiscard]] Offset last_offset() const noexcept { return is_v2() ? v2().last_offset() : raw_offset(); }
  [[nodiscard]] Offset next_offset() const noexcept { return last_offset() + 1; }
  [[nodiscard]] std::int64_t max_timestamp() const noexcept;
  [[nodiscard]] TimestampType timestamp_type() const noexcept;
  [[nodiscard]] std::uint8_t codec_id() const noexcept;
  [[nodiscard]] Codec codec() const noexcept { return static_cast<Codec>(codec_id()); }
  [[nodiscard]] bool has_known_codec() const noexcept { return codec_id() <= 4; }
  [[nodiscard]] bool is_compressed() const noexcept { return codec_id() != 0; }
  [[nodiscard]] LeaderEpoch partition_leader_epoch() const noexcept { return is_v2() ? v2().partition_leader_epoch() : kNoLeaderEpoch; }
  [[nodiscard]] ProducerId producer_id() const noexcept { return is_v2() ? v2().producer_id() : kNoProducerId; }
  [[nodiscard]] bool has_producer_id() const noexcept { return is_v2() && v2().has_producer_id(); }
  [[nodiscard]] bool is_transactional() const noexcept { return is_v2() && v2().is_transactional(); }
  [[nodiscard]] bool is_control_batch() const noexcept { return is_v2() && v2().is_control_batch(); }
  /// Number of records; nothing for a compressed wrapper.
  [[nodiscard]] std::optional<std::int32_t> count() const noexcept;

  /// Checksum. REQUIRES: the whole entry is there.
  [[nodiscard]] bool is_valid() const noexcept { return ensure_valid().has_value(); }
  /// CORRUPT_MESSAGE with Kafka's text.
  [[nodiscard]] Status ensure_valid() const;

 private:
  Bytes data_;
};

/// Walks the entries of a buffer, of any magics. Stops before a partial entry; a size or magic that cannot be is an error.
class BatchCursor {
 public:
  explicit BatchCursor(Bytes data) : data_(data) {}
  /// Nothing at the end, before a partial entry and on an error.
  std::optional<AnyBatch> next();
  /// Bytes of the entries returned so far: the position of what comes next.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  /// Why next() returned nothing, if it was a broken entry: CORRUPT_MESSAGE.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  /// True when next() stopped although bytes are left that may be the start of an entry.
  [[nodiscard]] bool partial() const noexcept { return !error_ && position_ < data_.size(); }

 private:
  Bytes data_;
  std::size_t position_ = 0;
  std::optional<Error> error_;
};

/// `for (AnyBatch batch : BatchRange(bytes))`; ends like BatchCursor, an error looks like the end.
class BatchRange {
 public:
  explicit BatchRange(Bytes data) : data_(data) {}
  class Iterator {
   public:
    using value_type = AnyBatch;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Bytes data) : cursor_(data), current_(cursor_.next()) {}
    const AnyBatch& operator*() const { return *current_; }
    const AnyBatch* operator->() const { return &*current_; }
    Iterator& operator++() {
      current_ = cursor_.next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.current_.has_value(); }

   private:
    BatchCursor cursor_;
    std::optional<AnyBatch> current_;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(data_); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  Bytes data_;
};

/// The records of one batch or wrapper of any magic, decompressed where needed. Owns the decompressed bytes: views in a RecordView live as long as this
/// object (and, for uncompressed batches, the batch's bytes). Movable.
class DeepRecords {
 public:
  /// REQUIRES: the whole entry is there. Errors: those of decompress(), INVALID_RECORD for a malformed wrapper.
  static Result<DeepRecords> open(const AnyBatch& batch, std::size_t max_decompressed = kDefaultMaxDecompressed);

  /// False at the end and on malformed data; failed() tells which.
  bool next(RecordView& out);
  [[nodiscard]] bool failed() const noexcept { return error_.has_value(); }
  /// REQUIRES: failed(). INVALID_RECORD, or CORRUPT_MESSAGE for a bad inner checksum.
  [[nodiscard]] const Error& error() const noexcept { return *error_; }

 private:
  struct Inner {
    std::int64_t offset;
    Bytes message;
  };
  DeepRecords() = default;
  static Result<DeepRecords> open_legacy(const AnyBatch& batch, std::size_t max_decompressed);
  bool next_legacy(RecordView& out);

  ScratchBuffer scratch_;
  bool legacy_ = false;
  RecordCursor cursor_;
  std::vector<Inner> inner_;
  std::size_t at_ = 0;
  std::int64_t absolute_base_ = 0;
  std::int8_t wrapper_magic_ = 0;
  bool inner_checked_ = false;
  std::optional<std::int64_t> wrapper_timestamp_;
  std::optional<Error> error_;
};

/// Reads one message of magic 0 or 1 (without offset and size). Errors: INVALID_RECORD when its lengths do not fit.
Status parse_legacy_message(Bytes message, RecordView& out);

}  // namespace moldau::protocol
