// Starts of a LogManager on damaged log directories, and starts that serve what they have while they recover the rest.
#include "tests/unit/storage/cold_disk.h"
#include "tests/unit/storage/storage_fixture.h"

#include <boost/asio/use_future.hpp>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>

#include "config/metric_handles.h"
#include "storage/log/log_manager_impl.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

constexpr std::chrono::seconds kDeadline{20};
constexpr Millis kPatience{30};
const std::string kCluster = "abcdefghijklmnopqrstuv";

/// A manager over a disk, with a pool of its own.
struct Started {
  Started(Disk& disk, std::vector<std::string> dirs, std::int32_t load_threads = 1) : random(make_seeded_random(3)) {
    LogManagerConfig config;
    config.log_dirs = std::move(dirs);
    config.load_threads = load_threads;
    manager = std::make_unique<LogManagerImpl>(config, log_config, LogManager::Seams{disk, clock, *random, pool.get_executor()});
  }
  ~Started() {
    manager.reset();
    pool.join();
  }
  Status up(std::optional<Millis> patience = std::nullopt) {
    if (auto identity = manager->open_dirs(); !identity) return identity.error();
    if (auto s = manager->write_identity(BrokerId(1), kCluster); !s) return s;
    return manager->load_logs(nullptr, nullptr, {}, patience);
  }
  std::shared_ptr<UnifiedLog> make(const std::string& topic, std::int32_t partition = 0) {
    auto log = manager->get_or_create(TopicPartition{topic, partition}, log_config, true, Uuid{1, static_cast<std::uint64_t>(partition) + 1});
    if (!log) FAIL(log.error().message);
    return std::static_pointer_cast<UnifiedLog>(*log);
  }
  void append(Log& log, int batches = 1) {
    for (int i = 0; i < batches; ++i) {
      auto bytes = make_batch({});
      LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
      auto r = boost::asio::co_spawn(pool, log.append_as_leader(a), boost::asio::use_future).get();
      if (!r) FAIL(r.error().message);
    }
  }

  boost::asio::thread_pool pool{2};
  ManualClock clock;
  std::unique_ptr<Random> random;
  std::shared_ptr<config::LogConfig> log_config = std::make_shared<config::LogConfig>();
  std::unique_ptr<LogManagerImpl> manager;
};

/// Three partitions in /a (one with its log start raised), two in /b; the marker of the clean stop is taken away.
void fill_killed(Disk& disk) {
  Started m(disk, {"/a", "/b"});
  REQUIRE(m.up());
  for (int p = 0; p < 5; ++p) {
    auto log = m.make("t", p);
    m.append(*log, 10);
    log->update_high_watermark(Offset(8));
    if (p == 0) REQUIRE(log->maybe_increment_log_start_offset(Offset(4)));
  }
  m.manager->shutdown();
  REQUIRE(disk.remove("/a/.kafka_cleanshutdown"));
  REQUIRE(disk.remove("/b/.kafka_cleanshutdown"));
}

std::string text_of(Disk& disk, const std::string& path) {
  auto text = read_whole(disk, path);
  REQUIRE(text);
  return text->value_or("(missing)");
}

void put(Disk& disk, const std::string& path, std::string_view text) { REQUIRE((*disk.open(path, OpenMode::truncate))->write_at(0, as_bytes(text))); }

std::size_t kept_aside(Disk& disk, const std::string& dir, const std::string& name) {
  std::size_t n = 0;
  for (const auto& e : *disk.list(dir)) n += e.name.starts_with(name + ".corrupt-") ? 1 : 0;
  return n;
}

