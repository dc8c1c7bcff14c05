// TimerService: the timer wheel and the one Asio timer that drives it.
//
// The timer is armed only while somebody waits, and only for the earliest look that is needed: a stream of fetches that are all answered early costs a look
// each half second, not one each fetch. Runs on the executor given, best an I/O thread's (a pool may be busy with slow work).
#pragma once

#include <cstddef>
#include <memory>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"

namespace moldau::replication {

class Waiter;

class TimerService {
 public:
  /// With `clock` a ManualClock no timer is armed by time alone: the test calls advance().
  TimerService(Executor executor, Clock& clock);
  TimerService(const TimerService&) = delete;
  TimerService& operator=(const TimerService&) = delete;
  ~TimerService();

  /// False when the service is closed.
  bool add(Waiter& waiter, SteadyTime deadline);
  void remove(Waiter& waiter);
  /// Ends the waits that are due by the clock; done by the timer itself in a broker.
  void advance();
  /// Cancels every wait, and those to come at once. Idempotent.
  void close();
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] SteadyTime now() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace moldau::replication
