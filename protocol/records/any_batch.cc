#include "protocol/records/any_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/records/checksum/crc32.h"

namespace moldau::protocol {
namespace {

constexpr std::size_t kMessageAttributes = kLogOverhead + 5;
constexpr std::size_t kMessageTimestamp = kLogOverhead + 6;

constexpr std::size_t legacy_min_size(std::int8_t magic) { return magic == 0 ? kLegacyMinSizeV0 : kLegacyMinSizeV1; }

}  // namespace

Result<BatchPrefix> parse_batch_prefix(Bytes data) {
  const auto size = load_be<std::int32_t>(data.data() + batch_field::length);
  const auto magic = load_be<std::int8_t>(data.data() + batch_field::magic);
  // Kafka 3.9 ByteBufferLogInputStream: the size against the least of all magics first, then the magic.
  if (size < static_cast<std::int32_t>(kLegacyMinSizeV0))
    return Error(ErrorCode::corrupt_message, fmt::format("Record size {} is less than the minimum record overhead ({})", size, kLegacyMinSizeV0));
  if (magic < 0 || magic > 2) return Error(ErrorCode::corrupt_message, fmt::format("Invalid magic found in record: {}", magic));
  const auto least = magic == 2 ? kBatchHeaderSize - kLogOverhead : legacy_min_size(magic);
  if (static_cast<std::size_t>(size) < least)
    return Error(ErrorCode::corrupt_message,
                 fmt::format("Record batch is corrupted (the size {} is smaller than the minimum allowed overhead {})", size, least));
  return BatchPrefix{Offset(load_be<std::int64_t>(data.data())), kLogOverhead + static_cast<std::size_t>(size), magic};
}

AnyBatch::AnyBatch(Bytes data) : data_(data) {
  if (size_in_bytes() < data_.size()) data_ = data_.first(size_in_bytes());
}

std::uint8_t AnyBatch::codec_id() const noexcept {
  if (is_v2()) return v2().codec_id();
  return static_cast<std::uint8_t>(load_be<std::uint8_t>(data_.data() + kMessageAttributes) & kAttrCodecMask);
}

TimestampType AnyBatch::timestamp_type() const noexcept {
  if (is_v2()) return v2().timestamp_type();
  const bool append_time = magic() == 1 && (load_be<std::uint8_t>(data_.data() + kMessageAttributes) & kAttrLogAppendTime) != 0;
  return append_time ? TimestampType::log_append_time : TimestampType::create_time;
}

std::int64_t AnyBatch::max_timestamp() const noexcept {
  if (is_v2()) return v2().max_timestamp();
  return magic() == 0 ? kNoTimestamp : load_be<std::int64_t>(data_.data() + kMessageTimestamp);
}

std::optional<std::int32_t> AnyBatch::count() const noexcept {
  if (is_v2()) return v2().record_count();
  if (is_compressed()) return std::nullopt;
  return 1;
}

Result<Offset> AnyBatch::base_offset() const {
  if (is_v2() || !is_compressed()) return raw_offset();
  auto records = DeepRecords::open(*this);
  if (!records) return records.error();
  RecordView first;
  if (!records->next(first)) return records->failed() ? records->error() : Error(ErrorCode::invalid_record, "Found invalid compressed record set with no inner records");
  return first.offset;
}

Status AnyBatch::ensure_valid() const {
  if (data_.size() < size_in_bytes()) return Error(ErrorCode::corrupt_message, "Record batch is not complete");
  if (is_v2()) return v2().ensure_valid();
  const auto stored = load_be<std::uint32_t>(data_.data() + kLogOverhead);
  const auto computed = crc32(data_.subspan(kLogOverhead + 4));
  if (stored != computed) return Error(ErrorCode::corrupt_message, fmt::format("Record is corrupt (stored crc = {}, computed crc = {})", stored, computed));
  return {};
}

std::optional<AnyBatch> BatchCursor::next() {
  if (error_ || data_.size() - position_ < kBatchPrefixSize) return std::nullopt;
  const Bytes rest = data_.subspan(position_);
  auto prefix = parse_batch_prefix(rest);
  if (!prefix) {
    error_ = prefix.error();
    return std::nullopt;
  }
  if (prefix->size_in_bytes > rest.size()) return std::nullopt;
  position_ += prefix->size_in_bytes;
  return AnyBatch(rest);
}

Status parse_legacy_message(Bytes message, RecordView& out) {
  const auto malformed = [] { return Error(ErrorCode::invalid_record, "Found invalid message structure"); };
  if (message.size() < kLegacyMinSizeV0) return malformed();
  const auto magic = load_be<std::int8_t>(message.data() + 4);
  if (magic != 0 && magic != 1) return malformed();
  if (message.size() < legacy_min_size(magic)) return malformed();
  const auto attributes = load_be<std::uint8_t>(message.data() + 5);
  const std::byte* p = message.data() + 6;
  const std::byte* const end = message.data() + message.size();
  out.timestamp = kNoTimestamp;
  if (magic == 1) {
    out.timestamp = load_be<std::int64_t>(p);
    p += 8;
  }
  for (auto* field : {&out.key, &out.value}) {
    if (end - p < 4) return malformed();
    const auto size = load_be<std::int32_t>(p);
    p += 4;
    if (size < 0) {
      field->reset();
      continue;
    }
    if (size > end - p) return malformed();
    field->emplace(p, static_cast<std::size_t>(size));
    p += size;
  }
  out.magic = magic;
  out.compressed = (attributes & kAttrCodecMask) != 0;
  out.sequence = kNoSequence;
  out.size_in_bytes = static_cast<std::int32_t>(message.size());
  out.headers = {};
  return {};
}

Result<DeepRecords> DeepRecords::open(const AnyBatch& batch, std::size_t max_decompressed) {
  if (batch.bytes().size() < batch.size_in_bytes()) return Error(ErrorCode::corrupt_message, "Record batch is not complete");
  if (!batch.has_known_codec()) return Error(ErrorCode::unknown_server_error, fmt::format("Unknown compression type id: {}", batch.codec_id()));
  if (!batch.is_v2()) return open_legacy(batch, max_decompressed);
  DeepRecords records;
  const auto view = batch.v2();
  if (!view.is_compressed()) {
    records.cursor_ = view.records();
    return records;
  }
  if (auto s = decompress(view.codec(), view.payload(), *records.scratch_, max_decompressed, 2); !s) return s.error();
  records.cursor_ = RecordCursor(records.scratch_->bytes(), view.record_context());
  return records;
}

Result<DeepRecords> DeepRecords::open_legacy(const AnyBatch& batch, std::size_t max_decompressed) {
  DeepRecords records;
  records.legacy_ = true;
  records.wrapper_magic_ = batch.magic();
  const Bytes message = batch.bytes().subspan(kLogOverhead);
  if (!batch.is_compressed()) {
    records.inner_.push_back(Inner{batch.raw_offset().value(), message});
    return records;
  }
  if (batch.codec() == Codec::zstd)
    return Error(ErrorCode::invalid_record, fmt::format("Invalid wrapper compressionType found in legacy deep record iterator {}", batch.magic()));
  RecordView wrapper;
  if (auto s = parse_legacy_message(message, wrapper); !s) return s.error();
  if (!wrapper.value)
    return Error(ErrorCode::invalid_record, fmt::format("Found invalid compressed record set with null value (magic = {})", batch.magic()));
  if (auto s = decompress(batch.codec(), *wrapper.value, *records.scratch_, max_decompressed, batch.magic()); !s) return s.error();

  const Bytes set = records.scratch_->bytes();
  std::size_t at = 0;
  while (set.size() - at >= kLogOverhead) {
    const auto offset = load_be<std::int64_t>(set.data() + at);
    const auto size = load_be<std::int32_t>(set.data() + at + 8);
    if (size < static_cast<std::int32_t>(kLegacyMinSizeV0))
      return Error(ErrorCode::corrupt_message, fmt::format("Record size is less than the minimum record overhead ({})", kLegacyMinSizeV0));
    if (static_cast<std::size_t>(size) > set.size() - at - kLogOverhead) break;  // a partial entry at the end is ignored
    records.inner_.push_back(Inner{offset, set.subspan(at + kLogOverhead, static_cast<std::size_t>(size))});
    at += kLogOverhead + static_cast<std::size_t>(size);
  }
  if (records.inner_.empty()) return Error(ErrorCode::invalid_record, "Found invalid compressed record set with no inner records");
  records.inner_checked_ = true;
  if (batch.magic() == 1) {
    // Of every inner message the wrapper's timestamp counts when it is an append time. An outer offset of 0 comes from some versions of librdkafka.
    if (batch.timestamp_type() == TimestampType::log_append_time) records.wrapper_timestamp_ = wrapper.timestamp;
    const auto last = batch.raw_offset().value();
    const auto last_inner = records.inner_.back().offset;
    if (last != 0) {
      if (last < last_inner)
        return Error(ErrorCode::invalid_record,
                     fmt::format("Found invalid wrapper offset in compressed v1 message set, wrapper offset '{}' is less than the last inner message offset '{}' and it is not zero.",
                                 last, last_inner));
      records.absolute_base_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(last_inner));
    }
  }
  return records;
}

