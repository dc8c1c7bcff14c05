#include "protocol/records/record_batch.h"

#include <fmt/format.h>

#include "protocol/base/crc32c.h"

namespace moldau::protocol {

Result<RecordBatchView> RecordBatchView::open(Bytes data) {
  if (data.size() < kBatchHeaderSize) return Error(ErrorCode::corrupt_message, fmt::format("Record batch of {} bytes is smaller than its header", data.size()));
  const auto magic = load_be<std::int8_t>(data.data() + batch_field::magic);
  if (magic != 2) return Error(ErrorCode::corrupt_message, fmt::format("Record batch has magic {} instead of 2", magic));
  RecordBatchView view(data);
  if (!view.is_complete()) {
    return Error(ErrorCode::corrupt_message, fmt::format("Record batch of length {} does not fit its {} bytes", load_be<std::int32_t>(data.data() + batch_field::length), data.size()));
  }
  return view;
}

bool RecordBatchView::is_valid() const noexcept { return is_complete() && crc32c(data_.subspan(batch_field::attributes)) == checksum(); }

Status RecordBatchView::ensure_valid() const {
  if (!is_complete())
    return Error(ErrorCode::corrupt_message, fmt::format("Record batch is corrupted (the size {} is smaller than the minimum allowed overhead {})", size_in_bytes(), kBatchHeaderSize));
  const auto computed = crc32c(data_.subspan(batch_field::attributes));
  if (computed != checksum())
    return Error(ErrorCode::corrupt_message, fmt::format("Record is corrupt (stored crc = {}, computed crc = {})", checksum(), computed));
  return {};
}

RecordCursor::Context RecordBatchView::record_context() const noexcept {
  RecordCursor::Context context;
  context.base_offset = base_offset();
  context.base_timestamp = base_timestamp();
  if (timestamp_type() == TimestampType::log_append_time) context.log_append_time = max_timestamp();
  context.base_sequence = base_sequence();
  context.count = record_count();
  return context;
}

namespace batch_header {

void set_max_timestamp(MutableBytes batch, TimestampType type, std::int64_t max_timestamp) noexcept {
  const RecordBatchView view{Bytes(batch)};
  if (view.timestamp_type() == type && view.max_timestamp() == max_timestamp) return;
  auto attributes = static_cast<std::uint16_t>(view.attributes());
  attributes = static_cast<std::uint16_t>(type == TimestampType::log_append_time ? attributes | kAttrLogAppendTime : attributes & ~unsigned{kAttrLogAppendTime});
  store_be(batch.data() + batch_field::attributes, attributes);
  store_be(batch.data() + batch_field::max_timestamp, max_timestamp);
  update_checksum(batch);
}

void update_checksum(MutableBytes batch) noexcept {
  store_be(batch.data() + batch_field::crc, crc32c(Bytes(batch).subspan(batch_field::attributes)));
}

}  // namespace batch_header
}  // namespace moldau::protocol
