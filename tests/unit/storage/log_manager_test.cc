#include "tests/unit/storage/cold_disk.h"
#include "tests/unit/storage/storage_fixture.h"

#include "storage/log/log_manager_impl.h"

#include <boost/asio/use_future.hpp>

#include <atomic>
#include <condition_variable>
#include <thread>

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

/// A manager over a disk, with a pool of its own.
struct Managed {
  explicit Managed(Disk& d, std::vector<std::string> dirs) : disk(d), random(make_seeded_random(3)) {
    config.log_dirs = std::move(dirs);
    config.load_threads = 1;
    manager = std::make_unique<LogManagerImpl>(config, log_config, LogManager::Seams{disk, clock, *random, pool.get_executor()});
  }
  ~Managed() {
    manager.reset();
    pool.join();
  }
  void up() {
    auto identity = manager->open_dirs();
    if (!identity) FAIL(identity.error().message);
    REQUIRE(manager->write_identity(BrokerId(1), "abcdefghijklmnopqrstuv"));
    auto s = manager->load_logs([](const std::string&) { return nullptr; }, {});
    if (!s) FAIL(s.error().message);
  }
  std::shared_ptr<UnifiedLog> make(const std::string& topic, std::int32_t partition) {
    auto log = manager->get_or_create(TopicPartition{topic, partition}, log_config, true, Uuid{1, static_cast<std::uint64_t>(partition) + 1});
    if (!log) FAIL(log.error().message);
    return std::static_pointer_cast<UnifiedLog>(*log);
  }
  LogAppendInfo append(Log& log, const BatchSpec& spec = {}) {
    auto bytes = make_batch(spec);
    LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
    auto r = boost::asio::co_spawn(pool, log.append_as_leader(a), boost::asio::use_future).get();
    if (!r) FAIL(r.error().message);
    return *r;
  }
  void retention() { boost::asio::co_spawn(pool, manager->run_retention(), boost::asio::use_future).get(); }

  Disk& disk;
  boost::asio::thread_pool pool{2};
  ManualClock clock;
  std::unique_ptr<Random> random;
  LogManagerConfig config;
  std::shared_ptr<config::LogConfig> log_config = std::make_shared<config::LogConfig>();
  std::unique_ptr<LogManagerImpl> manager;
};

std::string text_of(Disk& disk, const std::string& path) {
  auto text = read_whole(disk, path);
  REQUIRE(text);
  return text->value_or("(missing)");
}

}  // namespace

TEST_CASE("LogManager: identity, clean stop and start", "[storage]") {
  SimDisk disk(1);
  {
    Managed m(disk, {"/a", "/b"});
    m.up();
    for (int p = 0; p < 6; ++p) {
      auto log = m.make("t", p);
      for (int i = 0; i <= p; ++i) m.append(*log);
      log->update_high_watermark(Offset(p));
    }
    const auto dirs = m.manager->dirs();
    CHECK(dirs.size() == 2);
    std::size_t in_a = 0;
    for (const auto& log : m.manager->all_logs()) in_a += log->parent_dir() == "/a" ? 1 : 0;
    CHECK(in_a == 3);
    m.manager->shutdown();
  }
  CHECK(text_of(disk, "/a/.kafka_cleanshutdown") == R"({"version":0,"brokerEpoch":-1})");
  CHECK(text_of(disk, "/b/meta.properties").find("broker.id=1\ncluster.id=abcdefghijklmnopqrstuv\nversion=0\n") != std::string::npos);
  {
    Managed m(disk, {"/a", "/b"});
    auto identity = m.manager->open_dirs();
    REQUIRE(identity);
    CHECK(identity->broker_id == BrokerId(1));
    CHECK(identity->cluster_id == "abcdefghijklmnopqrstuv");
    CHECK(m.manager->write_identity(BrokerId(2), "abcdefghijklmnopqrstuv").error().code == ErrorCode::inconsistent_cluster_id);
    CHECK(m.manager->write_identity(BrokerId(1), "other").error().code == ErrorCode::inconsistent_cluster_id);
    std::size_t total = 0;
    REQUIRE(m.manager->load_logs([](const std::string&) { return nullptr; }, [&](std::size_t, std::size_t n) { total = n; }));
    CHECK(total == 6);
    CHECK_FALSE((*disk.stat("/a/.kafka_cleanshutdown")).has_value());
    for (int p = 0; p < 6; ++p) {
      auto log = m.manager->get({"t", p});
      REQUIRE(log);
      CHECK(log->log_end_offset() == Offset(p + 1));
      CHECK(log->high_watermark() == Offset(p));
      CHECK(m.manager->checkpointed_high_watermark({"t", p}) == Offset(p));
      CHECK(log->topic_id() == Uuid{1, static_cast<std::uint64_t>(p) + 1});
    }
    // The lock is held.
    Managed second(disk, {"/a"});
    CHECK(second.manager->open_dirs().error().message.find("Failed to acquire lock on file .lock in /a") == 0);
  }
}

