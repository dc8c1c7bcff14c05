// The seam for time: the system's clocks in the broker, a hand-driven one in tests and the simulator.
#pragma once

#include <chrono>
#include <cstdint>

namespace moldau {

using Millis = std::chrono::milliseconds;
using WallTime = std::chrono::sys_time<Millis>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Reads the time. Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  /// Milliseconds since 1970, as Kafka writes timestamps.
  [[nodiscard]] std::int64_t wall_ms() const { return wall().time_since_epoch().count(); }
};

/// The system's clocks; one for the process.
Clock& system_clock();

/// Stands still until it is moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(Millis(1'700'000'000'000))) : wall_(start) {}
  [[nodiscard]] WallTime wall() const override { return wall_; }
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  void advance(Millis by) {
    wall_ += by;
    steady_ += by;
  }

 private:
  WallTime wall_;
  SteadyTime steady_{};
};

}  // namespace moldau
