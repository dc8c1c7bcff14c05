// OneShot: a value that one coroutine waits for and any thread gives once.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <optional>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau::server {

/// Shared by the waiter and the giver (shared_ptr). A OneShot that is never set leaks its waiter: whoever holds the giving end sets it at the latest when it stops.
template <class T>
class OneShot {
 public:
  OneShot() = default;
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  /// Any thread, once. The waiter resumes on its own executor, never inside this call.
  void set(T value) {
    Resumption waiter;
    {
      const std::lock_guard lock(mutex_);
      value_.emplace(std::move(value));
      waiter = std::move(waiter_);
    }
    waiter.post();
  }

  /// Once. Does not suspend when the value is there.
  Awaitable<T> get() {
    if (!is_set()) {
      co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
          [this](auto&& handler) {
            Resumption mine(std::forward<decltype(handler)>(handler));
            {
              const std::lock_guard lock(mutex_);
              if (!value_) {
                waiter_ = std::move(mine);
                return;
              }
            }
            mine.post();
          },
          boost::asio::use_awaitable);
    }
    co_return std::move(*value_);
  }

 private:
  [[nodiscard]] bool is_set() {
    const std::lock_guard lock(mutex_);
    return value_.has_value();
  }

  std::mutex mutex_;
  std::optional<T> value_;
  Resumption waiter_;
};

}  // namespace moldau::server
