#include "server/network/peer_log.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/base/log.h"

namespace moldau::server {

std::optional<std::uint64_t> PeerLogLimiter::admit(std::string_view address, Time now) {
  const std::lock_guard lock(mutex_);
  auto at = windows_.find(address);
  if (at == windows_.end()) {
    if (windows_.size() >= kAddresses) std::erase_if(windows_, [&](const auto& entry) { return now - entry.second.start >= kPeriod; });
    // More addresses than are remembered share one window.
    at = windows_.try_emplace(windows_.size() >= kAddresses ? std::string() : std::string(address), Window{now, 0, 0}).first;
  }
  auto& window = at->second;
  if (now - window.start >= kPeriod) {
    window.start = now;
    window.lines = 0;
  }
  if (window.lines >= kLines) {
    ++window.left_out;
    return std::nullopt;
  }
  ++window.lines;
  return std::exchange(window.left_out, 0);
}

void log_closing(const ConnectionInfo& peer, std::string_view reason) {
  static PeerLogLimiter limiter;
  const auto left_out = limiter.admit(peer.peer_host, std::chrono::steady_clock::now());
  if (!left_out) return;
  const auto more = *left_out == 0 ? std::string() : fmt::format(" ({} more of this address were not logged)", *left_out);
  MOLDAU_LOG(network, warn, "Closing the connection of {}:{} on listener {}: {}{}", peer.peer_host, peer.peer_port, peer.listener, reason, more);
}

}  // namespace moldau::server