TEST_CASE("LogManager: what stops a start says what to change", "[storage]") {
  SimDisk disk(1);
  const auto refusal = [&](std::vector<std::string> dirs) {
    Managed m(disk, std::move(dirs));
    auto identity = m.manager->open_dirs();
    if (!identity) return identity.error().message;
    auto s = m.manager->load_logs({}, {});
    return s ? std::string() : s.error().message;
  };
  REQUIRE(disk.make_directory("/a/t-0", true));
  REQUIRE(disk.make_directory("/b/t-0", true));
  CHECK(refusal({"/a", "/b"}).find("Duplicate log directories found") == 0);
  CHECK(refusal({"/a", "/a"}).find("twice") != std::string::npos);
  CHECK(refusal({}).find("log.dirs is empty") == 0);
  REQUIRE(disk.make_directory("/c/lost+found", true));
  CHECK(refusal({"/c"}).find("not in the form of topic-partition") != std::string::npos);
  const auto put = [&](const std::string& path, const std::string& text) { REQUIRE((*disk.open(path, OpenMode::truncate))->write_at(0, as_bytes(text))); };
  REQUIRE(disk.make_directory("/k", true));
  put("/k/meta.properties", "version=1\nnode.id=3\n");
  CHECK(refusal({"/k"}).find("KRaft") != std::string::npos);
  REQUIRE(disk.make_directory("/x", true));
  put("/x/meta.properties", "version=0\nbroker.id=3\ncluster.id=abc\n");
  REQUIRE(disk.make_directory("/y", true));
  put("/y/meta.properties", "version=0\nbroker.id=4\ncluster.id=abc\n");
  CHECK(refusal({"/x", "/y"}).find("different brokers") != std::string::npos);
  // Known names that are not served, and plain files, harm nobody.
  for (const char* name : {"/z/t-0.0123456789abcdef0123456789abcdef-future", "/z/t-0.0123456789abcdef0123456789abcdef-stray", "/z/remote-log-index-cache"})
    REQUIRE(disk.make_directory(name, true));
  put("/z/moldau-metadata.db", "x");
  CHECK(refusal({"/z"}).empty());
}

