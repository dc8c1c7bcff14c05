// Event: something that happens once; a coroutine waits for it until a deadline.
#pragma once

#include <mutex>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"

namespace moldau {

/// Thread-safe; outlives its waiter and whoever sets it. One coroutine waits at a time. The deadline is one of TimerClock's.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Any thread, any number of times.
  void set();
  [[nodiscard]] bool is_set() const;
  /// True when it has happened; false when the deadline or a cancellation of the coroutine came first. Resumes on the coroutine's own executor.
  Awaitable<bool> wait_until(SteadyTime deadline);
  /// At most a year: timers do not like the end of time.
  Awaitable<bool> wait_for(Millis timeout);

 private:
  struct Wait;

  mutable std::mutex mutex_;  // guards what follows, and the timer of the wait
  bool set_ = false;
  Wait* wait_ = nullptr;  // in the frame of the coroutine that waits
};

}  // namespace moldau
