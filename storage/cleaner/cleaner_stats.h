// CleanerStats (Kafka 3.9): what one pass read, wrote and took.
#pragma once

#include <cstdint>

namespace moldau::storage {

struct CleanerStats {
  std::uint64_t map_bytes_read = 0;
  std::uint64_t map_records_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t records_read = 0;
  std::uint64_t records_written = 0;
  std::uint64_t records_without_key = 0;  ///< dropped: they can't be compacted
  double map_utilization = 0;
  std::int64_t map_ms = 0;
  std::int64_t total_ms = 0;
};

}  // namespace moldau::storage