bool DeepRecords::next(RecordView& out) {
  if (error_) return false;
  if (legacy_) return next_legacy(out);
  if (cursor_.next(out)) return true;
  if (cursor_.failed()) error_ = cursor_.error();
  return false;
}

bool DeepRecords::next_legacy(RecordView& out) {
  if (at_ == inner_.size()) return false;
  const Inner& inner = inner_[at_++];
  if (inner_checked_) {
    const auto stored = load_be<std::uint32_t>(inner.message.data());
    const auto computed = crc32(inner.message.subspan(4));
    if (stored != computed) {
      error_ = Error(ErrorCode::corrupt_message, fmt::format("Record is corrupt (stored crc = {}, computed crc = {})", stored, computed));
      return false;
    }
  }
  if (auto s = parse_legacy_message(inner.message, out); !s) {
    error_ = s.error();
    return false;
  }
  if (inner_checked_ && out.compressed) {
    error_ = Error(ErrorCode::invalid_record, "Inner messages must not be compressed");
    return false;
  }
  out.offset = Offset(static_cast<std::int64_t>(static_cast<std::uint64_t>(absolute_base_) + static_cast<std::uint64_t>(inner.offset)));
  if (wrapper_timestamp_ && out.magic == 1) out.timestamp = *wrapper_timestamp_;
  return true;
}

}  // namespace moldau::protocol
