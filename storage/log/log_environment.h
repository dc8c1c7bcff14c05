// What a log needs from around it: its log directory's state, background work, delayed deletion.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/random.h"
#include "storage/io/file_cache.h"
#include "storage/log/dir_space.h"

namespace moldau::storage {

class LogSegment;

/// One entry of log.dirs. The first I/O error takes it offline for good (KIP-112); its logs then answer KAFKA_STORAGE_ERROR. A full disk does not: see DirSpace.
class LogDirState {
 public:
  explicit LogDirState(std::string path) : path_(std::move(path)), space_(path_) {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool online() const noexcept { return online_.load(std::memory_order_acquire); }
  [[nodiscard]] DirSpace& space() noexcept { return space_; }
  [[nodiscard]] const DirSpace& space() const noexcept { return space_; }
  /// What an I/O error means for the directory: a full disk makes it full, any other takes it offline. REQUIRES: what failed can be tried again, or was undone.
  void fail(const Error& error);
  /// Takes the directory offline and calls the handler, once.
  void take_offline(const Error& error);
  /// Called with the path, on the thread that met the error. Set before the directory is used.
  void set_handler(std::function<void(const std::string&)> handler) { handler_ = std::move(handler); }
  [[nodiscard]] Error offline_error() const { return Error(ErrorCode::kafka_storage_error, "log directory " + path_ + " is offline"); }

 private:
  std::string path_;
  DirSpace space_;
  std::atomic<bool> online_{true};
  std::function<void(const std::string&)> handler_;
};

/// Blocking work of the logs on the background executor; counted, so that a stop can wait for it.
class BackgroundJobs {
 public:
  explicit BackgroundJobs(Executor executor) : executor_(std::move(executor)) {}
  [[nodiscard]] const Executor& executor() const noexcept { return executor_; }
  /// Exceptions are logged.
  void post(std::function<void()> job);
  /// Blocks until no job is left. REQUIRES: not called from a job.
  void drain();

 private:
  Executor executor_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t running_ = 0;
};

/// Files whose names say `.deleted` and that vanish after file.delete.delay.ms.
class DelayedDeletion {
 public:
  virtual ~DelayedDeletion() = default;
  virtual void delete_later(std::shared_ptr<LogSegment> segment, std::int64_t delay_ms) = 0;
};

struct LogEnvironment {
  FileCache& cache;
  Clock& clock;
  Random& random;
  std::shared_ptr<BackgroundJobs> jobs;
  std::shared_ptr<LogDirState> dir;
  std::shared_ptr<DelayedDeletion> deletion;
  std::int64_t producer_id_expiration_ms = 86'400'000;

  [[nodiscard]] Disk& disk() const noexcept { return cache.disk(); }
};

}  // namespace moldau::storage
