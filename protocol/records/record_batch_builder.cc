#include "protocol/records/record_batch_builder.h"

#include <algorithm>

#include "protocol/records/checksum/crc32.h"

namespace moldau::protocol {
namespace {

constexpr std::size_t nullable_size(const std::optional<Bytes>& field) {
  if (!field) return 1;
  return varint_size(static_cast<std::int32_t>(field->size())) + field->size();
}

std::byte* write_bytes(std::byte* p, Bytes bytes) {
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  return p + bytes.size();
}

std::byte* write_nullable(std::byte* p, const std::optional<Bytes>& field) {
  if (!field) return write_varint(p, -1);
  return write_bytes(write_varint(p, static_cast<std::int32_t>(field->size())), *field);
}

}  // namespace

RecordBatchBuilder::RecordBatchBuilder(const RecordBatchOptions& options, std::size_t size_hint) : options_(options), buffer_(kBatchHeaderSize + size_hint) {
  buffer_.resize(kBatchHeaderSize);
  if (options_.delete_horizon_ms) {
    base_timestamp_ = *options_.delete_horizon_ms;
    have_base_timestamp_ = true;
  }
}

void RecordBatchBuilder::append(std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value, std::span<const RecordHeader> headers) {
  append_with_offset(options_.base_offset + (last_delta_ + 1), timestamp, key, value, headers);
}

void RecordBatchBuilder::append_with_offset(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
                                            std::span<const RecordHeader> headers) {
  if (headers.empty()) {
    append_encoded(offset, timestamp, key, value, 0, {});
    return;
  }
  std::size_t size = 0;
  for (const auto& h : headers) size += varint_size(static_cast<std::int32_t>(h.key.size())) + h.key.size() + nullable_size(h.value);
  ByteBuffer encoded(size);
  encoded.resize(size);
  std::byte* p = encoded.data();
  for (const auto& h : headers) {
    p = write_bytes(write_varint(p, static_cast<std::int32_t>(h.key.size())), as_bytes(h.key));
    p = write_nullable(p, h.value);
  }
  append_encoded(offset, timestamp, key, value, headers.size(), encoded.bytes());
}

void RecordBatchBuilder::append_with_offset(Offset offset, const RecordView& record) {
  append_encoded(offset, record.timestamp, record.key, record.value, record.headers.size(), record.headers.encoded());
}

void RecordBatchBuilder::append_encoded(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value, std::size_t header_count,
                                        Bytes encoded_headers) {
  if (!have_base_timestamp_) {
    base_timestamp_ = timestamp;
    have_base_timestamp_ = true;
  }
  const auto offset_delta = static_cast<std::int32_t>(offset - options_.base_offset);
  const auto timestamp_delta = static_cast<std::int64_t>(static_cast<std::uint64_t>(timestamp) - static_cast<std::uint64_t>(base_timestamp_));
  const std::size_t body = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + nullable_size(key) + nullable_size(value) +
                           varint_size(static_cast<std::int32_t>(header_count)) + encoded_headers.size();
  std::byte* const start = buffer_.prepare(body + kMaxVarintSize);
  std::byte* p = write_varint(start, static_cast<std::int32_t>(body));
  *p++ = std::byte{0};
  p = write_varlong(p, timestamp_delta);
  p = write_varint(p, offset_delta);
  p = write_nullable(p, key);
  p = write_nullable(p, value);
  p = write_varint(p, static_cast<std::int32_t>(header_count));
  p = write_bytes(p, encoded_headers);
  buffer_.commit(static_cast<std::size_t>(p - start));
  ++count_;
  last_delta_ = offset_delta;
  max_timestamp_ = std::max(max_timestamp_, timestamp);
}

Result<ByteBuffer> RecordBatchBuilder::build(std::optional<Offset> last_offset) {
  ByteBuffer out;
  if (options_.codec == Codec::none) {
    out = std::move(buffer_);
  } else {
    out.reserve(kBatchHeaderSize + buffer_.size() / 2);
    out.resize(kBatchHeaderSize);
    if (auto s = compress({options_.codec, options_.level, 2}, buffer_.bytes().subspan(kBatchHeaderSize), out); !s) return s.error();
  }
  const bool append_time = options_.timestamp_type == TimestampType::log_append_time;
  auto attributes = static_cast<std::int16_t>(options_.codec);
  if (append_time) attributes = static_cast<std::int16_t>(attributes | kAttrLogAppendTime);
  if (options_.transactional) attributes = static_cast<std::int16_t>(attributes | kAttrTransactional);
  if (options_.control) attributes = static_cast<std::int16_t>(attributes | kAttrControl);
  if (options_.delete_horizon_ms) attributes = static_cast<std::int16_t>(attributes | kAttrDeleteHorizon);
  const auto last_delta = last_offset ? static_cast<std::int32_t>(*last_offset - options_.base_offset) : last_delta_;
  std::byte* const p = out.data();
  store_be(p + batch_field::base_offset, options_.base_offset.value());
  store_be(p + batch_field::length, static_cast<std::int32_t>(out.size() - kLogOverhead));
  store_be(p + batch_field::leader_epoch, options_.partition_leader_epoch.value());
  store_be(p + batch_field::magic, std::int8_t{2});
  store_be(p + batch_field::attributes, attributes);
  store_be(p + batch_field::last_offset_delta, last_delta);
  store_be(p + batch_field::base_timestamp, base_timestamp_);
  store_be(p + batch_field::max_timestamp, append_time ? options_.log_append_time : max_timestamp_);
  store_be(p + batch_field::producer_id, options_.producer_id.value());
  store_be(p + batch_field::producer_epoch, options_.producer_epoch.value());
  store_be(p + batch_field::base_sequence, options_.base_sequence);
  store_be(p + batch_field::count, count_);
  batch_header::update_checksum(out.mutable_bytes());
  return out;
}

namespace {

// Appends one entry; `value` may be written by the caller behind it when it is a wrapper.
void append_legacy_entry(ByteBuffer& out, std::int8_t magic, std::uint8_t attributes, std::int64_t offset, std::int64_t timestamp, std::optional<Bytes> key,
                         std::optional<Bytes> value) {
  const std::size_t message = (magic == 0 ? kLegacyMinSizeV0 : kLegacyMinSizeV1) + (key ? key->size() : 0) + (value ? value->size() : 0);
  std::byte* const start = out.prepare(kLogOverhead + message);
  store_be(start, offset);
  store_be(start + 8, static_cast<std::int32_t>(message));
  std::byte* p = start + kLogOverhead + 4;
  store_be(p, magic);
  store_be(p + 1, attributes);
  p += 2;
  if (magic == 1) {
    store_be(p, timestamp);
    p += 8;
  }
  for (const auto& field : {key, value}) {
    store_be(p, field ? static_cast<std::int32_t>(field->size()) : -1);
    p = field ? write_bytes(p + 4, *field) : p + 4;
  }
  store_be(start + kLogOverhead, crc32(Bytes(start + kLogOverhead + 4, message - 4)));
  out.commit(kLogOverhead + message);
}

}  // namespace

void LegacySetBuilder::append_with_offset(Offset offset, std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value) {
  const bool append_time = options_.timestamp_type == TimestampType::log_append_time;
  const bool wrapped = options_.codec != Codec::none;
  // Inside a wrapper magic 1 counts from the wrapper's base offset.
  const auto stored_offset = wrapped && options_.magic == 1 ? offset - options_.base_offset : offset.value();
  const std::uint8_t attributes = append_time && options_.magic == 1 ? static_cast<std::uint8_t>(kAttrLogAppendTime) : std::uint8_t{0};
  append_legacy_entry(buffer_, options_.magic, attributes, stored_offset, append_time ? options_.log_append_time : timestamp, key, value);
  ++count_;
  last_offset_ = offset;
  max_timestamp_ = std::max(max_timestamp_, timestamp);
}

Status LegacySetBuilder::build(ByteBuffer& out) {
  if (count_ == 0) return {};
  if (options_.codec == Codec::none) {
    out.append(buffer_.bytes());
    return {};
  }
  if (options_.codec == Codec::zstd) return Error(ErrorCode::unsupported_compression_type, "zstd is not supported in message format versions before 2");
  ByteBuffer value;
  if (auto s = compress({options_.codec, options_.level, options_.magic}, buffer_.bytes(), value); !s) return s.error();
  const bool append_time = options_.timestamp_type == TimestampType::log_append_time;
  auto attributes = static_cast<std::uint8_t>(options_.codec);
  if (append_time && options_.magic == 1) attributes = static_cast<std::uint8_t>(attributes | kAttrLogAppendTime);
  append_legacy_entry(out, options_.magic, attributes, last_offset_.value(), append_time ? options_.log_append_time : max_timestamp_, std::nullopt, value.bytes());
  return {};
}

}  // namespace moldau::protocol
