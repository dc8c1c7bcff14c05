// batch_filter: what compaction makes of one batch (Kafka 3.9 MemoryRecords.filterTo). Pure.
//
// A rewritten batch keeps base offset, last offset delta, codec, timestamp type, producer fields and leader epoch of the original, so that offsets and sequence
// numbers say what they said before. The first time that it has a tombstone, or is the marker of a transaction without data, it gets a delete horizon (KIP-534):
// attribute bit 6, the base timestamp being the time when tombstones may go, the timestamps of all records counted from there.
#pragma once

#include <cstdint>
#include <functional>

#include "protocol/records/any_batch.h"
#include "protocol/records/compression/scratch_buffer.h"

namespace moldau::storage {

struct BatchRules {
  bool discard_all = false;           ///< the batch goes without a look at its records
  bool keep_when_empty = false;       ///< as a header without records, for the sake of its offsets, sequence and epoch; of magic 2 only
  bool marker_of_empty_txn = false;   ///< a transaction marker that has outlived its data
  std::int64_t now_ms = 0;
  std::int64_t delete_retention_ms = 0;
};

struct FilteredBatch {
  enum class Kind : std::uint8_t { dropped, unchanged, rewritten };
  Kind kind = Kind::dropped;
  protocol::ByteBuffer bytes;          ///< of a rewritten batch
  Offset last_offset = kNoOffset;
  std::int64_t max_timestamp = -1;
  std::int32_t records_read = 0;
  std::int32_t records_kept = 0;
};

/// Asked once for each record, in order.
using RetainRecord = std::function<bool(const protocol::RecordView&)>;

/// REQUIRES: the whole batch is there. Errors: those of DeepRecords for a batch whose records can't be read.
Result<FilteredBatch> filter_batch(const protocol::AnyBatch& batch, const BatchRules& rules, const RetainRecord& retain);

}  // namespace moldau::storage
