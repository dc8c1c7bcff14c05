// Signal: wakes one coroutine of the same thread. Cheaper than a timer or a channel: no allocation, no lock.
#pragma once

#include <boost/asio/post.hpp>

#include <coroutine>
#include <optional>
#include <utility>

#include "protocol/base/async.h"
#include "server/network/resume.h"

namespace moldau::server {

/// One waiter at a time; notify() without a waiter is remembered once. Thread: that of the executor.
class Signal {
 public:
  explicit Signal(Executor executor) : executor_(std::move(executor)) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify() {
    if (waiter_) {
      auto waiter = std::exchange(waiter_, nullptr);
      boost::asio::post(executor_, std::move(waiter));
    } else {
      notified_ = true;
    }
  }
  /// Completes at the next (or a remembered) notify().
  Awaitable<void> wait() {
    if (std::exchange(notified_, false)) co_return;
    co_await suspend_with([this](Resume resume) { waiter_ = std::move(resume); });
  }

 private:
  Executor executor_;
  Resume waiter_;
  bool notified_ = false;
};

}  // namespace moldau::server
