// OneShot: a value that one coroutine waits for and any thread gives once.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau {

namespace detail {

/// The part of a OneShot that knows no value.
class OneShotSignal {
 public:
  void fire();
  [[nodiscard]] bool fired() const;
  Awaitable<void> wait();

 private:
  mutable std::mutex mutex_;
  bool fired_ = false;
  Resumption waiter_;
};

}  // namespace detail

/// Shared by the waiter and the giver (shared_ptr). A OneShot that is never set leaks its waiter: whoever holds the giving end sets it at the latest when it stops.
/// It has no deadline of its own; an Event has.
template <class T>
class OneShot {
 public:
  OneShot() = default;
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  /// Any thread, once. The waiter resumes on its own executor, never inside this call.
  void set(T value) {
    value_.emplace(std::move(value));
    signal_.fire();
  }
  /// Once. Does not suspend when the value is there.
  Awaitable<T> get() {
    if (!signal_.fired()) co_await signal_.wait();
    co_return std::move(*value_);
  }

 private:
  std::optional<T> value_;  // written before the signal, read after it
  detail::OneShotSignal signal_;
};

}  // namespace moldau
