// Timer: the one kind of timer that coroutines wait on. It runs by the system's steady clock, or by the simulator's.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>

#include "protocol/base/virtual_time.h"

namespace moldau {

/// The time by which timers go off. Deadlines that are compared with a timer's are read here.
struct TimerClock {
  using duration = SteadyTime::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = SteadyTime;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    const auto* simulated = VirtualTime::current();
    return simulated == nullptr ? std::chrono::steady_clock::now() : simulated->now();
  }
};

/// Asio asks here how long to sleep until the next timer. In the simulator nobody sleeps: time goes there at once.
struct TimerWait {
  static TimerClock::duration to_wait_duration(const TimerClock::duration& wait) noexcept {
    auto* const simulated = VirtualTime::current();
    if (simulated == nullptr) return wait;
    if (wait > TimerClock::duration::zero()) simulated->pass(wait);
    return TimerClock::duration::zero();
  }
  static TimerClock::duration to_wait_duration(const TimerClock::time_point& until) noexcept { return to_wait_duration(until - TimerClock::now()); }
};

using Timer = boost::asio::basic_waitable_timer<TimerClock, TimerWait>;

}  // namespace moldau
