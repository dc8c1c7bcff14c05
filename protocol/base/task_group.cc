#include "protocol/base/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/virtual_time.h"

namespace moldau {

namespace asio = boost::asio;

namespace {

constexpr Millis kRestartPause{200};

/// How to reach one task that wants to be interrupted.
struct Interrupt {
  explicit Interrupt(Executor e) : executor(std::move(e)) {}
  Executor executor;
  asio::cancellation_signal signal;
};
using Interrupts = std::list<std::shared_ptr<Interrupt>>;

}  // namespace

/// Outlives the group when tasks do.
struct TaskGroup::State {
  State(std::string n, LogCategory c) : name(std::move(n)), category(c) {}

  const std::string name;
  const LogCategory category;
  mutable std::mutex mutex;  // guards what follows
  bool closed = false;
  std::size_t running = 0;
  Interrupts interrupts;
  std::vector<std::shared_ptr<Event>> joiners;
  std::condition_variable idle;

  bool is_closed() const {
    const std::lock_guard lock(mutex);
    return closed;
  }
  /// Logs what a task threw; being interrupted as asked is nothing to tell.
  void tell(std::exception_ptr failure) const {
    try {
      std::rethrow_exception(std::move(failure));
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted && is_closed()) return;  // interrupted, as asked
      logger(category).log(spdlog::level::err, "a task of '{}' failed: {}", name, e.what());
    } catch (const std::exception& e) {
      logger(category).log(spdlog::level::err, "a task of '{}' failed: {}", name, e.what());
    } catch (...) {
      logger(category).log(spdlog::level::err, "a task of '{}' failed", name);
    }
  }
  /// Closes. Null when nothing runs.
  std::shared_ptr<Event> begin_join() {
    const std::lock_guard lock(mutex);
    closed = true;
    if (running == 0) return nullptr;
    return joiners.emplace_back(std::make_shared<Event>());
  }
};

/// A task's place in its group, given back when the task's frame goes, whether it ended or its executor was destroyed under it.
class TaskGroup::Lease {
 public:
  static std::optional<Lease> take(const std::shared_ptr<State>& state, std::shared_ptr<Interrupt> interrupt) {
    const std::lock_guard lock(state->mutex);
    if (state->closed) return std::nullopt;
    ++state->running;
    Lease lease(state);
    if (interrupt) {
      lease.at_ = state->interrupts.insert(state->interrupts.end(), std::move(interrupt));
      lease.listed_ = true;
    }
    return std::optional<Lease>(std::move(lease));
  }
  Lease(Lease&& other) noexcept : state_(std::move(other.state_)), at_(other.at_), listed_(other.listed_) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (!state_) return;
    std::vector<std::shared_ptr<Event>> joiners;
    {
      const std::lock_guard lock(state_->mutex);
      if (listed_) state_->interrupts.erase(at_);
      if (--state_->running > 0) return;
      joiners.swap(state_->joiners);
      state_->idle.notify_all();
    }
    for (const auto& joiner : joiners) joiner->set();
  }

 private:
  explicit Lease(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
  Interrupts::iterator at_;
  bool listed_ = false;
};

TaskGroup::TaskGroup(std::string name, LogCategory category) : state_(std::make_shared<State>(std::move(name), category)) {}

TaskGroup::~TaskGroup() {
  cancel();
  if (const auto left = running(); left > 0) logger(state_->category).log(spdlog::level::warn, "'{}' goes while {} of its tasks run", state_->name, left);
}

Awaitable<void> TaskGroup::run(std::shared_ptr<State> state, [[maybe_unused]] Lease lease, Task task, OnException on_exception) {
  for (;;) {
    std::exception_ptr failure;
    try {
      auto once = task();
      co_await std::move(once);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) co_return;
    state->tell(failure);
    if (on_exception == OnException::end || state->is_closed()) co_return;
    Event never;
    static_cast<void>(co_await never.wait_for(kRestartPause));
    if (state->is_closed()) co_return;
  }
}

Awaitable<void> TaskGroup::run_once(std::shared_ptr<State> state, [[maybe_unused]] Lease lease, Awaitable<void> task) {
  std::exception_ptr failure;
  try {
    // Its frame goes before the lease does.
    auto mine = std::move(task);
    co_await std::move(mine);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) state->tell(failure);
}

template <class Make>
bool TaskGroup::start(Executor executor, OnCancel on_cancel, Make make) {
  if (on_cancel == OnCancel::finish) {
    auto lease = Lease::take(state_, nullptr);
    if (!lease) return false;
    asio::co_spawn(executor, make(std::move(*lease)), asio::detached);
    return true;
  }
  auto interrupt = std::make_shared<Interrupt>(executor);
  auto lease = Lease::take(state_, interrupt);
  if (!lease) return false;
  // The completion holds the signal: Asio lets go of its slot before that.
  auto done = [interrupt](const std::exception_ptr&) {};  // run() lets nothing out
  asio::co_spawn(executor, make(std::move(*lease)), asio::bind_cancellation_slot(interrupt->signal.slot(), std::move(done)));
  return true;
}

bool TaskGroup::spawn(Executor executor, Task task, OnCancel on_cancel, OnException on_exception) {
  return start(std::move(executor), on_cancel, [&](Lease lease) { return run(state_, std::move(lease), std::move(task), on_exception); });
}

bool TaskGroup::spawn(Executor executor, Awaitable<void> task, OnCancel on_cancel) {
  return start(std::move(executor), on_cancel, [&](Lease lease) { return run_once(state_, std::move(lease), std::move(task)); });
}

bool TaskGroup::post(Executor executor, std::function<void()> work) {
  auto lease = Lease::take(state_, nullptr);
  if (!lease) return false;
  asio::post(executor, [state = state_, held = std::move(*lease), mine = std::move(work)] {
    try {
      mine();
    } catch (...) {
      state->tell(std::current_exception());
    }
  });
  return true;
}

void TaskGroup::close() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
}

void TaskGroup::cancel() {
  Interrupts all;
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    all = state_->interrupts;
  }
  // A signal belongs to its task's executor: emitted there, never beside the task.
  for (auto& one : all) asio::post(one->executor, [one] { one->signal.emit(asio::cancellation_type::terminal); });
}

Awaitable<bool> TaskGroup::join(Millis timeout) {
  const auto done = state_->begin_join();
  if (!done) co_return true;
  co_return co_await done->wait_for(timeout);
}

bool TaskGroup::join_blocking(Millis timeout) {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  auto* const simulated = VirtualTime::current();
  if (simulated == nullptr) return state_->idle.wait_for(lock, timeout, [&] { return state_->running == 0; });
  for (const auto deadline = simulated->now() + timeout; state_->running > 0 && simulated->now() < deadline;) {
    lock.unlock();
    simulated->run_one();
    lock.lock();
  }
  return state_->running == 0;
}

bool TaskGroup::is_closed() const { return state_->is_closed(); }

std::size_t TaskGroup::running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->running;
}

}  // namespace moldau