/// Opens once; who waits longer than the deadline goes on.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    met_ = true;
    changed_.notify_all();
    (void)changed_.wait_for(lock, kDeadline, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool met() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [this] { return met_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  bool met_ = false;
};

/// Two logs in a directory that was not stopped cleanly: `fast`, and `slow`, whose recovery waits at a gate.
struct HalfRecovered {
  HalfRecovered() {
    {
      Started before(below, {"/d"});
      REQUIRE(before.up());
      before.append(*before.make("fast"), 5);
      auto slow = before.make("slow");
      before.append(*slow, 50);
      slow->update_high_watermark(Offset(40));
      REQUIRE(slow->maybe_increment_log_start_offset(Offset(3)));
      before.manager->shutdown();
    }
    REQUIRE(below.remove("/d/.kafka_cleanshutdown"));
    REQUIRE(below.remove("/d/recovery-point-offset-checkpoint"));
    disk.before(ColdDisk::Call::read, "/slow-0/00000000000000000000.log", [this](const std::string&) { gate.wait(); });
    m.emplace(disk, std::vector<std::string>{"/d"}, 2);
    m->manager->set_loaded_listener([this] {
      const std::lock_guard lock(mutex);
      ++told;
      changed.notify_all();
    });
    const auto s = m->up(kPatience);
    if (!s) FAIL(s.error().message);
    REQUIRE(gate.met());
    // The other one has its thread; it is done when both were told of, or the slow one waits alone.
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, kDeadline, [this] { return told >= 1; }));
  }
  ~HalfRecovered() {
    gate.open();
    m.reset();
  }
  void let_go() {
    gate.open();
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, kDeadline, [this] { return told >= 2; }));
  }

  SimDisk below{1};
  ColdDisk disk{below};
  Gate gate;
  std::mutex mutex;
  std::condition_variable changed;
  int told = 0;
  std::optional<Started> m;
};

}  // namespace

TEST_CASE("Start: checkpoints in any bad state cost time, never records", "[storage]") {
  const std::pair<const char*, std::string> damages[] = {{"missing", ""},
                                                         {"empty", ""},
                                                         {"garbage", "\x01\x02 no checkpoint"},
                                                         {"other version", "1\n0\n"},
                                                         {"cut", "0\n5\nt 0 1"},
                                                         {"no number", "0\n1\nt x 3\n"},
                                                         {"negative", "0\n1\nt 0 -7\n"},
                                                         {"too far", "0\n1\nt 1 999999999999\n"}};
  for (const char* file : {kRecoveryPointFile, kLogStartFile, kHighWatermarkFile}) {
    for (const auto& [how, content] : damages) {
      CAPTURE(file, how);
      SimDisk disk(1);
      fill_killed(disk);
      const std::string path = std::string("/a/") + file;
      if (how == std::string_view("missing"))
        REQUIRE(disk.remove(path));
      else
        put(disk, path, content);
      put(disk, path + ".tmp", "half");
      const bool far_start = file == std::string_view(kLogStartFile) && how == std::string_view("too far");
      {
        Started m(disk, {"/a", "/b"});
        REQUIRE(m.up());
        CHECK(m.manager->is_dir_online("/a"));
        CHECK(m.manager->all_logs().size() == 5);
        for (int p = 0; p < 5; ++p) {
          CAPTURE(p);
          const auto log = m.manager->get({"t", p});
          REQUIRE(log);
          if (far_start && log->log_start_offset() > Offset(10)) continue;  // its records are beside it: recovery_damage_test.cc
          CHECK(log->log_end_offset() == Offset(10));
          CHECK(log->log_start_offset() <= Offset(4));
          CHECK(log->high_watermark() <= Offset(10));
        }
        m.manager->shutdown();
      }
      const bool unreadable = how == std::string_view("garbage") || how == std::string_view("other version") || how == std::string_view("cut") ||
                              how == std::string_view("no number");
      CHECK(kept_aside(disk, "/a", file) == (unreadable ? 1 : 0));
      // The next start finds nothing wrong any more.
      Started m(disk, {"/a", "/b"});
      REQUIRE(m.up());
      CHECK(m.manager->all_logs().size() == 5);
      CHECK(kept_aside(disk, "/a", file) == (unreadable ? 1 : 0));
    }
  }
}

