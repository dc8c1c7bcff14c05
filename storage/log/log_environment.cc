#include "storage/log/log_environment.h"

#include <boost/asio/post.hpp>

#include <exception>

#include "config/metric_handles.h"
#include "protocol/base/log.h"
#include "protocol/base/virtual_time.h"

namespace moldau::storage {

void LogDirState::fail(const Error& error) {
  if (is_no_space(error)) {
    if (online()) space_.hit_the_end(error);
    return;
  }
  take_offline(error);
}

void LogDirState::take_offline(const Error& error) {
  if (!online_.exchange(false)) return;
  MOLDAU_LOG(storage, err, "Log directory {} goes offline: {}. Its partitions are not available until the disk works again and the broker is restarted", path_, error.message);
  if (handler_) handler_(path_);
}

void BackgroundJobs::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  config::metrics().log_background_jobs.add(1);
  boost::asio::post(executor_, [this, job = std::move(job)]() mutable {
    try {
      job();
    } catch (const std::exception& e) {
      MOLDAU_LOG(storage, err, "A background job of the log store failed: {}", e.what());
    }
    job = nullptr;  // what it holds goes before it counts as done
    config::metrics().log_background_jobs.add(-1);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) idle_.notify_all();
  });
}

void BackgroundJobs::drain() {
  std::unique_lock lock(mutex_);
  block_until(idle_, lock, [&] { return running_ == 0; });
}

}  // namespace moldau::storage
