#include "storage/log/record_conversion.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "protocol/records/record_batch_builder.h"

namespace moldau::storage {

using protocol::AnyBatch;
using protocol::Codec;
using protocol::DeepRecords;
using protocol::RecordView;

namespace {

Status convert_batch(const AnyBatch& batch, std::int8_t to_magic, Offset fetch_offset, std::size_t max_decompressed, DownConversion& out) {
  if (batch.is_v2() && batch.codec_id() == static_cast<std::uint8_t>(Codec::zstd))
    return Error(ErrorCode::unsupported_compression_type, "Down-conversion of zstandard-compressed batches is not supported");
  auto records = DeepRecords::open(batch, max_decompressed);
  if (!records) return records.error();
  protocol::LegacySetOptions options;
  options.magic = to_magic;
  options.codec = batch.codec();
  options.timestamp_type = batch.timestamp_type();
  options.log_append_time = batch.max_timestamp();
  std::optional<protocol::LegacySetBuilder> builder;
  RecordView record;
  while (records->next(record)) {
    // Librdkafka relies on it: a batch without a wrapper starts where the consumer asked.
    if (!batch.is_compressed() && record.offset < fetch_offset) continue;
    if (!builder) {
      options.base_offset = record.offset;
      builder.emplace(options);
    }
    builder->append_with_offset(record.offset, record.timestamp, record.key, record.value);
  }
  if (records->failed()) return records->error();
  out.stats.temporary_memory_bytes += static_cast<std::int64_t>(batch.size_in_bytes());
  if (!builder) return {};
  const std::size_t before = out.bytes.size();
  if (auto s = builder->build(out.bytes); !s) return s.error();
  out.stats.temporary_memory_bytes += static_cast<std::int64_t>(out.bytes.size() - before);
  out.stats.records_converted += builder->record_count();
  return {};
}

}  // namespace

Result<DownConversion> down_convert(Bytes stored, std::int8_t to_magic, Offset fetch_offset, std::size_t max_decompressed) {
  DownConversion out;
  const auto start = std::chrono::steady_clock::now();
  protocol::BatchCursor cursor(stored);
  while (const auto batch = cursor.next()) {
    if (batch->is_control_batch()) continue;
    if (batch->magic() <= to_magic) {
      out.bytes.append(batch->bytes());
      out.stats.temporary_memory_bytes += static_cast<std::int64_t>(batch->size_in_bytes());
      continue;
    }
    if (auto s = convert_batch(*batch, to_magic, fetch_offset, max_decompressed, out); !s) {
      // Kafka converts lazily: what came before is answered, the next fetch begins with the failing batch and gets the error.
      if (out.bytes.empty()) return s.error();
      break;
    }
  }
  if (cursor.error() && out.bytes.empty()) return *cursor.error();
  out.stats.conversion_time = std::chrono::steady_clock::now() - start;
  return out;
}

void pad_to_announced(protocol::ByteBuffer& records, std::size_t announced) {
  // The first converted entry always goes whole, or a consumer would never get past it (a small batch may grow when it is converted).
  if (records.size() >= protocol::kLogOverhead) {
    const auto first = static_cast<std::size_t>(load_be<std::int32_t>(records.data() + sizeof(std::int64_t))) + protocol::kLogOverhead;
    announced = std::max(announced, std::min(first, records.size()));
  }
  if (records.size() >= announced) {
    records.resize(announced);
    return;
  }
  // Kafka 3.9 LazyDownConversionRecordsSend: an entry header whose message is longer than what follows, of the magic of no batch.
  const std::size_t left = announced - records.size();
  std::byte* const p = records.prepare(left);
  std::memset(p, 0, left);
  constexpr std::size_t header = protocol::kLogOverhead;
  std::byte overflow[header];
  store_be(overflow, std::int64_t{-1});
  store_be(overflow + 8, static_cast<std::int32_t>(std::clamp<std::size_t>(left + 1, protocol::kBatchHeaderSize, std::numeric_limits<std::int32_t>::max())));
  std::memcpy(p, overflow, std::min(left, header));
  records.commit(left);
}

}  // namespace moldau::storage