TEST_CASE("Start: meta.properties in any bad state", "[storage]") {
  SimDisk disk(1);
  fill_killed(disk);
  const auto whole = text_of(disk, "/a/meta.properties");
  SECTION("missing, empty or blank: written again") {
    for (const std::string& content : {std::string(), std::string("\n \n"), std::string(40, '\0')}) {
      put(disk, "/a/meta.properties", content);
      Started m(disk, {"/a", "/b"});
      REQUIRE(m.up());
      CHECK(m.manager->is_dir_online("/a"));
      CHECK(text_of(disk, "/a/meta.properties").find("cluster.id=" + kCluster + "\nversion=0\n") != std::string::npos);
    }
  }
  SECTION("broken: its directory goes offline alone, and the file stays as it is") {
    for (const std::string& content :
         {std::string("garbage"), whole.substr(0, whole.size() / 2), std::string("version=0\nbroker.id=one\n"), std::string("version=9\n")}) {
      CAPTURE(content);
      put(disk, "/a/meta.properties", content);
      {
        Started m(disk, {"/a", "/b"});
        REQUIRE(m.up());
        CHECK_FALSE(m.manager->is_dir_online("/a"));
        CHECK(m.manager->is_dir_online("/b"));
        CHECK(m.manager->all_logs().size() == 2);
        m.manager->shutdown();
        CHECK(text_of(disk, "/a/meta.properties") == content);
        REQUIRE(disk.remove("/b/.kafka_cleanshutdown"));
      }
      Started alone(disk, {"/a"});
      const auto refused = alone.up();
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message.find("/a/meta.properties") != std::string::npos);
    }
  }
  SECTION("of a KRaft broker: refused") {
    put(disk, "/a/meta.properties", "version=1\nnode.id=1\ncluster.id=" + kCluster + "\n");
    Started m(disk, {"/a", "/b"});
    const auto refused = m.up();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("KRaft") != std::string::npos);
  }
}

TEST_CASE("Start: what lies in a log directory beside its logs", "[storage]") {
  SimDisk disk(1);
  fill_killed(disk);
  put(disk, "/a/notes", "mine");
  put(disk, "/a/x-7", "a file with a partition's name");
  put(disk, "/a/.kafka_cleanshutdown.tmp", "");
  put(disk, "/b/.kafka_cleanshutdown", "whatever");  // only its existence counts
  REQUIRE(disk.make_directory("/a/gone-0.0123456789abcdef0123456789abcdef-delete/deep", true));
  REQUIRE(disk.make_directory("/a/odd-3.0123456789abcdef0123456789abcdef-stray", true));
  Started m(disk, {"/a", "/b"});
  REQUIRE(m.up());
  CHECK(m.manager->all_logs().size() == 5);
  CHECK(text_of(disk, "/a/notes") == "mine");
  CHECK(text_of(disk, "/a/x-7") == "a file with a partition's name");
  CHECK((*disk.stat("/a/odd-3.0123456789abcdef0123456789abcdef-stray")).has_value());
  m.clock.advance(Millis(m.log_config->file_delete_delay_ms + 1));
  m.manager->run_deletions();
  CHECK_FALSE((*disk.stat("/a/gone-0.0123456789abcdef0123456789abcdef-delete")).has_value());
}

