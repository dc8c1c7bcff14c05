// AsyncMutex: one coroutine at a time, the others in the order they came.
//
// Unlike a lock of the thread it may be held across co_await: it suspends coroutines, never a thread. Invariants:
//   1. First come, first served: unlocking hands over to the first in line, nobody overtakes.
//   2. A waiter resumes on its own executor, never inside the call that let it in.
// Not cancellable: holders finish in bounded time.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau {

class AsyncMutex {
 public:
  /// Holds the mutex; hands it on when it goes.
  class [[nodiscard]] Guard {
   public:
    Guard() noexcept = default;
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      release();
      mutex_ = std::exchange(other.mutex_, nullptr);
      return *this;
    }
    ~Guard() { release(); }
    void release() noexcept {
      if (mutex_ != nullptr) std::exchange(mutex_, nullptr)->unlock();
    }
    explicit operator bool() const noexcept { return mutex_ != nullptr; }

   private:
    friend class AsyncMutex;
    explicit Guard(AsyncMutex* mutex) noexcept : mutex_(mutex) {}
    AsyncMutex* mutex_ = nullptr;
  };

  AsyncMutex() = default;
  AsyncMutex(const AsyncMutex&) = delete;
  AsyncMutex& operator=(const AsyncMutex&) = delete;

  /// An empty guard when it is taken or others wait. Where this comes first, the free case costs no coroutine.
  Guard try_lock();
  /// Does not suspend when it is free.
  Awaitable<Guard> lock();

 private:
  // Locks are taken in plain functions only: g++ 12 may keep a guard of a coroutine's scope locked.
  bool take_if_free();
  /// Puts the coroutine in line; gives it back when it may go on at once.
  Resumption take_or_queue(Resumption&& resumption);
  void unlock() noexcept;

  std::mutex mutex_;  // guards what follows
  bool held_ = false;
  std::deque<Resumption> line_;
};

}  // namespace moldau
