#include "protocol/records/record.h"

namespace moldau::protocol {
namespace {

// Skips a field with a length; a negative length is null. Returns nullptr when it does not fit.
const std::byte* read_nullable(const std::byte* p, const std::byte* end, std::optional<Bytes>& out) noexcept {
  std::int32_t size = 0;
  p = read_varint(p, end, size);
  if (p == nullptr) [[unlikely]] return nullptr;
  if (size < 0) {
    out.reset();
    return p;
  }
  if (size > end - p) [[unlikely]] return nullptr;
  out.emplace(p, static_cast<std::size_t>(size));
  return p + size;
}

// Walks `count` headers; nullptr when they are malformed.
const std::byte* skip_headers(const std::byte* p, const std::byte* end, std::int32_t count) noexcept {
  for (; count > 0; --count) {
    std::int32_t size = 0;
    p = read_varint(p, end, size);
    if (p == nullptr || size < 0 || size > end - p) return nullptr;
    p = read_varint(p + size, end, size);
    if (p == nullptr || size > end - p) return nullptr;
    if (size > 0) p += size;
  }
  return p;
}

}  // namespace

void RecordHeaders::Iterator::load() {
  if (left_ <= 0) return;
  std::optional<Bytes> key;
  const auto* p = read_nullable(p_, end_, key);
  if (p != nullptr) p = read_nullable(p, end_, current_.value);
  if (p == nullptr) {
    left_ = 0;
    return;
  }
  current_.key = key ? as_string(*key) : std::string_view{};
  p_ = p;
}

bool RecordCursor::next(RecordView& out) {
  if (failure_ != nullptr) return false;
  if (read_ >= context_.count) {
    if (context_.count < 0) return fail("Found invalid record count in magic v2 batch");
    if (p_ != end_) return fail("Incorrect declared batch size, records still remaining in file");
    return false;
  }
  if (p_ == end_) [[unlikely]] return fail("Incorrect declared batch size, premature EOF reached");
  const std::byte* const start = p_;
  std::int32_t size = 0;
  const std::byte* p = read_varint(p_, end_, size);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  if (size < 0 || size > end_ - p) [[unlikely]] return fail("Invalid record size: more bytes expected than the record payload has");
  const std::byte* const end = p + size;
  if (p == end) [[unlikely]] return fail("Found invalid record structure");
  ++p;  // attributes, unused

  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  p = read_varlong(p, end, timestamp_delta);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  p = read_varint(p, end, offset_delta);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  p = read_nullable(p, end, out.key);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  p = read_nullable(p, end, out.value);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  std::int32_t header_count = 0;
  p = read_varint(p, end, header_count);
  if (p == nullptr) [[unlikely]] return fail("Found invalid record structure");
  if (header_count < 0 || header_count > end - p) [[unlikely]] return fail("Found invalid number of record headers");
  if (header_count > 0) {
    const std::byte* const headers = p;
    p = skip_headers(p, end, header_count);
    if (p == nullptr) return fail("Found invalid record structure");
    out.headers = RecordHeaders(Bytes(headers, p), header_count);
  } else {
    out.headers = {};
  }
  if (p != end) [[unlikely]] return fail("Invalid record size: not all bytes of the record were read");

  out.offset = Offset(static_cast<std::int64_t>(static_cast<std::uint64_t>(context_.base_offset.value()) + static_cast<std::uint64_t>(std::int64_t{offset_delta})));
  out.timestamp = context_.log_append_time
                      ? *context_.log_append_time
                      : static_cast<std::int64_t>(static_cast<std::uint64_t>(context_.base_timestamp) + static_cast<std::uint64_t>(timestamp_delta));
  out.sequence = context_.base_sequence >= 0 ? increment_sequence(context_.base_sequence, offset_delta) : -1;
  out.size_in_bytes = static_cast<std::int32_t>(end - start);
  out.magic = 2;
  out.compressed = false;
  p_ = end;
  ++read_;
  return true;
}

bool scan_records(Bytes records, const RecordCursor::Context& context, RecordScan& out) noexcept {
  const std::byte* p = records.data();
  const std::byte* const all = p + records.size();
  std::int64_t min_timestamp = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_timestamp = -1;
  bool null_key = false;
  std::int32_t disorder = 0;
  if (context.count < 0) return false;
  for (std::int32_t i = 0; i < context.count; ++i) {
    std::int32_t size = 0;
    p = read_varint(p, all, size);
    if (p == nullptr || size <= 0 || size > all - p) [[unlikely]] return false;
    const std::byte* const end = p + size;
    std::int64_t timestamp_delta = 0;
    p = read_varlong(p + 1, end, timestamp_delta);
    if (p == nullptr) [[unlikely]] return false;
    std::int32_t number = 0;
    p = read_varint(p, end, number);
    if (p == nullptr) [[unlikely]] return false;
    disorder |= number ^ i;
    p = read_varint(p, end, number);
    if (p == nullptr || number > end - p) [[unlikely]] return false;
    if (number < 0) {
      null_key = true;
    } else {
      p += number;
    }
    p = read_varint(p, end, number);
    if (p == nullptr || number > end - p) [[unlikely]] return false;
    if (number > 0) p += number;
    p = read_varint(p, end, number);
    if (p == nullptr || number < 0 || number > end - p) [[unlikely]] return false;
    if (number > 0) {
      p = skip_headers(p, end, number);
      if (p == nullptr) return false;
    }
    if (p != end) [[unlikely]] return false;
    const auto timestamp = static_cast<std::int64_t>(static_cast<std::uint64_t>(context.base_timestamp) + static_cast<std::uint64_t>(timestamp_delta));
    if (timestamp != -1) {
      min_timestamp = timestamp < min_timestamp ? timestamp : min_timestamp;
      max_timestamp = timestamp > max_timestamp ? timestamp : max_timestamp;
    }
  }
  if (p != all) return false;
  if (context.log_append_time && context.count > 0) {
    min_timestamp = max_timestamp = *context.log_append_time;
    if (max_timestamp == -1) min_timestamp = std::numeric_limits<std::int64_t>::max();
  }
  out.min_timestamp = min_timestamp;
  out.max_timestamp = max_timestamp < -1 ? -1 : max_timestamp;
  out.body_bytes = static_cast<std::int64_t>(records.size());
  out.has_null_key = null_key;
  out.sequential = disorder == 0;
  return true;
}

}  // namespace moldau::protocol
