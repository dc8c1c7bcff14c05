#include "storage/log/periodic_tasks.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <list>

#include "protocol/base/log.h"

namespace moldau::storage {

struct PeriodicTasks::State {
  struct Task {
    Task(const Executor& executor, std::string task_name) : strand(boost::asio::make_strand(executor)), timer(strand), name(std::move(task_name)) {}
    boost::asio::strand<Executor> strand;
    boost::asio::steady_timer timer;
    std::string name;
    std::function<Awaitable<void>()> work;
    std::chrono::milliseconds delay{};
    std::chrono::milliseconds period{};
  };
  explicit State(Executor e) : executor(std::move(e)) {}
  Executor executor;
  std::mutex mutex;
  std::condition_variable done;
  std::atomic<bool> stopping{false};
  std::list<Task> tasks;
  std::size_t running = 0;

  static Awaitable<void> run(std::shared_ptr<State> state, Task& task) {
    auto wait = task.delay;
    while (!state->stopping) {
      task.timer.expires_after(wait);
      boost::system::error_code ec;
      co_await task.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
      if (state->stopping) break;
      try {
        co_await task.work();
      } catch (const std::exception& e) {
        MOLDAU_LOG(storage, err, "The task '{}' failed: {}", task.name, e.what());
      }
      wait = task.period;
    }
  }
};

PeriodicTasks::PeriodicTasks(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

PeriodicTasks::~PeriodicTasks() { stop(); }

void PeriodicTasks::add(std::string name, std::chrono::milliseconds delay, std::chrono::milliseconds period, std::function<Awaitable<void>()> task) {
  // A year at most: timers do not like the end of time.
  constexpr std::chrono::milliseconds kMax = std::chrono::hours(24 * 365);
  State::Task* added = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    added = &state_->tasks.emplace_back(state_->executor, std::move(name));
    ++state_->running;
  }
  added->work = std::move(task);
  added->delay = std::min(delay, kMax);
  added->period = std::min(std::max(period, std::chrono::milliseconds(1)), kMax);
  boost::asio::co_spawn(added->strand, State::run(state_, *added), [state = state_](const std::exception_ptr&) {
    const std::lock_guard lock(state->mutex);
    if (--state->running == 0) state->done.notify_all();
  });
}

void PeriodicTasks::stop() {
  state_->stopping = true;
  std::unique_lock lock(state_->mutex);
  for (auto& task : state_->tasks) boost::asio::post(task.strand, [state = state_, &task] { task.timer.cancel(); });
  state_->done.wait(lock, [&] { return state_->running == 0; });
}

}  // namespace moldau::storage
