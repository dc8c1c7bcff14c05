#include "replication/delayed/timer_service.h"

#include <mutex>

#include "protocol/base/timer.h"
#include "replication/delayed/timer_wheel.h"

namespace moldau::replication {

class TimerService::Impl : public std::enable_shared_from_this<TimerService::Impl> {
 public:
  Impl(Executor executor, Clock& clock)
      : clock_(clock), real_time_(dynamic_cast<ManualClock*>(&clock) == nullptr), wheel_(clock.steady()), timer_(std::move(executor)) {}

  bool add(Waiter& waiter, SteadyTime deadline) {
    const auto at = wheel_.add(waiter, deadline);
    if (!at) return false;
    // Read without the lock: a stale value arms once too often or finds the truth under the lock.
    if (real_time_ && at->time_since_epoch().count() < armed_for_.load(std::memory_order_seq_cst)) arm(*at);
    return true;
  }

  void advance() {
    armed_for_.store(kNever, std::memory_order_seq_cst);
    const auto next = wheel_.advance(clock_.steady());
    if (next && real_time_) arm(*next);
  }

  void close() {
    wheel_.close();
    const std::lock_guard lock(timer_mutex_);
    closed_ = true;
    timer_.cancel();
  }

  Clock& clock_;
  const bool real_time_;
  TimerWheel wheel_;

 private:
  static constexpr std::chrono::steady_clock::rep kNever = std::numeric_limits<std::chrono::steady_clock::rep>::max();

  void arm(SteadyTime at) {
    const std::lock_guard lock(timer_mutex_);
    if (closed_ || at.time_since_epoch().count() >= armed_for_.load(std::memory_order_seq_cst)) return;
    armed_for_.store(at.time_since_epoch().count(), std::memory_order_seq_cst);
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
      if (!ec) self->advance();
    });
  }

  std::mutex timer_mutex_;  // guards timer_ and closed_
  Timer timer_;
  std::atomic<std::chrono::steady_clock::rep> armed_for_{kNever};
  bool closed_ = false;
};

TimerService::TimerService(Executor executor, Clock& clock) : impl_(std::make_shared<Impl>(std::move(executor), clock)) {}
TimerService::~TimerService() { impl_->close(); }
bool TimerService::add(Waiter& waiter, SteadyTime deadline) { return impl_->add(waiter, deadline); }
void TimerService::remove(Waiter& waiter) { impl_->wheel_.remove(waiter); }
void TimerService::advance() { impl_->advance(); }
void TimerService::close() { impl_->close(); }
std::size_t TimerService::waiting() const { return impl_->wheel_.size(); }
SteadyTime TimerService::now() const { return impl_->clock_.steady(); }

}  // namespace moldau::replication
