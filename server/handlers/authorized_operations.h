// authorized_operations of answers, as bits of AclOperation codes (KIP-430). Without an authorizer everything is allowed, as in Apache Kafka.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace moldau::server {

/// The field's value when it was not asked for.
inline constexpr std::int32_t kNotAsked = std::numeric_limits<std::int32_t>::min();

constexpr std::int32_t operation_bits(std::initializer_list<int> codes) {
  std::int32_t bits = 0;
  for (const int code : codes) bits |= 1 << code;
  return bits;
}

/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
inline constexpr std::int32_t kAllTopicOperations = operation_bits({3, 4, 5, 6, 7, 8, 10, 11});
/// CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE.
inline constexpr std::int32_t kAllClusterOperations = operation_bits({5, 7, 8, 9, 10, 11, 12});

}  // namespace moldau::server
