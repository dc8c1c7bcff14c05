// How the entries of the three indexes of a segment stand on disk: one place for the indexes and for the tools that read their files.
#pragma once

#include "protocol/base/bytes.h"
#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"

namespace moldau::storage {

inline constexpr std::int16_t kTransactionIndexVersion = 0;

/// REQUIRES in all of them: a whole entry. Any bytes give an entry; whether it makes sense is the caller's to check.
inline OffsetPosition decode_offset_entry(Offset base, const std::byte* entry) {
  return OffsetPosition{base + load_be<std::int32_t>(entry), load_be<std::uint32_t>(entry + 4)};
}

inline TimestampOffset decode_time_entry(Offset base, const std::byte* entry) {
  return TimestampOffset{load_be<std::int64_t>(entry), base + load_be<std::int32_t>(entry + 8)};
}

inline std::int16_t transaction_entry_version(const std::byte* entry) { return load_be<std::int16_t>(entry); }

inline AbortedTxn decode_transaction_entry(const std::byte* entry) {
  return AbortedTxn{ProducerId(load_be<std::int64_t>(entry + 2)), Offset(load_be<std::int64_t>(entry + 10)), Offset(load_be<std::int64_t>(entry + 18)),
                    Offset(load_be<std::int64_t>(entry + 26))};
}

}  // namespace moldau::storage