TEST_CASE("LogManager: broken checkpoints", "[storage]") {
  SimDisk disk(1);
  {
    Managed m(disk, {"/a", "/b"});
    m.up();
    m.append(*m.make("t", 0));
    m.append(*m.make("t", 1));
    m.manager->shutdown();
  }
  const auto put = [&](const std::string& path, const std::string& text) { REQUIRE((*disk.open(path, OpenMode::truncate))->write_at(0, as_bytes(text))); };
  put("/a/recovery-point-offset-checkpoint", "nonsense");
  put("/a/log-start-offset-checkpoint", "0\n5\n");
  SECTION("they only save work") {
    put("/b/replication-offset-checkpoint", "7\n0\n");
    Managed m(disk, {"/a", "/b"});
    m.up();
    CHECK(m.manager->all_logs().size() == 2);
  }
  SECTION("a disk that can't read one goes offline") {
    put("/b/replication-offset-checkpoint", "0\n1\nt 1 1\n");
    disk.inject(SimDisk::Operation::read, "/b/replication-offset-checkpoint");
    Managed m(disk, {"/a", "/b"});
    std::string failed;
    m.manager->set_dir_failure_handler([&](const std::string& dir) { failed = dir; });
    m.up();
    CHECK(failed == "/b");
    CHECK(m.manager->all_logs().size() == 1);
    CHECK_FALSE(m.manager->is_dir_online("/b"));
    // A replica that may lie there is not made anew.
    CHECK_FALSE(m.manager->get_or_create(TopicPartition{"t", 1}, m.log_config, false, {}));
    CHECK(m.manager->get_or_create(TopicPartition{"u", 1}, m.log_config, true, {}));
  }
}

