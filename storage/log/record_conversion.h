// Down-conversion of stored batches for consumers of 2015 (Fetch v0-3): Kafka 3.9 RecordsUtil.downConvert and LazyDownConversionRecords.
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "storage/log/log_validator.h"

namespace moldau::storage {

struct DownConversion {
  protocol::ByteBuffer bytes;
  RecordValidationStats stats;
};

/// Converts the whole entries of `stored` to `to_magic` (0 or 1). Entries of that magic or below stay as they are, control batches are dropped, headers are lost,
/// offsets and timestamps stay. Of an uncompressed batch, records below `fetch_offset` are left out. A partial entry at the end is ignored.
/// Errors: UNSUPPORTED_COMPRESSION_TYPE for zstd; those of DeepRecords. When entries before the failing one were converted, they are returned instead.
/// May take long: the caller offloads big ones.
Result<DownConversion> down_convert(Bytes stored, std::int8_t to_magic, Offset fetch_offset, std::size_t max_decompressed = protocol::kDefaultMaxDecompressed);

/// Makes `records` exactly `announced` bytes long: a partial entry that clients skip (offset -1, a size beyond what is left, zero bytes) is put behind it.
/// What is longer is cut, but never the first entry.
void pad_to_announced(protocol::ByteBuffer& records, std::size_t announced);

}  // namespace moldau::storage
