// Appends: whatever a client sends is refused or becomes one valid batch. The checksum is repaired so that the fuzzer gets behind it.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/log/log_validator.h"

using namespace moldau;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto* first = reinterpret_cast<const std::byte*>(data);
  config::LogConfig config;
  config.compression_type = static_cast<config::CompressionSetting>(data[0] % 6);
  config.cleanup_compact = (data[0] & 0x40) != 0;
  if ((data[0] & 0x80) != 0) config.message_timestamp_type = config::TimestampType::log_append_time;
  std::vector<std::byte> bytes(first + 1, first + size);
  if (bytes.size() >= protocol::kBatchHeaderSize && bytes[16] == std::byte{2}) {
    store_be(bytes.data(), std::int64_t{0});
    store_be(bytes.data() + 8, static_cast<std::int32_t>(bytes.size() - protocol::kLogOverhead));
    protocol::batch_header::update_checksum(bytes);
  }
  (void)storage::validate_produce_records(9, bytes);
  (void)storage::estimate_cost(bytes, config);
  storage::PrepareOptions options;
  options.partition = {"topic", 0};
  auto prepared = storage::prepare_append(bytes, config, 1'700'000'000'000, options);
  if (!prepared || prepared->empty()) return 0;
  storage::assign_offsets(*prepared, Offset(1000), LeaderEpoch(1), 1'700'000'000'000);
  const auto batch = prepared->batch();
  if (!batch.is_valid() || batch.base_offset() != Offset(1000) || batch.record_count() != prepared->offset_count()) __builtin_trap();
  auto records = protocol::DeepRecords::open(protocol::AnyBatch(batch.bytes()));
  if (!records) __builtin_trap();
  protocol::RecordView r;
  for (std::int64_t offset = 1000; records->next(r); ++offset)
    if (r.offset != Offset(offset)) __builtin_trap();
  if (records->failed()) __builtin_trap();
  return 0;
}
