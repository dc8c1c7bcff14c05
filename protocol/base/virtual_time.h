// VirtualTime: the simulator's hold on time and threads. With one installed the whole process is one thread, timers read its time, and what would block
// runs the simulator's events instead.
//
// The broker's process never installs one: every question here is then one relaxed load.
#pragma once

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "protocol/base/clock.h"

namespace moldau {

class VirtualTime {
 public:
  virtual ~VirtualTime() = default;
  [[nodiscard]] virtual SteadyTime now() const noexcept = 0;
  /// Nothing is ready: time goes on to the next timer.
  virtual void pass(SteadyTime::duration by) noexcept = 0;
  /// Runs one event; called by code that waits for another one's doing.
  virtual void run_one() = 0;

  [[nodiscard]] static VirtualTime* current() noexcept { return current_.load(std::memory_order_relaxed); }
  /// Null takes it away. REQUIRES: no timer is waited for.
  static void install(VirtualTime* time) noexcept { current_.store(time, std::memory_order_relaxed); }

 private:
  static inline std::atomic<VirtualTime*> current_{nullptr};
};

/// Blocks until `done()` holds, which is asked under the lock and whose change is told through `changed`.
template <class Done>
void block_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Done done) {
  auto* const simulated = VirtualTime::current();
  if (simulated == nullptr) {
    changed.wait(lock, done);
    return;
  }
  while (!done()) {
    lock.unlock();
    simulated->run_one();
    lock.lock();
  }
}

/// Blocks until the value is there; exceptions pass on.
template <class T>
T block_for(std::future<T> value) {
  if (auto* const simulated = VirtualTime::current(); simulated != nullptr)
    while (value.wait_for(std::chrono::seconds(0)) != std::future_status::ready) simulated->run_one();
  return value.get();
}

}  // namespace moldau
