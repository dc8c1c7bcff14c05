// PeriodicTasks: housekeeping that runs every so often on the background executor, and ends before stop() returns.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"

namespace moldau::storage {

class PeriodicTasks {
 public:
  explicit PeriodicTasks(Executor executor);
  ~PeriodicTasks();
  PeriodicTasks(const PeriodicTasks&) = delete;
  PeriodicTasks& operator=(const PeriodicTasks&) = delete;

  /// Runs `work` first after `delay`, then `period` after each run's end. Exceptions are logged under `name`. Nothing once stopped.
  void add(std::string name, Millis delay, Millis period, std::function<Awaitable<void>()> work);
  /// Cancels the waits, lets running tasks finish, blocks until they have. REQUIRES: the executor has a thread besides the caller's.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace moldau::storage
