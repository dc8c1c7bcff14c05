// Waiter: one request that waits, in the frame of its coroutine (Kafka 3.9 DelayedOperation).
//
// A waiter hangs on the lists of any number of partitions (Watch, WaitList) and in one slot of the timer wheel. Whoever changes a partition signals it, the
// wheel ends it, the connection's cancellation ends it; the first of them posts its coroutine to the coroutine's own executor. Nothing polls, and nothing but
// the post allocates.
//
// Threads: signal() from any thread; everything else on the coroutine's own. Invariants:
//   1. A Resumption is taken by exactly one thread: the one that turned `armed` into `signalled`.
//   2. Once taken, the waiter lives until the posted coroutine has run; signallers that took nothing hold the lock of a list or of the wheel in which the
//      waiter is linked, and the destructor passes through those locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/resumption.h"

namespace moldau::replication {

class TimerService;
class TimerWheel;

enum class WaitOutcome : std::uint8_t { woken, timed_out, cancelled };

class Waiter {
 public:
  /// REQUIRES: the timer service outlives the waiter.
  explicit Waiter(TimerService& timers) noexcept : timers_(timers) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  /// REQUIRES: all watches on it are gone.
  ~Waiter();

  /// Suspends until signalled, until `deadline`, or until the coroutine is cancelled. A signal that came since the last wait ends it at once.
  Awaitable<WaitOutcome> wait_until(SteadyTime deadline);

  /// How many bytes of news it takes to wake; each signal of a watch brings its share. 0 or less: any signal wakes.
  void set_needed(std::int64_t bytes) noexcept { needed_.store(bytes, std::memory_order_relaxed); }

 private:
  friend class WaitList;
  friend class TimerWheel;

  enum Flags : std::uint8_t { kTimedOut = 1, kCancelled = 2 };
  enum State : std::uint8_t { kIdle, kArmed, kSignalled };

  /// True when `bytes` complete what is needed, and from then on. Never falls below 0, so that no number of signals makes it wrap. REQUIRES: bytes >= 0.
  bool credit(std::int64_t bytes) noexcept {
    std::int64_t before = needed_.load(std::memory_order_relaxed);
    while (before > 0 && !needed_.compare_exchange_weak(before, before > bytes ? before - bytes : 0, std::memory_order_relaxed)) {
    }
    return before <= bytes;
  }
  /// Marks the waiter; gives the coroutine when it was suspended.
  Resumption signal(std::uint8_t flags = 0) noexcept {
    if (flags != 0) flags_.fetch_or(flags, std::memory_order_relaxed);
    if (state_.exchange(kSignalled, std::memory_order_acq_rel) != kArmed) return {};
    return std::move(resumption_);
  }
  template <class Handler>
  void arm(Handler&& handler);

  TimerService& timers_;
  std::atomic<std::uint8_t> state_{kIdle};
  std::atomic<std::uint8_t> flags_{0};
  std::atomic<std::int64_t> needed_{0};
  Resumption resumption_;

  // The wheel's part: guarded by the wheel's lock.
  Waiter* wheel_prev_ = nullptr;
  Waiter* wheel_next_ = nullptr;
  std::int64_t wheel_tick_ = 0;
  bool in_wheel_ = false;
  bool was_in_wheel_ = false;  // the coroutine's own
};

}  // namespace moldau::replication
