// Which partition of `__consumer_offsets` (or `__transaction_state`) an id belongs to.
#pragma once

#include <cstdint>
#include <string_view>

namespace moldau::server {

/// Java's String.hashCode of UTF-8 text: h = 31*h + c over its UTF-16 code units, in wrapping int32.
std::int32_t java_string_hash(std::string_view utf8) noexcept;

/// |hash| % partitions; of the smallest hash, which has no positive counterpart, 0 (Kafka 3.9 Utils.abs, not Utils.toPositive). REQUIRES: partitions > 0.
inline std::int32_t coordinator_partition_for(std::string_view id, std::int32_t partitions) noexcept {
  const auto hash = java_string_hash(id);
  if (hash == INT32_MIN) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace moldau::server
