// TaskGroup: the background coroutines of one owner: started in it, counted, told to end, and joined when the owner stops.
//
// No coroutine of the broker is detached: each belongs to a group. Thread-safe. The group is closed once; what is spawned afterwards is refused, so that a
// joined group stays empty. An exception ends at the group's fence: it is logged under the group's name, and the task ends or starts again as asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"

namespace moldau {

enum class LogCategory;

/// What cancel() does to a task.
enum class OnCancel : std::uint8_t {
  finish,     ///< Nothing: it ends by itself once its owner gives it no more work.
  interrupt,  ///< Its wait in progress, and each later one, ends with operation_aborted. REQUIRES: its executor runs one thing at a time.
};

/// What becomes of a task that threw.
enum class OnException : std::uint8_t {
  end,
  restart,  ///< After a short pause, unless the group was closed.
};

class TaskGroup {
 public:
  using Task = std::function<Awaitable<void>()>;

  /// `name` is what the log calls the group.
  TaskGroup(std::string name, LogCategory category);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  /// Cancels. REQUIRES: joined; a group that is left with tasks says so in the log.
  ~TaskGroup();

  /// Runs the coroutine that `task` makes; the group keeps `task` for as long. Called on the executor's own thread the coroutine runs at once up to its first
  /// wait. False: the group is closed, nothing was started.
  bool spawn(Executor executor, Task task, OnCancel on_cancel = OnCancel::finish, OnException on_exception = OnException::end);
  /// The same for a coroutine that owns what it works on.
  bool spawn(Executor executor, Awaitable<void> task, OnCancel on_cancel = OnCancel::finish);
  /// Runs a plain function on the executor, never inside this call.
  bool post(Executor executor, std::function<void()> work);

  /// Refuses new tasks; those that run go on.
  void close();
  /// Closes, and interrupts the tasks that asked for it. Idempotent.
  void cancel();
  /// Closes, and waits for the last task. False when `timeout` passed first: some still run. REQUIRES: the caller is no task of the group.
  Awaitable<bool> join(Millis timeout);
  /// The same for a thread that may block and is not needed by the tasks.
  bool join_blocking(Millis timeout);

  [[nodiscard]] bool is_closed() const;
  /// Tasks that have not ended.
  [[nodiscard]] std::size_t running() const;

 private:
  struct State;
  class Lease;
  static Awaitable<void> run(std::shared_ptr<State> state, Lease lease, Task task, OnException on_exception);
  static Awaitable<void> run_once(std::shared_ptr<State> state, Lease lease, Awaitable<void> task);
  template <class Make>
  bool start(Executor executor, OnCancel on_cancel, Make make);

  std::shared_ptr<State> state_;
};

}  // namespace moldau