TEST_CASE("Start: one log that can't be loaded leaves the others alone", "[storage]") {
  TempDir temp;
  const auto dir = temp.path() + "/data";
  {
    Started m(posix_disk(), {dir});
    REQUIRE(m.up());
    for (int p = 0; p < 3; ++p) {
      auto log = m.make("t", p);
      m.append(*log, 10);
      log->update_high_watermark(Offset(9));
      REQUIRE(log->maybe_increment_log_start_offset(Offset(2 + p)));
    }
    m.manager->shutdown();
  }
  const auto log = dir + "/t-1/00000000000000000000.log";
  std::filesystem::rename(log, temp.path() + "/kept");
  std::filesystem::create_symlink(temp.path() + "/nowhere", log);
  for (const bool clean : {true, false}) {
    CAPTURE(clean);
    if (!clean) std::filesystem::remove(dir + "/.kafka_cleanshutdown");
    Started m(posix_disk(), {dir});
    REQUIRE(m.up());
    CHECK(m.manager->is_dir_online(dir));
    CHECK(m.manager->get({"t", 0}));
    CHECK_FALSE(m.manager->get({"t", 1}));
    CHECK(m.manager->get({"t", 2}));
    const auto refused = m.manager->get_or_create(TopicPartition{"t", 1}, m.log_config, false, Uuid{1, 2});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kafka_storage_error);
    const auto progress = m.manager->load_progress();
    REQUIRE(progress.dirs.size() == 1);
    CHECK(progress.dirs[0].failed_logs == 1);
    CHECK(progress.remaining_logs() == 0);
    m.append(*m.manager->get({"t", 0}));
    m.manager->shutdown();
    // What is known of it is not forgotten.
    for (const char* file : {kRecoveryPointFile, kLogStartFile, kHighWatermarkFile})
      CHECK(text_of(posix_disk(), dir + "/" + file).find("t 1 ") != std::string::npos);
  }
  std::filesystem::remove(log);
  std::filesystem::rename(temp.path() + "/kept", log);
  Started m(posix_disk(), {dir});
  REQUIRE(m.up());
  REQUIRE(m.manager->get({"t", 1}));
  CHECK(m.manager->get({"t", 1})->log_start_offset() == Offset(3));
  CHECK(m.manager->get({"t", 1})->log_end_offset() == Offset(10));
  CHECK(m.manager->get({"t", 0})->log_end_offset() == Offset(12));
}

TEST_CASE("Start: logs that are loaded serve while others are recovered", "[storage]") {
  HalfRecovered h;
  auto& manager = *h.m->manager;
  REQUIRE(manager.get({"fast", 0}));
  h.m->append(*manager.get({"fast", 0}));
  CHECK(manager.get({"fast", 0})->log_end_offset() == Offset(6));
  CHECK_FALSE(manager.get({"slow", 0}));
  CHECK(manager.is_loading({"slow", 0}));
  const auto refused = manager.get_or_create(TopicPartition{"slow", 0}, h.m->log_config, false, Uuid{1, 1});
  REQUIRE_FALSE(refused);
  CHECK(is_still_loading(refused.error()));
  CHECK(h.m->make("new")->log_end_offset() == Offset(0));

  const auto progress = manager.load_progress();
  REQUIRE(progress.dirs.size() == 1);
  CHECK(progress.dirs[0].path == "/d");
  CHECK(progress.dirs[0].recovering);
  CHECK(progress.dirs[0].logs == 2);
  CHECK(progress.dirs[0].remaining_logs == 1);
  CHECK(progress.dirs[0].remaining.segments == 1);
  CHECK(progress.dirs[0].remaining.bytes > 50 * 61);
  double shown = -1;
  for (const auto& family : config::collect_metrics())
    if (family.name == "kafka_log_logmanager_remaininglogstorecover")
      for (const auto& sample : family.samples)
        if (sample.labels == std::vector<std::pair<std::string, std::string>>{{"dir", "/d"}}) shown = sample.value;
  CHECK(shown == 1);

  // A crash now must not forget what the checkpoints knew of the one that is missing.
  manager.checkpoint_recovery_points();
  manager.checkpoint_log_starts();
  manager.checkpoint_high_watermarks();
  CHECK(text_of(h.disk, "/d/log-start-offset-checkpoint").find("slow 0 3\n") != std::string::npos);
  CHECK(text_of(h.disk, "/d/replication-offset-checkpoint").find("slow 0 40\n") != std::string::npos);

  h.let_go();
  CHECK_FALSE(manager.is_loading({"slow", 0}));
  const auto slow = manager.get_or_create(TopicPartition{"slow", 0}, h.m->log_config, false, Uuid{1, 1});
  REQUIRE(slow);
  CHECK((*slow)->log_start_offset() == Offset(3));
  CHECK((*slow)->log_end_offset() == Offset(50));
  CHECK((*slow)->high_watermark() == Offset(40));
  CHECK(manager.load_progress().dirs.empty());
  manager.shutdown();
  CHECK((*h.disk.stat("/d/.kafka_cleanshutdown")).has_value());
}

