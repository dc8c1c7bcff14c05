// CleanerConfig (Kafka 3.9): what the broker's keys log.cleaner.* say to the cleaner as a whole. What they say of single logs is in config::LogConfig.
#pragma once

#include <cstdint>
#include <limits>

namespace moldau::storage {

struct CleanerConfig {
  std::int32_t threads = 1;                                                     // log.cleaner.threads
  std::int64_t dedupe_buffer_bytes = std::int64_t{128} << 20;                   // log.cleaner.dedupe.buffer.size, all threads together
  double load_factor = 0.9;                                                     // log.cleaner.io.buffer.load.factor
  std::int32_t io_buffer_bytes = 512 << 10;                                     // log.cleaner.io.buffer.size, all threads together
  double max_io_bytes_per_second = std::numeric_limits<double>::max();          // log.cleaner.io.max.bytes.per.second
  std::int64_t backoff_ms = 15'000;                                             // log.cleaner.backoff.ms

  friend bool operator==(const CleanerConfig&, const CleanerConfig&) = default;
};

}  // namespace moldau::storage
