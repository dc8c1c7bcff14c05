#include "storage/cleaner/io_throttle.h"

#include <algorithm>
#include <cmath>

namespace moldau::storage {

void IoThrottle::set_rate(double bytes_per_second) {
  const std::lock_guard lock(mutex_);
  rate_ = bytes_per_second;
}

std::chrono::milliseconds IoThrottle::take(double bytes, SteadyTime now) {
  constexpr double kNoLimit = 1e15;  // a petabyte a second; the default is the largest double
  constexpr double kLongestWaitMs = 60'000;
  const std::lock_guard lock(mutex_);
  if (rate_ >= kNoLimit) return {};
  const auto passed = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  level_ = std::min(level_ + passed * rate_, rate_ * std::chrono::duration<double>(kWindow).count()) - bytes;
  if (level_ >= 0) return {};
  if (rate_ <= 0) return std::chrono::milliseconds(static_cast<std::int64_t>(kLongestWaitMs));
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(std::min(-level_ / rate_ * 1000, kLongestWaitMs))));
}

}  // namespace moldau::storage
