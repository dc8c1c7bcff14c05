#include "protocol/records/control_record.h"

#include <fmt/format.h>

#include "protocol/records/record_batch.h"

namespace moldau::protocol {

Result<ControlRecordType> parse_control_record_type(const RecordView& record) {
  if (!record.key || record.key->size() < 4)
    return Error(ErrorCode::invalid_record, fmt::format("Invalid value size found for end control record key. Must have at least 4 bytes, but found only {}", record.key ? record.key->size() : 0));
  const auto version = load_be<std::int16_t>(record.key->data());
  if (version < 0) return Error(ErrorCode::invalid_record, fmt::format("Invalid version found for control record: {}. May indicate data corruption", version));
  const auto type = load_be<std::int16_t>(record.key->data() + 2);
  if (type < 0 || type > 2) return ControlRecordType::unknown;
  return static_cast<ControlRecordType>(type);
}

Result<EndTransactionMarker> parse_end_transaction_marker(const RecordView& record) {
  auto type = parse_control_record_type(record);
  if (!type) return type.error();
  if (*type != ControlRecordType::abort && *type != ControlRecordType::commit)
    return Error(ErrorCode::invalid_record, "Invalid control record type, end transaction marker expected");
  if (!record.value || record.value->size() < 6)
    return Error(ErrorCode::invalid_record, fmt::format("Invalid value size found for end transaction marker. Must have at least 6 bytes, but found only {}", record.value ? record.value->size() : 0));
  const auto version = load_be<std::int16_t>(record.value->data());
  if (version < 0) return Error(ErrorCode::invalid_record, fmt::format("Invalid version found for end transaction marker: {}. May indicate data corruption", version));
  return EndTransactionMarker{*type, load_be<std::int32_t>(record.value->data() + 2)};
}

ByteBuffer build_marker_batch(const MarkerBatchOptions& options) {
  constexpr std::size_t size = 78;
  ByteBuffer out(size);
  out.resize(size);
  std::byte* p = out.data();
  store_be(p + batch_field::base_offset, options.offset.value());
  store_be(p + batch_field::length, static_cast<std::int32_t>(size - kLogOverhead));
  store_be(p + batch_field::leader_epoch, options.partition_leader_epoch.value());
  store_be(p + batch_field::magic, std::int8_t{2});
  store_be(p + batch_field::attributes, static_cast<std::int16_t>(kAttrTransactional | kAttrControl));
  store_be(p + batch_field::last_offset_delta, std::int32_t{0});
  store_be(p + batch_field::base_timestamp, options.timestamp_ms);
  store_be(p + batch_field::max_timestamp, options.timestamp_ms);
  store_be(p + batch_field::producer_id, options.producer_id.value());
  store_be(p + batch_field::producer_epoch, options.producer_epoch.value());
  store_be(p + batch_field::base_sequence, kNoSequence);
  store_be(p + batch_field::count, std::int32_t{1});
  p += kBatchHeaderSize;
  p = write_varint(p, 16);  // length of the rest
  *p++ = std::byte{0};      // attributes
  p = write_varlong(p, 0);
  p = write_varint(p, 0);
  p = write_varint(p, 4);
  store_be(p, std::int16_t{0});
  store_be(p + 2, static_cast<std::int16_t>(options.marker.type));
  p = write_varint(p + 4, 6);
  store_be(p, std::int16_t{0});
  store_be(p + 2, options.marker.coordinator_epoch);
  p = write_varint(p + 6, 0);  // headers
  batch_header::update_checksum(out.mutable_bytes());
  return out;
}

}  // namespace moldau::protocol
