// Isolation levels of Fetch and ListOffsets (KIP-98). Kafka 3.9 IsolationLevel.
#pragma once

#include <cstdint>

namespace moldau::server {

/// READ_UNCOMMITTED or READ_COMMITTED. Others are UNKNOWN_SERVER_ERROR, as Kafka 3.9 answers them.
constexpr bool is_isolation_level(std::int8_t level) { return level == 0 || level == 1; }

}  // namespace moldau::server