TEST_CASE("LogManager: a failing directory goes offline alone", "[storage]") {
  SimDisk disk(1);
  Managed m(disk, {"/a", "/b"});
  std::vector<std::string> failed;
  m.manager->set_dir_failure_handler([&](const std::string& dir) { failed.push_back(dir); });
  m.up();
  auto a = m.make("t", 0);
  auto b = m.make("t", 1);
  if (a->parent_dir() != "/a") std::swap(a, b);
  m.append(*a);
  m.append(*b);
  disk.inject(SimDisk::Operation::write, "/a/", 0, 1000);
  auto bytes = make_batch({});
  LeaderAppend append{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
  CHECK(boost::asio::co_spawn(m.pool, a->append_as_leader(append), boost::asio::use_future).get().error().code == ErrorCode::kafka_storage_error);
  CHECK(failed == std::vector<std::string>{"/a"});
  m.append(*b);
  m.manager->shutdown();
  CHECK((*disk.stat("/b/.kafka_cleanshutdown")).has_value());
  CHECK_FALSE((*disk.stat("/a/.kafka_cleanshutdown")).has_value());
}

TEST_CASE("LogManager: a log that can't be closed costs its directory the marker, nothing else", "[storage]") {
  SimDisk disk(1);
  {
    Managed m(disk, {"/a", "/b"});
    bool failed = false;
    m.manager->set_dir_failure_handler([&](const std::string&) { failed = true; });
    m.up();
    std::map<std::string, std::shared_ptr<UnifiedLog>> of;
    for (int p = 0; p < 6; ++p) {
      auto log = m.make("t", p);
      m.append(*log);
      of[log->parent_dir()] = log;
    }
    disk.inject(SimDisk::Operation::sync, of["/a"]->dir() + "/00000000000000000000.log");
    m.manager->shutdown();
    CHECK_FALSE(failed);
    CHECK((*disk.stat("/b/.kafka_cleanshutdown")).has_value());
    CHECK_FALSE((*disk.stat("/a/.kafka_cleanshutdown")).has_value());
    for (const auto& log : m.manager->unified_logs()) CHECK((log == of["/a"] || log->recovery_point() == Offset(1)));
  }
  Managed m(disk, {"/a", "/b"});
  m.up();
  for (const auto& log : m.manager->all_logs()) CHECK(log->log_end_offset() == Offset(1));
}

TEST_CASE("LogManager: flush.ms passes over a log that is deleted at that moment", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  Managed m(disk, {"/a"});
  m.log_config->flush_ms = 1000;
  m.log_config->file_delete_delay_ms = 0;
  m.up();
  for (int p = 0; p < 4; ++p) m.append(*m.make("t", p));
  m.manager->drain_jobs();
  m.clock.advance(Millis(2000));
  // While one of them is synced the others go, with their files.
  std::size_t deleted = 0;
  disk.before(ColdDisk::Call::sync, ".log", [&](const std::string& path) {
    for (const auto& log : m.manager->unified_logs()) {
      if (path.starts_with(log->dir())) continue;
      REQUIRE(log->try_seal());
      REQUIRE(m.manager->async_delete(log->topic_partition()));
      ++deleted;
    }
    m.manager->run_deletions();
  });
  m.manager->run_flush();
  CHECK(deleted == 3);
  CHECK(m.manager->is_dir_online("/a"));
}

TEST_CASE("LogManager: a start that is stopped in its recovery leaves the rest to the next one", "[storage]") {
  SimDisk disk(1);
  constexpr int kLogs = 6, kBatches = 3000;
  {
    Managed m(disk, {"/clean", "/killed"});
    m.up();
    for (int p = 0; p < kLogs; ++p) {
      auto log = m.make("t", p);
      for (int i = 0; i < (p < 2 ? kBatches : 10); ++i) m.append(*log);
      log->update_high_watermark(log->log_end_offset());
      REQUIRE(log->maybe_increment_log_start_offset(Offset(5)));
    }
    m.manager->shutdown();
  }
  REQUIRE(disk.remove("/killed/.kafka_cleanshutdown"));
  // As if nothing had been known to be on the disk.
  REQUIRE(disk.remove("/killed/recovery-point-offset-checkpoint"));
  const auto starts = text_of(disk, "/clean/log-start-offset-checkpoint");
  std::size_t all = SIZE_MAX;
  for (std::size_t after = 0; after < all; ++after) {
    INFO("stopped at question " << after);
    Managed m(disk, {"/clean", "/killed"});
    REQUIRE(m.manager->open_dirs());
    std::size_t asked = 0;
    const auto s = m.manager->load_logs([](const std::string&) { return nullptr; }, {}, [&] { return asked++ >= after; });
    if (s) {
      all = 0;  // the last round: nobody stopped it
      CHECK(asked > 2 * kBatches / 1024);
    } else {
      CHECK(is_load_stopped(s.error()));
      CHECK(m.manager->any_online());
    }
    m.manager->shutdown();
    // What was not touched, or recovered as a whole, is as good as after any stop.
    CHECK((*disk.stat("/clean/.kafka_cleanshutdown")).has_value());
    CHECK(text_of(disk, "/clean/log-start-offset-checkpoint") == starts);
    const bool recovered = (*disk.stat("/killed/.kafka_cleanshutdown")).has_value();
    CHECK((recovered || !s));
    CHECK((!recovered || after > 0));
    if (recovered && !s) {
      REQUIRE(disk.remove("/killed/.kafka_cleanshutdown"));
      REQUIRE(disk.remove("/killed/recovery-point-offset-checkpoint"));
    }
  }
  Managed m(disk, {"/clean", "/killed"});
  m.up();
  CHECK(m.manager->all_logs().size() == kLogs);
  for (const auto& log : m.manager->all_logs()) {
    CHECK(log->log_end_offset() == Offset(log->topic_partition().partition < 2 ? kBatches : 10));
    CHECK(log->log_start_offset() == Offset(5));
  }
}

TEST_CASE("LogManager: a log directory that was just made survives a power loss", "[storage][sim]") {
  SimDisk disk(1);
  {
    Managed m(disk, {"/deep/er/a"});
    m.up();
    auto log = m.make("t", 0);
    m.append(*log);
    REQUIRE(log->flush_blocking());
  }
  disk.crash();
  Managed m(disk, {"/deep/er/a"});
  m.up();
  REQUIRE(m.manager->get({"t", 0}));
  CHECK(m.manager->get({"t", 0})->log_end_offset() == Offset(1));
}

namespace {

/// A disk on which making a partition's directory takes until a second one is being made too, as long as anyone comes.
class MeetingDisk final : public Disk {
 public:
  explicit MeetingDisk(Disk& below) : below_(below) {}
  [[nodiscard]] bool met() const { return met_; }

  Status make_directory(const std::string& path, bool parents) override {
    if (path.find("/t-") != std::string::npos) {
      std::unique_lock lock(mutex_);
      ++inside_;
      changed_.notify_all();
      if (changed_.wait_for(lock, std::chrono::seconds(10), [&] { return inside_ > 1 || met_; })) met_ = true;
      --inside_;
    }
    return below_.make_directory(path, parents);
  }
  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override { return below_.open(path, mode); }
  Result<std::vector<DirEntry>> list(const std::string& dir) override { return below_.list(dir); }
  Result<std::optional<FileInfo>> stat(const std::string& path) override { return below_.stat(path); }
  Status rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Status remove(const std::string& path) override { return below_.remove(path); }
  Status sync_directory(const std::string& dir) override { return below_.sync_directory(dir); }
  Result<VolumeInfo> volume(const std::string& path) override { return below_.volume(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override { return below_.set_mtime(path, mtime_ms); }

 private:
  Disk& below_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  std::atomic<bool> met_{false};
};

}  // namespace

TEST_CASE("LogManager: a clean stop keeps what is known of producers, power loss or not", "[storage][sim]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    SimDisk disk(seed);
    REQUIRE(disk.make_directory("/d", true));
    REQUIRE(disk.sync_directory("/"));
    BatchSpec spec;
    spec.producer_id = 7;
    spec.epoch = 0;
    spec.sequence = 0;
    {
      Managed m(disk, {"/d"});
      m.log_config->flush_messages = 1;
      m.up();
      const auto log = m.make("t", 0);
      m.append(*log, spec);
      REQUIRE(log->recovery_point() == log->log_end_offset());
      m.manager->shutdown();
    }
    disk.crash();
    Managed m(disk, {"/d"});
    m.up();
    const auto log = m.manager->get({"t", 0});
    REQUIRE(log);
    CHECK(m.append(*log, spec).first_offset == Offset(0));
    CHECK(log->log_end_offset() == Offset(1));
  }
}

TEST_CASE("LogManager: logs of different partitions are created in parallel, one of the same only once", "[storage]") {
  SimDisk sim(1);
  MeetingDisk disk(sim);
  Managed m(disk, {"/a", "/b"});
  m.up();
  std::vector<std::shared_ptr<UnifiedLog>> made(64);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        // Two threads ask for each partition.
        for (std::size_t i = 0; i < 32; ++i) made[t * 16 + i / 2] = m.make("t", static_cast<std::int32_t>((t * 16 + i / 2) % 32));
      });
  }
  CHECK(disk.met());
  CHECK(m.manager->all_logs().size() == 32);
  for (std::size_t i = 0; i < 32; ++i) CHECK(made[i] == made[i + 32]);
  std::size_t in_a = 0;
  for (const auto& log : m.manager->all_logs()) in_a += log->parent_dir() == "/a" ? 1 : 0;
  CHECK(in_a == 16);
}

