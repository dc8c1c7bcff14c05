// TimerWheel: deadlines of waiting requests (Kafka 3.9 SystemTimer): a hashed wheel, constant time to add and to remove.
//
// 1,024 slots of 4 ms; a deadline further away than the wheel's span stays in its slot for another round. Deadlines are rounded up, never early.
// A pure structure under one short lock: time is told by advance(), so that tests and the simulator drive it by hand; TimerService drives it by a timer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "protocol/base/clock.h"
#include "replication/delayed/waiter.h"

namespace moldau::replication {

class TimerWheel {
 public:
  static constexpr std::int64_t kTickMs = 4;
  static constexpr std::size_t kSlots = 1024;

  explicit TimerWheel(SteadyTime origin) noexcept : origin_(origin) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Links the waiter, or moves it to another deadline. Gives the time at which the wheel wants to be advanced for it; nothing when the wheel is closed.
  std::optional<SteadyTime> add(Waiter& waiter, SteadyTime deadline);
  /// Unlinks the waiter; afterwards no signal of the wheel is under way to it.
  void remove(Waiter& waiter);
  /// Ends the waits whose deadline has come. Gives the time of the next look that is needed, nothing when the wheel is empty.
  std::optional<SteadyTime> advance(SteadyTime now);
  /// Cancels all waits and those to come.
  void close();
  [[nodiscard]] std::size_t size() const;

 private:
  [[nodiscard]] std::int64_t tick_of(SteadyTime t, bool up) const;
  [[nodiscard]] SteadyTime time_of(std::int64_t tick) const { return origin_ + Millis(tick * kTickMs); }
  void link(Waiter& waiter, std::int64_t tick);
  void unlink(Waiter& waiter);
  [[nodiscard]] std::optional<std::int64_t> next_tick() const;

  const SteadyTime origin_;
  mutable std::mutex mutex_;
  std::array<Waiter*, kSlots> slots_{};
  std::array<std::uint64_t, kSlots / 64> used_{};  // one bit a slot that holds anything
  std::int64_t now_tick_ = 0;                      // all ticks up to here are done
  std::size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace moldau::replication
