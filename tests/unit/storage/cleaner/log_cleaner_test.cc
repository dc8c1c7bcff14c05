#include "storage/cleaner/log_cleaner.h"

#include "compaction_fixture.h"
#include "config/metric_handles.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage::test {
namespace {

constexpr const char* kClean = "/cleaner-offset-checkpoint";

/// A compacted log whose cleaner works by hand.
struct OneLog {
  OneLog() { h.create(); }
  /// `n` records of `keys` keys.
  void fill(int n, int keys) {
    for (int i = 0; i < n; ++i) h.put("key" + std::to_string(i % keys), std::string(40, 'x'));
    h.settle();
  }
  std::optional<Offset> checkpoint(const std::string& dir) {
    auto read = read_offset_checkpoint(disk, dir + kClean);
    REQUIRE(read);
    const auto it = read->find(TopicPartitionView("t", 0));
    return it == read->end() ? std::nullopt : std::optional(it->second);
  }

  SimDisk disk{1};
  CompactionHarness h{disk, "/d"};
};

/// A disk that may be nearly full.
class TightDisk final : public Disk {
 public:
  explicit TightDisk(Disk& below) : below_(below) {}
  std::int64_t usable = std::int64_t{1} << 40;

  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override { return below_.open(path, mode); }
  Result<std::vector<DirEntry>> list(const std::string& dir) override { return below_.list(dir); }
  Result<std::optional<FileInfo>> stat(const std::string& path) override { return below_.stat(path); }
  Status rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Status remove(const std::string& path) override { return below_.remove(path); }
  Status make_directory(const std::string& path, bool parents) override { return below_.make_directory(path, parents); }
  Status sync_directory(const std::string& dir) override { return below_.sync_directory(dir); }
  Result<VolumeInfo> volume(const std::string&) override { return VolumeInfo{std::int64_t{1} << 40, usable}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override { return below_.set_mtime(path, mtime_ms); }

 private:
  Disk& below_;
};

}  // namespace

TEST_CASE("LogCleaner: without room on the disk it waits, and cleans when there is", "[storage][cleaner]") {
  SimDisk below(1);
  TightDisk disk(below);
  CompactionHarness h(disk);
  h.create();
  for (int i = 0; i < 60; ++i) h.put("key" + std::to_string(i % 5), "value");
  h.settle();
  LogCleaner cleaner(CleanerConfig{}, LogCleaner::Seams{disk, h.clock, *h.random, h.io.get_executor()}, {"/d"},
                     [&] { return std::vector<std::shared_ptr<UnifiedLog>>{h.log}; });
  disk.usable = 500'000;
  CHECK_FALSE(h.run(cleaner.run_once()));
  CHECK(h.records().size() == 60);
  CHECK_FALSE(h.has_leftovers());
  CHECK(h.dir_state->online());
  disk.usable = std::int64_t{1} << 40;
  CHECK_FALSE(h.run(cleaner.run_once()));  // not at once again
  h.clock.advance(Millis(300'000));
  CHECK(h.run(cleaner.run_once()));
  CHECK(h.records().size() == 5);
}

TEST_CASE("LogCleaner: the filthiest log first, each to its end, with a checkpoint", "[storage][cleaner]") {
  OneLog one;
  one.fill(60, 10);
  auto cleaner = LogCleaner(CleanerConfig{}, LogCleaner::Seams{one.disk, one.h.clock, *one.h.random, one.h.io.get_executor()}, {"/d"},
                            [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  const auto before = one.h.table();
  CHECK(one.h.run(cleaner.run_once()));
  CHECK(one.checkpoint("/d") == Offset(60));
  CHECK(one.h.table() == before);
  CHECK(one.h.records().size() == 10);
  CHECK_FALSE(one.h.run(cleaner.run_once()));
  // Not dirty enough any more: one in sixty.
  one.h.config->min_cleanable_dirty_ratio = 0.9;
  one.h.put("key1", "again");
  one.h.settle();
  CHECK_FALSE(one.h.run(cleaner.run_once()));
  CHECK(cleaner.manager().max_dirty_ratio() > 0);
  one.h.config->min_cleanable_dirty_ratio = 0.01;
  CHECK(one.h.run(cleaner.run_once()));
  CHECK(one.checkpoint("/d") == Offset(61));
  // What a run of today starts from.
  auto again = LogCleaner(CleanerConfig{}, LogCleaner::Seams{one.disk, one.h.clock, *one.h.random, one.h.io.get_executor()}, {"/d"},
                          [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  CHECK_FALSE(one.h.run(again.run_once()));
}

TEST_CASE("LogCleaner: a log that can't be compacted is named and left alone, the others go on", "[storage][cleaner]") {
  SimDisk disk(1);
  ManualClock clock;
  boost::asio::io_context io;
  auto random = make_seeded_random(1);
  LogManagerConfig config;
  config.log_dirs = {"/a"};
  config.load_threads = 1;
  auto log_config = std::make_shared<config::LogConfig>();
  log_config->cleanup_compact = true;
  log_config->cleanup_delete = false;
  log_config->segment_bytes = 500;
  log_config->min_cleanable_dirty_ratio = 0.01;
  LogManagerImpl manager(config, log_config, LogManager::Seams{disk, clock, *random, io.get_executor()});
  LogCleaner cleaner(CleanerConfig{}, LogCleaner::Seams{disk, clock, *random, io.get_executor()}, {"/a"}, [&] { return manager.unified_logs(); });
  REQUIRE(manager.open_dirs());
  REQUIRE(manager.load_logs(nullptr, nullptr));
  const auto drain = [&] {
    io.restart();
    io.run();
  };
  const auto run = [&](auto work) {
    using T = typename decltype(work)::value_type;
    std::optional<T> result;
    boost::asio::co_spawn(io, [&result, w = std::move(work)]() mutable -> Awaitable<void> { result.emplace(co_await std::move(w)); }, boost::asio::detached);
    drain();
    REQUIRE(result.has_value());
    return *result;
  };
  for (const char* topic : {"bad", "good"}) {
    auto log = *manager.get_or_create({topic, 0}, log_config, true, TopicId{});
    for (int i = 0; i < 40; ++i) {
      auto bytes = make_keyed(KeyedBatch{.records = {{"key" + std::to_string(i % 5), "value"}}});
      const LeaderAppend append{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
      REQUIRE(run(log->append_as_leader(append)));
    }
    log->update_high_watermark(log->log_end_offset());
  }
  auto file = *disk.open("/a/bad-0/" + segment_file_name(0, ".log"), OpenMode::write);
  std::byte b{1};
  REQUIRE(file->write_at(70, {&b, 1}));
  run(cleaner.run_once());
  run(cleaner.run_once());
  CHECK_FALSE(run(cleaner.run_once()));
  const auto offsets = *read_offset_checkpoint(disk, std::string("/a") + kClean);
  CHECK(offsets.contains(TopicPartitionView("good", 0)));
  CHECK_FALSE(offsets.contains(TopicPartitionView("bad", 0)));
  const auto uncleanable = cleaner.manager().uncleanable();
  REQUIRE(uncleanable.contains("/a"));
  CHECK(uncleanable.at("/a").partitions == 1);
  CHECK(uncleanable.at("/a").bytes > 0);
  CHECK(manager.is_dir_online("/a"));
  bool shown = false;
  for (const auto& family : config::collect_metrics())
    if (family.name == "kafka_log_logcleanermanager_uncleanable_partitions_count")
      for (const auto& sample : family.samples) shown = shown || sample.value == 1;
  CHECK(shown);
  // Retention goes on.
  auto with_retention = std::make_shared<config::LogConfig>(*log_config);
  with_retention->cleanup_delete = true;
  with_retention->retention_ms = 1000;
  const auto bad = manager.get(TopicPartitionView("bad", 0));
  bad->update_config(with_retention);
  clock.advance(Millis(86'400'000));
  run(cleaner.run_once());
  CHECK(bad->log_start_offset() == Offset(40));
  CHECK(cleaner.manager().uncleanable().at("/a").partitions == 1);
  // Deleted, it is not uncleanable any more.
  run([](std::shared_ptr<Log> log) -> Awaitable<bool> {
    co_await log->seal();
    co_return true;
  }(manager.get(TopicPartitionView("bad", 0))));
  auto log = manager.unified_logs();
  REQUIRE(manager.async_delete(TopicPartitionView("bad", 0)));
  for (const auto& l : log)
    if (l->topic_partition().topic == "bad") cleaner.on_log_removed(*l);
  CHECK(cleaner.manager().uncleanable().empty());
  drain();
}

TEST_CASE("CleanerManager: paused partitions are left alone; a pass under way ends", "[storage][cleaner]") {
  OneLog one;
  one.fill(60, 10);
  CleanerManager manager(one.disk, one.h.clock, [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  const TopicPartitionView tp("t", 0);
  manager.pause(tp);
  manager.pause(tp);
  CHECK_FALSE(manager.grab_filthiest().has_value());
  manager.resume(tp);
  CHECK_FALSE(manager.grab_filthiest().has_value());
  CHECK(manager.grab_deletable().empty());
  manager.resume(tp);
  auto grabbed = manager.grab_filthiest();
  REQUIRE(grabbed);
  CHECK(manager.is_cleaning(tp));
  CHECK_FALSE(manager.is_aborted(*grabbed->log));
  CHECK_FALSE(manager.grab_filthiest().has_value());
  CHECK(grabbed->log->being_cleaned());
  manager.pause(tp);
  CHECK(manager.is_aborted(*grabbed->log));
  manager.release(grabbed->log);
  CHECK_FALSE(manager.is_cleaning(tp));
  CHECK_FALSE(grabbed->log->being_cleaned());
  CHECK_FALSE(manager.grab_filthiest().has_value());
  manager.resume(tp);
  CHECK(manager.grab_filthiest().has_value());
}

TEST_CASE("CleanerManager: a log in another directory goes on where the one was that it replaces", "[storage][cleaner]") {
  OneLog one;
  one.fill(60, 10);
  CompactionHarness there{one.disk, "/e"};
  there.create();
  auto shown = one.h.log;
  CleanerManager manager(one.disk, one.h.clock, [&] { return std::vector<std::shared_ptr<UnifiedLog>>{shown}; });
  manager.done(manager.grab_filthiest()->log, Offset(50));
  CHECK(one.checkpoint("/d") == Offset(50));
  const bool broken = GENERATE(false, true);
  if (broken) manager.mark_uncleanable(one.h.log, "broken");
  manager.on_log_replaced(*one.h.log, there.log);
  shown = there.log;
  CHECK(one.checkpoint("/d") == std::nullopt);
  CHECK(one.checkpoint("/e") == Offset(50));
  CHECK(manager.uncleanable().contains("/e") == broken);
}

TEST_CASE("CleanerManager: truncation lowers the checkpoint; a checkpoint beyond the log is reset; a removed log's goes", "[storage][cleaner]") {
  OneLog one;
  one.fill(60, 10);
  CleanerManager manager(one.disk, one.h.clock, [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  manager.done(manager.grab_filthiest()->log, Offset(60));
  CHECK(one.checkpoint("/d") == Offset(60));
  REQUIRE(one.h.run(one.h.log->truncate_to(Offset(30))));
  one.fill(60, 10);
  auto grabbed = manager.grab_filthiest();
  REQUIRE(grabbed);
  CHECK(grabbed->first_dirty == Offset(30));
  CHECK(one.checkpoint("/d") == Offset(30));
  manager.done(grabbed->log, Offset(60));
  REQUIRE(one.h.run(one.h.log->truncate_to(Offset(40))));
  manager.note_truncations();  // at a stop nobody chooses any more
  CHECK(one.checkpoint("/d") == Offset(40));
  one.fill(60, 10);
  grabbed = manager.grab_filthiest();
  REQUIRE(grabbed);
  CHECK(grabbed->first_dirty == Offset(40));
  manager.done(grabbed->log, Offset(5000));
  grabbed = manager.grab_filthiest();
  REQUIRE(grabbed);
  CHECK(grabbed->first_dirty == Offset(0));
  manager.release(grabbed->log);
  one.h.log->try_seal();
  manager.on_log_removed(*one.h.log);
  CHECK_FALSE(one.checkpoint("/d").has_value());
  REQUIRE(one.h.log->close(false));
}

TEST_CASE("CleanerManager: an unreadable checkpoint is taken as empty", "[storage][cleaner]") {
  OneLog one;
  one.fill(60, 10);
  REQUIRE((*one.disk.open(std::string("/d") + kClean, OpenMode::create))->write_at(0, as_bytes("0\n7\nnonsense\n")));
  CleanerManager manager(one.disk, one.h.clock, [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  REQUIRE(manager.grab_filthiest());
}

TEST_CASE("LogCleaner: retention of a compacted log is its work", "[storage][cleaner]") {
  OneLog one;
  one.h.config->cleanup_delete = true;
  one.h.config->retention_ms = 1000;
  one.fill(60, 60);
  one.h.clock.advance(Millis(10'000));
  LogCleaner cleaner(CleanerConfig{}, LogCleaner::Seams{one.disk, one.h.clock, *one.h.random, one.h.io.get_executor()}, {"/d"},
                     [&] { return std::vector<std::shared_ptr<UnifiedLog>>{one.h.log}; });
  one.h.run(cleaner.run_once());
  CHECK(one.h.log->log_start_offset() == Offset(60));
  CHECK_FALSE(one.h.log->being_cleaned());
}

TEST_CASE("LogCleaner: its threads clean what comes, stop at once, and take new settings", "[storage][cleaner]") {
  TempDir temp;
  boost::asio::thread_pool pool(2);
  auto random = make_system_random();
  LogManagerConfig config;
  config.log_dirs = {temp.path() + "/logs"};
  auto log_config = std::make_shared<config::LogConfig>();
  log_config->cleanup_compact = true;
  log_config->cleanup_delete = false;
  log_config->segment_bytes = 2000;
  log_config->file_delete_delay_ms = 0;
  log_config->min_cleanable_dirty_ratio = 0.01;
  LogManagerImpl manager(config, log_config, LogManager::Seams{posix_disk(), system_clock(), *random, pool.get_executor()});
  CleanerConfig settings;
  settings.threads = 2;
  settings.backoff_ms = 5;
  auto made = std::make_unique<LogCleaner>(settings, LogCleaner::Seams{posix_disk(), system_clock(), *random, pool.get_executor()}, config.log_dirs,
                                           [&manager] { return manager.unified_logs(); });
  auto& cleaner = *made;
  manager.set_compactor(std::move(made));
  REQUIRE(manager.open_dirs());
  REQUIRE(manager.load_logs(nullptr, nullptr));
  manager.start();
  boost::asio::io_context io;
  const auto append = [&](const std::shared_ptr<Log>& log, int i) {
    auto bytes = make_keyed(KeyedBatch{.records = {{"key" + std::to_string(i % 7), "value" + std::to_string(i)}}, .timestamp = system_clock().wall_ms()});
    const LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
    std::optional<bool> ok;
    boost::asio::co_spawn(
        io, [&]() -> Awaitable<void> { ok = (co_await log->append_as_leader(a)).has_value(); }, boost::asio::detached);
    io.restart();
    io.run();
    REQUIRE(ok == true);
    log->update_high_watermark(log->log_end_offset());
  };
  std::vector<std::shared_ptr<Log>> logs;
  for (int p = 0; p < 4; ++p) logs.push_back(*manager.get_or_create({"t", p}, log_config, true, TopicId{}));
  const auto eventually_small = [&] {
    for (int wait = 0; wait < 2000; ++wait) {
      std::size_t most = 0;
      for (const auto& log : logs) most = std::max(most, static_cast<std::size_t>(log->size_bytes()));
      if (most < 6000) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  for (int i = 0; i < 400; ++i)
    for (const auto& log : logs) append(log, i);
  CHECK(eventually_small());
  settings.threads = 1;
  settings.max_io_bytes_per_second = 1e9;
  cleaner.reconfigure(settings);
  for (int i = 0; i < 400; ++i)
    for (const auto& log : logs) append(log, i);
  CHECK(eventually_small());
  // A stop in the middle of slow work doesn't wait for it.
  settings.max_io_bytes_per_second = 100;
  cleaner.reconfigure(settings);
  for (int i = 0; i < 400; ++i)
    for (const auto& log : logs) append(log, i);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto began = std::chrono::steady_clock::now();
  logs.clear();
  manager.shutdown();
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
}

}  // namespace moldau::storage::test
