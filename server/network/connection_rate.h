// ConnectionRate: how fast connections come, and how long the next one has to wait for the limit to hold (Kafka 3.9 Rate, QuotaUtils).
//
// The rate is the count of the last `samples` windows over their time; a young rate counts as if samples - 1 windows had passed, so that a burst of
// limit * (samples - 1) * window is let through at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace moldau::server {

struct ConnectionRateWindows {
  std::int32_t samples = 11;               // quota.window.num
  std::chrono::milliseconds window{1000};  // quota.window.size.seconds

  friend bool operator==(const ConnectionRateWindows&, const ConnectionRateWindows&) = default;
};

/// Not thread-safe.
class ConnectionRate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit ConnectionRate(ConnectionRateWindows windows = {}) : windows_(windows) {}

  /// Counts one connection at `now`; how long it has to wait so that no more than `limit` come a second, at most one window.
  std::chrono::milliseconds record(Time now, std::int32_t limit);

 private:
  struct Sample {
    Time start;
    std::int64_t count = 0;
  };

  ConnectionRateWindows windows_;
  std::deque<Sample> samples_;
};

}  // namespace moldau::server