TEST_CASE("Start: a stop in the middle of recovery keeps what is recovered", "[storage]") {
  HalfRecovered h;
  h.m->append(*h.m->manager->get({"fast", 0}));
  auto stopping = std::async(std::launch::async, [&] { h.m->manager->shutdown(); });
  h.gate.open();
  REQUIRE(stopping.wait_for(kDeadline) == std::future_status::ready);
  CHECK(text_of(h.disk, "/d/recovery-point-offset-checkpoint").find("fast 0 6\n") != std::string::npos);
  CHECK(text_of(h.disk, "/d/log-start-offset-checkpoint").find("slow 0 3\n") != std::string::npos);
  h.m.reset();
  h.m.emplace(h.disk, std::vector<std::string>{"/d"}, 1);
  REQUIRE(h.m->up());
  CHECK(h.m->manager->get({"fast", 0})->log_end_offset() == Offset(6));
  CHECK(h.m->manager->get({"slow", 0})->log_end_offset() == Offset(50));
  CHECK(h.m->manager->get({"slow", 0})->log_start_offset() == Offset(3));
}

TEST_CASE("Start: a topic is deleted while its log is recovered", "[storage]") {
  HalfRecovered h;
  auto deleting = std::async(std::launch::async, [&] { return h.m->manager->async_delete({"slow", 0}); });
  h.gate.open();
  REQUIRE(deleting.wait_for(kDeadline) == std::future_status::ready);
  CHECK(deleting.get());
  CHECK_FALSE(h.m->manager->is_loading({"slow", 0}));
  CHECK_FALSE((*h.disk.stat("/d/slow-0")).has_value());
  // Its name is free.
  CHECK(h.m->make("slow")->log_end_offset() == Offset(0));
  CHECK(h.m->make("slow")->log_start_offset() == Offset(0));
  h.m->clock.advance(Millis(h.m->log_config->file_delete_delay_ms + 1));
  h.m->manager->run_deletions();
  for (const auto& e : *h.disk.list("/d")) CHECK(e.name.find("-delete") == std::string::npos);
  h.m->manager->shutdown();
  CHECK(text_of(h.disk, "/d/log-start-offset-checkpoint").find("slow") == std::string::npos);
}

TEST_CASE("LoadQueue: cheap logs first, from both ends, and what is left", "[storage]") {
  LoadQueue queue;
  std::vector<std::unique_ptr<LoadQueue::Job>> jobs;
  for (const std::uint64_t bytes : {500, 10, 3000, 0}) {
    auto job = std::make_unique<LoadQueue::Job>();
    job->partition = TopicPartition{"t", static_cast<std::int32_t>(bytes)};
    job->work = RecoveryWork{bytes / 10, bytes};
    jobs.push_back(std::move(job));
  }
  queue.fill({LoadQueue::DirInfo{"/d", true}}, std::move(jobs));
  auto* cheap = queue.take(LoadQueue::End::cheapest, 0);
  auto* dear = queue.take(LoadQueue::End::costliest, 1);
  CHECK(cheap->work.bytes == 0);
  CHECK(dear->work.bytes == 3000);
  dear->read(1000);
  dear->segment_done();
  auto p = queue.progress(2);
  REQUIRE(p.dirs.size() == 1);
  CHECK(p.dirs[0].remaining_logs == 4);
  CHECK(p.dirs[0].remaining.bytes == 2510);
  CHECK(p.dirs[0].thread_segments == std::vector<std::size_t>{0, 299});
  dear->read(5000);  // it grew since it was counted
  CHECK(queue.progress(2).dirs[0].remaining.bytes == 510);
  queue.finish(*cheap, LoadQueue::State::loaded);
  queue.finish(*dear, LoadQueue::State::failed);
  CHECK(queue.is_missing({"t", 3000}));
  CHECK_FALSE(queue.is_loading({"t", 3000}));
  CHECK(queue.cancel({"t", 10}).has_value());
  CHECK_FALSE(queue.cancel({"t", 0}).has_value());
  CHECK(queue.take(LoadQueue::End::cheapest, 0)->work.bytes == 500);
  CHECK(queue.take(LoadQueue::End::cheapest, 0) == nullptr);
  CHECK_FALSE(queue.done());
}
