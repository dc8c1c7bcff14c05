// What the log says of a peer that sends something broken: one line with address, listener and reason, and not more lines than help. Kafka 3.9 SocketServer logs
// every one; here a flood is counted (DIFFERS).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/network/dispatcher.h"

namespace moldau::server {

/// Decides for each address whether its next line is written. Thread-safe; remembers a bounded number of addresses.
class PeerLogLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int kLines = 5;
  static constexpr std::chrono::seconds kPeriod{10};
  static constexpr std::size_t kAddresses = 256;

  /// The number of lines of this address that were left out since its last one; nullopt: leave this one out too.
  std::optional<std::uint64_t> admit(std::string_view address, Time now);

 private:
  struct Window {
    Time start;
    int lines = 0;
    std::uint64_t left_out = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Window, std::less<>> windows_;
};

/// Logs `Closing the connection of HOST:PORT on listener NAME: reason`, at most kLines a period and address. REQUIRES: the reason holds no secret; bytes of the
/// peer in it were bounded (log_text).
void log_closing(const ConnectionInfo& peer, std::string_view reason);

}  // namespace moldau::server
