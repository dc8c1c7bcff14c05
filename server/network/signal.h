// Signal: wakes one coroutine of the same thread. Cheaper than a timer or a channel: no allocation, no lock.
#pragma once

#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/suspend.h"

namespace moldau::server {

/// One waiter at a time; notify() without a waiter is remembered once. Thread: the waiter's.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify() {
    if (waiter_) {
      auto waiter = std::move(waiter_);
      waiter.post();
    } else {
      notified_ = true;
    }
  }
  /// Completes at the next (or a remembered) notify().
  Awaitable<void> wait() {
    if (std::exchange(notified_, false)) co_return;
    auto store = [this](Resumption resumption) { waiter_ = std::move(resumption); };
    co_await suspend_with(std::move(store));
  }

 private:
  Resumption waiter_;
  bool notified_ = false;
};

}  // namespace moldau::server
