#include "protocol/base/event.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

#include "protocol/base/timer.h"

namespace moldau {

namespace asio = boost::asio;

/// One wait, for its life known to the event: whoever sets it cuts the timer short.
struct Event::Wait {
  Wait(Event& event, Executor executor, SteadyTime deadline) : owner(event), timer(std::move(executor), deadline) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() {
    const std::lock_guard lock(owner.mutex_);
    if (owner.wait_ == this) owner.wait_ = nullptr;
  }
  template <class Handler>
  void start(Handler&& handler) {
    const std::lock_guard lock(owner.mutex_);
    if (owner.set_) timer.expires_at(SteadyTime());  // set meanwhile: ends at once
    owner.wait_ = this;
    timer.async_wait(std::forward<Handler>(handler));
  }

  Event& owner;
  Timer timer;
};

void Event::set() {
  const std::lock_guard lock(mutex_);
  set_ = true;
  if (wait_ != nullptr) wait_->timer.cancel();
}

bool Event::is_set() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

Awaitable<bool> Event::wait_until(SteadyTime deadline) {
  if (is_set()) co_return true;
  auto executor = co_await asio::this_coro::executor;
  Wait wait(*this, std::move(executor), deadline);
  boost::system::error_code ignored;  // cancelled or late: is_set() tells
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  const auto start = [&wait](auto&& handler) { wait.start(std::forward<decltype(handler)>(handler)); };
  co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(start, token);
  co_return is_set();
}

Awaitable<bool> Event::wait_for(Millis timeout) {
  constexpr Millis kLongest = std::chrono::hours(24 * 365);
  return wait_until(TimerClock::now() + std::min(timeout, kLongest));
}

}  // namespace moldau
