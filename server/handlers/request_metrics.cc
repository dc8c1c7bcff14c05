#include "server/handlers/request_metrics.h"

#include <array>
#include <atomic>
#include <string>

#include "config/metric_handles.h"

namespace moldau::server {
namespace {

constexpr std::size_t kKeys = 128;
constexpr std::size_t kVersions = 32;

/// The handles of one API, made when it is first used by a thread.
struct ApiHandles {
  bool made = false;
  std::array<bool, kVersions> version_made{};
  std::array<config::Counter, kVersions> by_version{};
  config::Histogram total_time;
  config::Histogram request_bytes;
};

/// Handles are kept a thread, so that looking them up takes no lock.
ApiHandles& handles(const ApiRow& row) {
  thread_local std::array<ApiHandles, kKeys> all;
  auto& api = all[static_cast<std::size_t>(row.key) % kKeys];
  if (!api.made) {
    const auto name = protocol::to_string(row.key);
    api.total_time = config::metrics().request_total_time.with({name});
    api.request_bytes = config::metrics().request_bytes.with({name});
    api.made = true;
  }
  return api;
}

}  // namespace

void count_request(const ApiRow& row, std::int16_t version, std::size_t bytes, std::chrono::steady_clock::duration took) {
  auto& api = handles(row);
  const auto slot = static_cast<std::size_t>(version) % kVersions;
  if (!api.version_made[slot]) {
    api.by_version[slot] = config::metrics().requests.with({protocol::to_string(row.key), std::to_string(version)});
    api.version_made[slot] = true;
  }
  api.by_version[slot].add();
  api.total_time.record(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  api.request_bytes.record(bytes);
}

}  // namespace moldau::server