TEST_CASE("LogManager: deletion renames, then removes after the delay", "[storage]") {
  SimDisk disk(1);
  const std::string long_topic(249, 'x');
  {
    Managed m(disk, {"/a"});
    m.up();
    auto log = m.make("t", 0);
    m.append(*log);
    m.make(long_topic, 3);
    REQUIRE(m.manager->async_delete({"t", 0}));
    REQUIRE(m.manager->async_delete({long_topic, 3}));
    CHECK(m.manager->async_delete({"t", 0}).error().code == ErrorCode::unknown_topic_or_partition);
    CHECK_FALSE(m.manager->get({"t", 0}));
    auto bytes = make_batch({});
    LeaderAppend append{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
    CHECK(boost::asio::co_spawn(m.pool, log->append_as_leader(append), boost::asio::use_future).get().error().code == ErrorCode::kafka_storage_error);
    CHECK(m.manager->is_dir_online("/a"));
    std::size_t renamed = 0;
    for (const auto& e : *disk.list("/a")) {
      if (!e.is_directory) continue;
      ++renamed;
      CHECK(e.name.ends_with("-delete"));
      CHECK(e.name.size() <= 255);
    }
    CHECK(renamed == 2);
    // The same topic may come again at once.
    m.append(*m.make("t", 0));
    m.manager->run_deletions();
    CHECK(m.manager->deletions().size() == 2);
    m.clock.advance(std::chrono::seconds(61));
    m.manager->run_deletions();
    CHECK(m.manager->deletions().size() == 0);
    REQUIRE(m.manager->async_delete({"t", 0}));
    m.manager->shutdown();
  }
  // What was scheduled is scheduled again at the next start.
  Managed m(disk, {"/a"});
  m.up();
  CHECK(m.manager->deletions().size() == 1);
  CHECK(m.manager->all_logs().empty());
  m.clock.advance(std::chrono::seconds(61));
  m.manager->run_deletions();
  for (const auto& e : *disk.list("/a")) CHECK_FALSE(e.is_directory);
}

TEST_CASE("LogManager: retention, checkpoints and flush.ms", "[storage]") {
  SimDisk disk(1);
  Managed m(disk, {"/a"});
  m.log_config->segment_bytes = 300;
  m.log_config->retention_ms = 10'000;
  m.log_config->flush_ms = 1000;
  m.up();
  auto log = m.make("t", 0);
  for (int i = 0; i < 10; ++i) m.append(*log, {.timestamp = m.clock.wall_ms() - 20'000 + i * 2000, .value_size = 60});
  log->update_high_watermark(Offset(10));
  m.retention();
  CHECK(log->log_start_offset() > Offset(3));
  CHECK(log->log_start_offset() < Offset(10));
  REQUIRE(log->maybe_increment_log_start_offset(log->log_start_offset() + 1));
  const auto start = log->log_start_offset();
  m.manager->checkpoint_log_starts();
  m.manager->checkpoint_high_watermarks();
  CHECK(text_of(disk, "/a/log-start-offset-checkpoint") == "0\n1\nt 0 " + std::to_string(start.value()) + "\n");
  CHECK(text_of(disk, "/a/replication-offset-checkpoint") == "0\n1\nt 0 10\n");
  m.append(*log);
  m.manager->run_flush();
  CHECK(log->recovery_point() < log->log_end_offset());
  m.clock.advance(Millis(1001));
  m.manager->run_flush();
  CHECK(log->recovery_point() == log->log_end_offset());
  m.manager->checkpoint_recovery_points();
  CHECK(text_of(disk, "/a/recovery-point-offset-checkpoint") == "0\n1\nt 0 11\n");
}

TEST_CASE("LogManager: on a real disk, with its tasks running", "[storage]") {
  TempDir temp;
  {
    Managed m(posix_disk(), {temp.path() + "/data"});
    m.up();
    m.manager->start();
    for (int p = 0; p < 40; ++p) m.append(*m.make("t", p), {.records = 5});
    m.manager->shutdown();
  }
  Managed m(posix_disk(), {temp.path() + "/data"});
  m.up();
  CHECK(m.manager->all_logs().size() == 40);
  for (const auto& log : m.manager->all_logs()) CHECK(log->log_end_offset() == Offset(5));
  const auto volume = m.manager->dirs()[0];
  CHECK(volume.total_bytes > 0);
  CHECK(volume.usable_bytes > 0);
  m.manager->start();
  m.manager->shutdown();
  m.manager->shutdown();
}

TEST_CASE("Partition directory names", "[storage]") {
  CHECK(parse_partition_dir("a-b-12")->partition == TopicPartition{"a-b", 12});
  CHECK(parse_partition_dir("t-0.0123456789abcdef0123456789abcdef-delete")->kind == PartitionDirKind::to_delete);
  CHECK(parse_partition_dir("t-delete-0")->kind == PartitionDirKind::live);
  CHECK(parse_partition_dir("t.x-future-3")->partition == TopicPartition{"t.x-future", 3});
  for (const char* bad : {"lost+found", "t", "t-", "-1", "t-x", "t-delete", "t--", "a-1b", "", "t-99999999999"}) CHECK_FALSE(parse_partition_dir(bad));
  CHECK(parse_partition_dir("t--1")->partition == TopicPartition{"t-", 1});
}
