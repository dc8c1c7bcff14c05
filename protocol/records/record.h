// One record of a batch, borrowed from the batch's bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/base/varint.h"

namespace moldau::protocol {

/// One header of a record.
struct RecordHeader {
  std::string_view key;
  std::optional<Bytes> value;
};

/// The headers of a record: a forward range over bytes that were checked when the record was read.
class RecordHeaders {
 public:
  RecordHeaders() = default;
  /// REQUIRES: `encoded` holds `count` well-formed headers.
  RecordHeaders(Bytes encoded, std::int32_t count) : encoded_(encoded), count_(count) {}

  class Iterator {
   public:
    using value_type = RecordHeader;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const std::byte* p, const std::byte* end, std::int32_t left) : p_(p), end_(end), left_(left) { load(); }
    const RecordHeader& operator*() const { return current_; }
    const RecordHeader* operator->() const { return &current_; }
    Iterator& operator++() {
      --left_;
      load();
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    void load();
    const std::byte* p_ = nullptr;
    const std::byte* end_ = nullptr;
    std::int32_t left_ = 0;
    RecordHeader current_;
  };

  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(count_); }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] Iterator begin() const { return {encoded_.data(), encoded_.data() + encoded_.size(), count_}; }
  [[nodiscard]] Iterator end() const { return {}; }
  /// The encoded headers without their count.
  [[nodiscard]] Bytes encoded() const noexcept { return encoded_; }

 private:
  Bytes encoded_;
  std::int32_t count_ = 0;
};

/// A record of any magic. Views borrow from the bytes (or the decompressed bytes) that were iterated.
struct RecordView {
  Offset offset = kNoOffset;
  std::int64_t timestamp = -1;  ///< ms; the append time for LogAppendTime batches; -1 none (magic 0)
  std::int32_t sequence = -1;   ///< idempotent producer's sequence number; -1 none
  std::int32_t size_in_bytes = 0;
  std::int8_t magic = 2;
  bool compressed = false;  ///< magic 0 and 1: has a codec in its attributes (an error inside a wrapper)
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  RecordHeaders headers;
};

/// Reads the records of magic 2 from uncompressed bytes, checking every bound.
class RecordCursor {
 public:
  /// What the batch's header says about its records.
  struct Context {
    Offset base_offset;
    std::int64_t base_timestamp = 0;
    std::optional<std::int64_t> log_append_time;  ///< stands for every record's timestamp when set
    std::int32_t base_sequence = -1;
    std::int32_t count = 0;  ///< declared number of records
  };

  RecordCursor() = default;
  RecordCursor(Bytes records, const Context& context) : p_(records.data()), end_(records.data() + records.size()), context_(context) {}

  /// False at the end and on malformed data; failed() tells which.
  bool next(RecordView& out);
  [[nodiscard]] bool failed() const noexcept { return failure_ != nullptr; }
  /// INVALID_RECORD with the reason. REQUIRES: failed().
  [[nodiscard]] Error error() const { return Error(ErrorCode::invalid_record, failure_); }

 private:
  bool fail(const char* why) noexcept {
    failure_ = why;
    return false;
  }

  const std::byte* p_ = nullptr;
  const std::byte* end_ = nullptr;
  Context context_;
  std::int32_t read_ = 0;
  const char* failure_ = nullptr;
};

/// What one pass over the records of a batch finds; enough to accept a batch without looking at single records.
struct RecordScan {
  std::int64_t min_timestamp = std::numeric_limits<std::int64_t>::max();  ///< of the records that have one
  std::int64_t max_timestamp = -1;
  std::int64_t body_bytes = 0;  ///< size of all records
  bool has_null_key = false;
  bool sequential = true;  ///< offset deltas are 0, 1, 2, ...
};

/// Checks the framing of all records, as RecordCursor does, without building views. False when anything is malformed.
[[nodiscard]] bool scan_records(Bytes records, const RecordCursor::Context& context, RecordScan& out) noexcept;

/// `sequence + by` in the space 0..2^31-1, which wraps to 0.
constexpr std::int32_t increment_sequence(std::int32_t sequence, std::int32_t by) noexcept {
  return static_cast<std::int32_t>((static_cast<std::int64_t>(sequence) + by) & 0x7FFFFFFF);
}

}  // namespace moldau::protocol
