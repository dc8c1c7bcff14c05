// IoThrottle (Kafka 3.9 Throttler "cleaner-io"): log.cleaner.io.max.bytes.per.second over all cleaner threads. Sans-I/O: it says how long to wait.
#pragma once

#include <chrono>
#include <mutex>

#include "protocol/base/clock.h"

namespace moldau::storage {

/// A bucket that holds what may be read and written in kWindow. Thread-safe.
class IoThrottle {
 public:
  static constexpr std::chrono::milliseconds kWindow{300};

  IoThrottle(double bytes_per_second, SteadyTime now) : rate_(bytes_per_second), last_(now) {}
  void set_rate(double bytes_per_second);
  /// Takes `bytes` out of the bucket, below zero if need be; returns the time until it is not below zero any more.
  std::chrono::milliseconds take(double bytes, SteadyTime now);

 private:
  std::mutex mutex_;
  double rate_;
  double level_ = 0;
  SteadyTime last_;
};

}  // namespace moldau::storage
