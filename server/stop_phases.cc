#include "server/stop_phases.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/virtual_time.h"

namespace moldau::server {
namespace {

/// Shared with the thread, which may outlive the phases.
struct Progress {
  std::mutex mutex;  // guards done
  std::condition_variable changed;
  bool done = false;

  void finish() {
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  }
  bool wait_until(SteadyTime until) {
    std::unique_lock lock(mutex);
    return changed.wait_until(lock, until, [this] { return done; });
  }
};

void run_fenced(const std::string& what, const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (const std::exception& e) {
    MOLDAU_LOG(server, err, "the stop: {} failed: {}", what, e.what());
  }
}

std::string described(const std::string& what, const std::function<std::size_t()>& left) { return left ? fmt::format("{} ({} left)", what, left()) : what; }

}  // namespace

StopPhases::StopPhases(Limits limits) : limits_(limits) {}

bool StopPhases::run(const std::string& what, std::optional<Millis> deadline, std::function<void()> work, const std::function<std::size_t()>& left) {
  if (VirtualTime::current() != nullptr) {
    run_fenced(what, work);
    return true;
  }
  const auto began = std::chrono::steady_clock::now();
  if (!std::exchange(begun_, true)) end_ = began + limits_.total;
  const auto end = deadline ? std::min(began + *deadline, std::max(end_, began + limits_.least)) : SteadyTime::max();
  const auto progress = std::make_shared<Progress>();
  std::thread([progress, what, mine = std::move(work)] {
    run_fenced(what, mine);
    progress->finish();
  }).detach();
  const auto seconds = [&] { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count(); };
  for (auto tell = began + limits_.tell_after;; tell += kTellEvery) {
    if (progress->wait_until(std::min(tell, end))) return true;
    if (tell >= end) break;
    MOLDAU_LOG(server, info, "the stop waits for {} since {} s", described(what, left), seconds());
  }
  left_behind_ = true;
  MOLDAU_LOG(server, warn, "the stop waited {} s for {}, and goes on without", seconds(), described(what, left));
  return false;
}

}  // namespace moldau::server
