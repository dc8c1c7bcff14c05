// InFlight: counts background coroutines, so that a stop can wait for the last of them.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "server/coordinator/runtime/one_shot.h"

namespace moldau::server {

class InFlight {
 public:
  /// Held by each coroutine for its life.
  class [[nodiscard]] Token {
   public:
    explicit Token(InFlight* owner) noexcept : owner_(owner) {}
    Token(Token&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
      if (owner_ != nullptr) owner_->leave();
    }

   private:
    InFlight* owner_;
  };

  Token enter() {
    const std::lock_guard lock(mutex_);
    ++count_;
    return Token(this);
  }
  /// Waits until nobody is in. Once at a time.
  Awaitable<void> drained() {
    if (const auto done = start_waiting()) co_await done->get();
  }

 private:
  /// Null when nobody is in. Plain, for g++ 12 may keep a lock that a coroutine's body leaves by co_return.
  std::shared_ptr<OneShot<bool>> start_waiting() {
    const std::lock_guard lock(mutex_);
    if (count_ == 0) return nullptr;
    waiter_ = std::make_shared<OneShot<bool>>();
    return waiter_;
  }
  void leave() {
    std::shared_ptr<OneShot<bool>> done;
    {
      const std::lock_guard lock(mutex_);
      if (--count_ == 0) done = std::move(waiter_);
    }
    if (done) done->set(true);
  }

  std::mutex mutex_;
  std::size_t count_ = 0;
  std::shared_ptr<OneShot<bool>> waiter_;
};

}  // namespace moldau::server
