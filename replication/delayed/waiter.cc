#include "replication/delayed/waiter.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "replication/delayed/timer_service.h"

namespace moldau::replication {

namespace asio = boost::asio;

template <class Handler>
void Waiter::arm(Handler&& handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  resumption_ = Resumption(std::forward<Handler>(handler));
  if (slot.is_connected()) {
    // Asio clears the slot when the handler runs, and until then this waiter lives.
    slot.assign([this](asio::cancellation_type) {
      Resumption r = signal(kCancelled);
      r.post();
    });
  }
  std::uint8_t expected = kIdle;
  if (!state_.compare_exchange_strong(expected, kArmed, std::memory_order_acq_rel)) {
    Resumption r = std::move(resumption_);
    r.post();
  }
}

Awaitable<WaitOutcome> Waiter::wait_until(SteadyTime deadline) {
  if (state_.load(std::memory_order_acquire) != kSignalled) {
    if (!timers_.add(*this, deadline)) co_return WaitOutcome::cancelled;
    was_in_wheel_ = true;
    const auto start = [this](auto&& handler) { arm(std::forward<decltype(handler)>(handler)); };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start, asio::use_awaitable);
  }
  // Idle first, then the flags and the caller's own look at the partitions: a signal after this line is kept for the next wait.
  state_.store(kIdle, std::memory_order_seq_cst);
  const std::uint8_t flags = flags_.load(std::memory_order_relaxed);
  if ((flags & kCancelled) != 0) co_return WaitOutcome::cancelled;
  if ((flags & kTimedOut) != 0) co_return WaitOutcome::timed_out;
  co_return WaitOutcome::woken;
}

Waiter::~Waiter() {
  if (was_in_wheel_) timers_.remove(*this);
}

}  // namespace moldau::replication
