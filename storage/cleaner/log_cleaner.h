// LogCleaner (Kafka 3.9 LogCleaner): the cleaner's threads. Each takes the filthiest log, cleans it, applies retention to compacted logs, and rests when there was
// nothing to clean.
//
// Threads: a pool of its own, one coroutine to a thread; under the simulator's time the background executor. A pass that fails makes its log uncleanable, an
// exception ends at the worker's fence: the cleaner never dies. Methods may be called from any thread but the workers'.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/metrics.h"
#include "protocol/base/async.h"
#include "storage/cleaner/cleaner_config.h"
#include "storage/cleaner/cleaner_manager.h"
#include "storage/cleaner/io_throttle.h"
#include "storage/log/log_compactor.h"

namespace moldau::storage {

class LogCleaner final : public LogCompactor {
 public:
  struct Seams {
    Disk& disk;
    Clock& clock;
    Random& random;
    Executor background;
  };
  /// `dirs` are named by the metrics; `logs` gives the logs of now.
  LogCleaner(const CleanerConfig& config, Seams seams, std::vector<std::string> dirs, CleanerManager::Logs logs);
  ~LogCleaner() override;

  void start() override;
  /// Gives up the passes under way and waits for the threads. Blocking.
  void shutdown() override;
  void on_log_removed(const UnifiedLog& log) override { manager_.on_log_removed(log); }
  void on_log_replaced(const UnifiedLog& from, const std::shared_ptr<UnifiedLog>& to) override { manager_.on_log_replaced(from, to); }
  void pause(TopicPartitionView tp) override { manager_.pause(tp); }
  void resume(TopicPartitionView tp) override { manager_.resume(tp); }
  /// New values of log.cleaner.*; the threads start anew. Blocking.
  void reconfigure(const CleanerConfig& config);

  /// One turn of a thread: cleans a log if one is due, then retention. True when a log was cleaned. For tests; start() does it by itself.
  Awaitable<bool> run_once();
  [[nodiscard]] CleanerManager& manager() noexcept { return manager_; }

 private:
  struct Worker;
  struct Crew;

  std::shared_ptr<Crew> make_crew(const CleanerConfig& config);
  void start_crew();
  void stop_crew();
  Awaitable<void> work(std::shared_ptr<Crew> crew, Worker& worker);
  Awaitable<bool> turn(Crew& crew, Worker& worker);
  Awaitable<bool> clean(Crew& crew, Worker& worker, LogToClean what);
  Awaitable<void> apply_retention();
  /// Waits as the throttle says; false when the crew stops.
  bool pace(Crew& crew, const UnifiedLog& log, std::size_t bytes);
  void record(Worker& worker, const UnifiedLog& log, Offset from, const CleanerOutcome& outcome);
  void register_metrics();
  template <class Value>
  double largest(Value value) const;

  const Seams seams_;
  const std::vector<std::string> dirs_;
  CleanerManager manager_;
  IoThrottle throttle_;
  std::mutex lifecycle_mutex_;  ///< start, shutdown and reconfigure take turns
  CleanerConfig config_;        // under lifecycle_mutex_
  bool started_ = false;        // under lifecycle_mutex_
  mutable std::mutex crew_mutex_;
  std::shared_ptr<Crew> crew_;  // under crew_mutex_
  std::vector<config::MetricFamilyBase::Registration> metrics_;
};

}  // namespace moldau::storage
