// SimTime: the clock of a simulated world, and the loop that drives it: one thread, events in their order, time that jumps from timer to timer.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "protocol/base/timer.h"

namespace moldau::sim {

/// The machine was switched off while somebody waited for it.
struct MachineStopped : std::runtime_error {
  MachineStopped() : std::runtime_error("the machine has stopped") {}
};
/// What was waited for did not come.
struct Stuck : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class SimTime final : public Clock, public VirtualTime {
 public:
  SimTime() { VirtualTime::install(this); }
  ~SimTime() override { VirtualTime::install(nullptr); }

  [[nodiscard]] WallTime wall() const override { return WallTime(Millis(1'700'000'000'000)) + std::chrono::duration_cast<Millis>(steady_.time_since_epoch()); }
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  [[nodiscard]] SteadyTime now() const noexcept override { return steady_; }
  void pass(SteadyTime::duration by) noexcept override { steady_ += by; }
  void run_one() override;

  /// A new loop for a life of the broker. `is_stopped` is asked before each event: true ends every wait with MachineStopped.
  void begin(std::function<bool()> is_stopped);
  /// Runs what is left for a while; false when something is still under way. The loop is gone then.
  bool end();
  boost::asio::io_context& context() { return *context_; }

  /// Runs events until `done()`; MachineStopped, or Stuck after `limit` of virtual time with `what` in its text.
  void run_until(const std::function<bool()>& done, Millis limit, const char* what);
  void run_for(Millis duration);
  /// The machine's end no longer ends waits: its remains are being cleared away.
  void ignore_stop() { is_stopped_ = nullptr; }

 private:
  static constexpr std::uint64_t kMaxEvents = 20'000'000;
  static constexpr std::chrono::minutes kMaxLife{60};
  void beat();

  SteadyTime steady_{std::chrono::hours(1)};
  SteadyTime life_began_{};
  std::uint64_t events_ = 0;
  std::function<bool()> is_stopped_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<Timer> heart_;  ///< Always armed, so that the loop never sleeps for want of timers.
};

}  // namespace moldau::sim
