// Counts and times of requests by API (Kafka 3.9 RequestMetrics).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/handlers/api_row.h"

namespace moldau::server {

/// Counts a request that was handled. `bytes` is the frame's size. Any thread.
void count_request(const ApiRow& row, std::int16_t version, std::size_t bytes, std::chrono::steady_clock::duration took);

}  // namespace moldau::server
