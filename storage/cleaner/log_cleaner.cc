#include "storage/cleaner/log_cleaner.h"

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>

#include "config/metric_handles.h"
#include "protocol/base/event.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "protocol/base/virtual_time.h"

namespace moldau::storage {
namespace {

constexpr Millis kStopWait{120'000};

std::size_t share_of(std::int64_t total, std::int32_t threads) { return static_cast<std::size_t>(std::max<std::int64_t>(1, total / std::max(threads, 1))); }

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }

}  // namespace

struct LogCleaner::Worker {
  int id = 0;
  Event stop;
  std::mutex mutex;
  CleanerStats last;                     // of its last pass; under mutex
  std::int64_t compaction_delay_ms = 0;  // found at its last choice; under mutex
};

/// The threads that one configuration asks for.
struct LogCleaner::Crew {
  CleanerConfig config;
  std::unique_ptr<boost::asio::thread_pool> pool;  ///< null under the simulator's time
  Executor executor;
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable stop_told;
  std::list<Worker> workers;  ///< fixed
  TaskGroup group{"log cleaner", LogCategory::cleaner};
};

LogCleaner::LogCleaner(const CleanerConfig& config, Seams seams, std::vector<std::string> dirs, CleanerManager::Logs logs)
    : seams_(std::move(seams)),
      dirs_(std::move(dirs)),
      manager_(seams_.disk, seams_.clock, std::move(logs)),
      throttle_(config.max_io_bytes_per_second, seams_.clock.steady()),
      config_(config),
      crew_(make_crew(config)) {
  register_metrics();
}

LogCleaner::~LogCleaner() {
  shutdown();
  metrics_.clear();
}

std::shared_ptr<LogCleaner::Crew> LogCleaner::make_crew(const CleanerConfig& config) {
  auto crew = std::make_shared<Crew>();
  crew->config = config;
  for (int id = 0; id < std::max(config.threads, 1); ++id) crew->workers.emplace_back().id = id;
  return crew;
}

void LogCleaner::start() {
  const std::lock_guard lifecycle(lifecycle_mutex_);
  if (!std::exchange(started_, true)) start_crew();
}

void LogCleaner::start_crew() {
  std::shared_ptr<Crew> crew;
  {
    const std::lock_guard lock(crew_mutex_);
    crew = crew_;
  }
  MOLDAU_LOG(cleaner, info, "Starting the log cleaner with {} threads", crew->workers.size());
  if (VirtualTime::current() == nullptr) crew->pool = std::make_unique<boost::asio::thread_pool>(crew->workers.size());
  crew->executor = crew->pool ? Executor(crew->pool->get_executor()) : seams_.background;
  for (auto& worker : crew->workers) crew->group.spawn(crew->executor, work(crew, worker));
}

void LogCleaner::stop_crew() {
  std::shared_ptr<Crew> crew;
  {
    const std::lock_guard lock(crew_mutex_);
    crew = crew_;
  }
  {
    const std::lock_guard lock(crew->mutex);
    crew->stopping = true;
  }
  crew->stop_told.notify_all();
  for (auto& worker : crew->workers) worker.stop.set();
  if (!crew->group.join_blocking(kStopWait)) MOLDAU_LOG(cleaner, warn, "{} threads of the log cleaner do not end", crew->group.running());
  if (crew->pool) crew->pool->join();
}

void LogCleaner::shutdown() {
  const std::lock_guard lifecycle(lifecycle_mutex_);
  if (!std::exchange(started_, false)) return;
  stop_crew();
  manager_.note_truncations();
  MOLDAU_LOG(cleaner, info, "The log cleaner has stopped");
}

void LogCleaner::reconfigure(const CleanerConfig& config) {
  const std::lock_guard lifecycle(lifecycle_mutex_);
  if (config == config_) return;
  throttle_.set_rate(config.max_io_bytes_per_second);
  config_ = config;
  if (started_) stop_crew();
  auto crew = make_crew(config);
  {
    const std::lock_guard lock(crew_mutex_);
    crew_ = std::move(crew);
  }
  if (started_) start_crew();
}

Awaitable<void> LogCleaner::work(std::shared_ptr<Crew> crew, Worker& worker) {
  while (!worker.stop.is_set()) {
    bool cleaned = false;
    try {
      cleaned = co_await turn(*crew, worker);
    } catch (const std::exception& e) {
      MOLDAU_LOG(cleaner, err, "Cleaner {}: a turn failed: {}", worker.id, e.what());
    }
    if (!cleaned) co_await worker.stop.wait_for(Millis(crew->config.backoff_ms));
  }
}

Awaitable<bool> LogCleaner::run_once() {
  std::shared_ptr<Crew> crew;
  {
    const std::lock_guard lock(crew_mutex_);
    crew = crew_;
  }
  co_return co_await turn(*crew, crew->workers.front());
}

Awaitable<bool> LogCleaner::turn(Crew& crew, Worker& worker) {
  auto next = manager_.grab_filthiest();
  {
    const std::lock_guard lock(worker.mutex);
    worker.compaction_delay_ms = manager_.max_compaction_delay_ms();
  }
  bool cleaned = false;
  if (next) {
    auto what = std::move(*next);
    cleaned = co_await clean(crew, worker, what);
  }
  co_await apply_retention();
  co_return cleaned;
}

Awaitable<bool> LogCleaner::clean(Crew& crew, Worker& worker, LogToClean what) {
  const auto log = what.log;
  CleanerBuffers buffers;
  buffers.map = {share_of(crew.config.dedupe_buffer_bytes, crew.config.threads), crew.config.load_factor};
  // Kafka 3.9: half of it reads, half of it writes.
  buffers.write_bytes = share_of(crew.config.io_buffer_bytes / 2, crew.config.threads);
  Cleaner cleaner(worker.id, buffers, seams_.clock, seams_.random, [this, &crew, log](std::size_t bytes) { return pace(crew, *log, bytes); });
  Result<CleanerOutcome> outcome = Error(ErrorCode::unknown_server_error, "");
  try {
    outcome = co_await cleaner.clean(what);
  } catch (const std::exception& e) {
    outcome = Error(ErrorCode::unknown_server_error, e.what());
  }
  if (outcome && !outcome->aborted) {
    record(worker, *log, what.first_dirty, *outcome);
    manager_.done(log, outcome->next_dirty);
    co_return true;
  }
  if (outcome && outcome->no_room) {
    manager_.postpone(log);
    co_return false;
  }
  if (outcome) {
    MOLDAU_LOG(cleaner, info, "Cleaner {}: The cleaning of log {} was given up", worker.id, log->topic_partition());
  } else if (outcome.error().code == ErrorCode::kafka_storage_error) {
    log->environment().dir->fail(outcome.error());
    if (is_no_space(outcome.error())) {
      manager_.postpone(log);
      co_return false;
    }
  } else {
    manager_.mark_uncleanable(log, outcome.error().message);
  }
  manager_.release(log);
  co_return false;
}

Awaitable<void> LogCleaner::apply_retention() {
  const auto deletable = manager_.grab_deletable();
  for (const auto& log : deletable) {
    try {
      // An error has taken the log's directory offline already.
      (void)co_await log->delete_old_segments();
    } catch (const std::exception& e) {
      MOLDAU_LOG(cleaner, err, "Retention of {} failed: {}", log->topic_partition(), e.what());
    }
    manager_.release(log);
  }
}

bool LogCleaner::pace(Crew& crew, const UnifiedLog& log, std::size_t bytes) {
  if (crew.stopping || manager_.is_aborted(log)) return false;
  if (bytes == 0) return true;
  config::metrics().cleaner_io.add(bytes);
  const auto wait = throttle_.take(static_cast<double>(bytes), seams_.clock.steady());
  if (wait.count() == 0 || VirtualTime::current() != nullptr) return true;
  std::unique_lock lock(crew.mutex);
  return !crew.stop_told.wait_for(lock, wait, [&crew] { return crew.stopping.load(); });
}

void LogCleaner::record(Worker& worker, const UnifiedLog& log, Offset from, const CleanerOutcome& outcome) {
  const auto& s = outcome.stats;
  MOLDAU_LOG(cleaner, info,
             "Cleaner {} cleaned log {} (dirty section = [{}, {}]): {:.2f} MiB of log processed in {} ms (indexed {:.2f} MiB in {} ms, buffer {:.1f}% full); start size {:.2f} MiB "
             "({} messages), end size {:.2f} MiB ({} messages)",
             worker.id, log.topic_partition(), from, outcome.next_dirty, mib(s.bytes_read), s.total_ms, mib(s.map_bytes_read), s.map_ms, 100 * s.map_utilization,
             mib(s.bytes_read), s.records_read, mib(s.bytes_written), s.records_written);
  if (s.records_without_key > 0)
    MOLDAU_LOG(cleaner, warn, "Found {} messages without a key in {} while it was compacted; they were removed", s.records_without_key, log.topic_partition());
  const std::lock_guard lock(worker.mutex);
  worker.last = s;
}

template <class Value>
double LogCleaner::largest(Value value) const {
  std::shared_ptr<Crew> crew;
  {
    const std::lock_guard lock(crew_mutex_);
    crew = crew_;
  }
  double most = 0;
  for (auto& worker : crew->workers) {
    const std::lock_guard lock(worker.mutex);
    most = std::max(most, static_cast<double>(value(worker)));
  }
  return most;
}

void LogCleaner::register_metrics() {
  auto& m = config::metrics();
  const auto gauge = [this](config::GaugeFamily& family, auto value) {
    metrics_.push_back(family.register_callback([value](const config::Emit& emit) { emit({}, static_cast<double>(static_cast<std::int64_t>(value()))); }));
  };
  gauge(m.cleaner_max_dirty_percent, [this] { return 100 * manager_.max_dirty_ratio(); });
  gauge(m.cleaner_time_since_last_run_ms, [this] { return static_cast<double>(seams_.clock.wall_ms() - manager_.last_run_ms().value_or(seams_.clock.wall_ms())); });
  gauge(m.cleaner_dead_thread_count, [] { return 0.0; });  // the fence of each thread holds
  gauge(m.cleaner_recopy_percent, [this] {
    return 100 * largest([](const Worker& w) { return static_cast<double>(w.last.bytes_written) / static_cast<double>(std::max<std::uint64_t>(w.last.bytes_read, 1)); });
  });
  gauge(m.cleaner_max_buffer_utilization_percent, [this] { return 100 * largest([](const Worker& w) { return w.last.map_utilization; }); });
  gauge(m.cleaner_max_clean_time_secs, [this] { return largest([](const Worker& w) { return static_cast<double>(w.last.total_ms) / 1000; }); });
  gauge(m.cleaner_max_compaction_delay_secs, [this] { return largest([](const Worker& w) { return static_cast<double>(w.compaction_delay_ms) / 1000; }); });
  const auto by_dir = [this](config::GaugeFamily& family, auto value) {
    metrics_.push_back(family.register_callback([this, value](const config::Emit& emit) {
      auto all = manager_.uncleanable();
      for (const auto& dir : dirs_) emit({dir}, value(all[dir]));
    }));
  };
  by_dir(m.cleaner_uncleanable_partitions_count, [](const CleanerManager::Uncleanable& u) { return static_cast<double>(u.partitions); });
  by_dir(m.cleaner_uncleanable_bytes, [](const CleanerManager::Uncleanable& u) { return static_cast<double>(u.bytes); });
}

}  // namespace moldau::storage
