#include "storage/cleaner/batch_filter.h"

#include <vector>

#include "protocol/records/record_batch_builder.h"

namespace moldau::storage {
namespace {

using protocol::AnyBatch;
using protocol::RecordView;

protocol::RecordBatchOptions options_of(const protocol::RecordBatchView& batch) {
  protocol::RecordBatchOptions options;
  options.codec = batch.codec();
  options.timestamp_type = batch.timestamp_type();
  if (options.timestamp_type == protocol::TimestampType::log_append_time) options.log_append_time = batch.max_timestamp();
  options.base_offset = batch.base_offset();
  options.partition_leader_epoch = batch.partition_leader_epoch();
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  options.control = batch.is_control_batch();
  options.delete_horizon_ms = batch.delete_horizon_ms();
  return options;
}

/// Kafka 3.9 DefaultRecordBatch.writeEmptyHeader: no codec, no horizon, base timestamp -1, the original's max timestamp.
Result<FilteredBatch> emptied(const protocol::RecordBatchView& batch, FilteredBatch out) {
  auto options = options_of(batch);
  options.codec = protocol::Codec::none;
  options.delete_horizon_ms.reset();
  protocol::RecordBatchBuilder builder(options, 0);
  auto built = builder.build(batch.last_offset());
  if (!built) return built.error();
  out.bytes = std::move(*built);
  store_be(out.bytes.data() + protocol::batch_field::max_timestamp, batch.max_timestamp());
  protocol::batch_header::update_checksum(out.bytes.mutable_bytes());
  out.kind = FilteredBatch::Kind::rewritten;
  out.last_offset = batch.last_offset();
  out.max_timestamp = batch.max_timestamp();
  return out;
}

Result<FilteredBatch> rewritten(const protocol::RecordBatchView& batch, const std::vector<RecordView>& kept, std::optional<std::int64_t> horizon, FilteredBatch out) {
  auto options = options_of(batch);
  if (horizon) options.delete_horizon_ms = horizon;
  protocol::RecordBatchBuilder builder(options, batch.size_in_bytes());
  for (const auto& record : kept) builder.append_with_offset(record.offset, record);
  auto built = builder.build(batch.last_offset());
  if (!built) return built.error();
  out.bytes = std::move(*built);
  out.kind = FilteredBatch::Kind::rewritten;
  out.last_offset = batch.last_offset();
  out.max_timestamp = protocol::RecordBatchView(out.bytes.bytes()).max_timestamp();
  return out;
}

Result<FilteredBatch> rewritten_legacy(const AnyBatch& batch, const std::vector<RecordView>& kept, FilteredBatch out) {
  protocol::LegacySetOptions options;
  options.magic = batch.magic();
  options.codec = batch.codec();
  options.timestamp_type = batch.timestamp_type();
  if (options.timestamp_type == protocol::TimestampType::log_append_time) options.log_append_time = batch.max_timestamp();
  options.base_offset = kept.front().offset;
  protocol::LegacySetBuilder builder(options);
  for (const auto& record : kept) {
    builder.append_with_offset(record.offset, record.timestamp, record.key, record.value);
    out.max_timestamp = std::max(out.max_timestamp, record.timestamp);
  }
  if (auto s = builder.build(out.bytes); !s) return s.error();
  out.kind = FilteredBatch::Kind::rewritten;
  out.last_offset = kept.back().offset;
  return out;
}

}  // namespace

Result<FilteredBatch> filter_batch(const AnyBatch& batch, const BatchRules& rules, const RetainRecord& retain) {
  FilteredBatch out;
  const bool may_be_empty = rules.keep_when_empty && batch.is_v2();
  if (rules.discard_all) {
    out.records_read = batch.count().value_or(0);
    if (may_be_empty) return emptied(batch.v2(), std::move(out));
    return out;
  }
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return records.error();
  std::vector<RecordView> kept;
  bool tombstones = false;
  bool as_it_was = true;
  RecordView record;
  while (records->next(record)) {
    ++out.records_read;
    if (!retain(record)) {
      as_it_was = false;
      continue;
    }
    // KAFKA-4298: wrappers whose records have another magic are put right.
    if (record.magic != batch.magic()) as_it_was = false;
    if (!record.value) tombstones = true;
    kept.push_back(record);
  }
  if (records->failed()) return records->error();
  out.records_kept = static_cast<std::int32_t>(kept.size());
  if (kept.empty()) {
    if (may_be_empty) return emptied(batch.v2(), std::move(out));
    return out;
  }
  std::optional<std::int64_t> horizon;
  if (batch.is_v2() && (tombstones || rules.marker_of_empty_txn) && !batch.v2().delete_horizon_ms()) horizon = rules.now_ms + rules.delete_retention_ms;
  if (as_it_was && !horizon) {
    out.kind = FilteredBatch::Kind::unchanged;
    out.last_offset = batch.last_offset();
    out.max_timestamp = batch.max_timestamp();
    return out;
  }
  if (batch.is_v2()) return rewritten(batch.v2(), kept, horizon, std::move(out));
  return rewritten_legacy(batch, kept, std::move(out));
}

}  // namespace moldau::storage
