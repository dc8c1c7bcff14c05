#include "storage/log/periodic_tasks.h"

#include <boost/asio/strand.hpp>

#include <algorithm>
#include <exception>
#include <list>
#include <mutex>
#include <utility>

#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"

namespace moldau::storage {

namespace {
constexpr Millis kStopWait{120'000};
}

struct PeriodicTasks::State {
  struct Task {
    explicit Task(const Executor& executor) : strand(boost::asio::make_strand(executor)) {}
    Executor strand;
    Event stop;
    std::string name;
    std::function<Awaitable<void>()> work;
    Millis delay{};
    Millis period{};
  };
  explicit State(Executor e) : executor(std::move(e)) {}
  Executor executor;
  std::mutex mutex;  // guards the list
  std::list<Task> tasks;
  TaskGroup group{"housekeeping of the logs", LogCategory::storage};

  static Awaitable<void> run(std::shared_ptr<State>, Task& task) {  // holds the state, in which the task lies
    for (auto wait = task.delay;; wait = task.period) {
      const bool stopped = co_await task.stop.wait_for(wait);
      if (stopped) co_return;
      try {
        co_await task.work();
      } catch (const std::exception& e) {
        MOLDAU_LOG(storage, err, "The task '{}' failed: {}", task.name, e.what());
      }
    }
  }
};

PeriodicTasks::PeriodicTasks(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

PeriodicTasks::~PeriodicTasks() { stop(); }

void PeriodicTasks::add(std::string name, Millis delay, Millis period, std::function<Awaitable<void>()> work) {
  State::Task* added = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    added = &state_->tasks.emplace_back(state_->executor);
    added->name = std::move(name);
    added->work = std::move(work);
    added->delay = delay;
    added->period = std::max(period, Millis(1));
  }
  state_->group.spawn(added->strand, State::run(state_, *added));
}

void PeriodicTasks::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    for (auto& task : state_->tasks) task.stop.set();
  }
  if (!state_->group.join_blocking(kStopWait)) MOLDAU_LOG(storage, warn, "{} housekeeping tasks of the logs do not end", state_->group.running());
}

}  // namespace moldau::storage
