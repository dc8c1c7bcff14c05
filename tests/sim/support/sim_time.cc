#include "tests/sim/support/sim_time.h"

#include <cerrno>

// Asio then looks at its timers at every turn of the loop, instead of waiting for the kernel to tell real time.
extern "C" int timerfd_create(int, int) noexcept {
  errno = ENOSYS;
  return -1;
}

namespace moldau::sim {

void SimTime::begin(std::function<bool()> is_stopped) {
  // Not 1: events made while an event waits for another one must be seen by the inner loop.
  context_ = std::make_unique<boost::asio::io_context>(2);
  is_stopped_ = std::move(is_stopped);
  life_began_ = steady_;
  events_ = 0;
  heart_ = std::make_unique<Timer>(*context_);
  beat();
}

void SimTime::beat() {
  heart_->expires_after(std::chrono::seconds(1));
  heart_->async_wait([this](const boost::system::error_code& error) {
    if (!error) beat();
  });
}

void SimTime::run_one() {
  if (is_stopped_ && is_stopped_()) throw MachineStopped();
  if (++events_ > kMaxEvents || steady_ - life_began_ > kMaxLife) throw Stuck("a wait has no end: " + std::to_string(events_) + " events in this life");
  if (context_->stopped()) context_->restart();
  if (context_->run_one() == 0) throw Stuck("nothing is left to run, but somebody waits");
}

void SimTime::run_until(const std::function<bool()>& done, Millis limit, const char* what) {
  const auto deadline = steady_ + limit;
  while (!done()) {
    if (steady_ > deadline) throw Stuck(std::string("waited in vain until ") + what);
    run_one();
  }
}

void SimTime::run_for(Millis duration) {
  const auto until = steady_ + duration;
  while (steady_ < until) run_one();
}

bool SimTime::end() {
  is_stopped_ = nullptr;
  heart_->cancel();
  const auto limit = steady_ + std::chrono::minutes(10);
  // Without the heart only what is under way keeps the loop going; a timer that is armed again and again does so too.
  while (steady_ < limit) {
    if (context_->stopped()) context_->restart();
    if (context_->poll() > 0) continue;
    if (context_->stopped()) break;
    steady_ += std::chrono::seconds(1);
  }
  context_->restart();
  const bool idle = context_->poll() == 0 && context_->stopped();
  heart_.reset();
  return idle;
}

}  // namespace moldau::sim
