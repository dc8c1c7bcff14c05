// FifoLock: one coroutine at a time, the others in the order they came.
//
// The uncontended case costs a mutex and never suspends. A waiter resumes on its own executor and then holds the lock. Not cancellable: holders
// finish in bounded time.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>

#include "protocol/base/async.h"

namespace moldau::storage {

/// Something suspended that can be woken once, on its own executor.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Posts the resumption. Call once.
  virtual void wake() = 0;

  template <class Handler>
  static std::unique_ptr<Waiter> make(Handler handler);
};

template <class Handler>
class HandlerWaiter final : public Waiter {
 public:
  explicit HandlerWaiter(Handler handler)
      : executor_(boost::asio::prefer(boost::asio::get_associated_executor(handler), boost::asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}
  void wake() override {
    auto executor = std::move(executor_);
    boost::asio::post(executor, std::move(handler_));
  }

 private:
  using Tracked = std::decay_t<decltype(boost::asio::prefer(boost::asio::get_associated_executor(std::declval<Handler&>()),
                                                            boost::asio::execution::outstanding_work.tracked))>;
  Tracked executor_;
  Handler handler_;
};

template <class Handler>
std::unique_ptr<Waiter> Waiter::make(Handler handler) {
  return std::make_unique<HandlerWaiter<Handler>>(std::move(handler));
}

class FifoLock {
 public:
  /// True: the lock is held now. False when it is taken or others wait.
  bool try_lock() {
    const std::lock_guard lock(mutex_);
    if (held_) return false;
    held_ = true;
    return true;
  }

  Awaitable<void> lock() {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [this](auto handler) {
          auto waiter = Waiter::make(std::move(handler));
          {
            const std::lock_guard lock(mutex_);
            if (held_) {
              waiters_.push_back(std::move(waiter));
              return;
            }
            held_ = true;
          }
          waiter->wake();
        },
        boost::asio::use_awaitable);
  }

  /// Hands the lock to the next in line. REQUIRES: held.
  void unlock() {
    std::unique_ptr<Waiter> next;
    {
      const std::lock_guard lock(mutex_);
      if (waiters_.empty()) {
        held_ = false;
        return;
      }
      next = std::move(waiters_.front());
      waiters_.pop_front();
    }
    next->wake();
  }

  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiters_.size();
  }

  /// Unlocks at the end of the scope.
  class Guard {
   public:
    explicit Guard(FifoLock& lock) : lock_(&lock) {}
    Guard(Guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() { release(); }
    void release() {
      if (lock_ != nullptr) std::exchange(lock_, nullptr)->unlock();
    }

   private:
    FifoLock* lock_;
  };

 private:
  mutable std::mutex mutex_;
  bool held_ = false;
  std::list<std::unique_ptr<Waiter>> waiters_;
};

}  // namespace moldau::storage
