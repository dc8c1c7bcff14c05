#include "tests/unit/storage/storage_fixture.h"

#include <boost/asio/use_future.hpp>

#include "config/metric_handles.h"
#include "storage/log/dir_space.h"
#include "storage/log/log_manager_impl.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

/// What LogManagerImpl::check_space() does for one directory.
void look(LogHarness& h, std::int64_t min_free) {
  auto& space = h.dir_state->space();
  const auto written = space.written();
  space.seen(*h.disk.volume("/d"), written, min_free, 1);
}

void look_often(LogHarness& h, std::int64_t min_free) {
  for (int i = 0; i < 11; ++i) look(h, min_free);
}

/// A manager over a disk, with a pool of its own.
struct Managed {
  explicit Managed(Disk& d, std::vector<std::string> dirs, std::int64_t min_free) : disk(d), random(make_seeded_random(3)) {
    config.log_dirs = std::move(dirs);
    config.load_threads = 1;
    config.min_free_bytes = min_free;
    log_config->file_delete_delay_ms = 0;
    log_config->segment_bytes = 65536;
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
    auto s = manager->load_logs([this](const std::string&) { return log_config; }, {});
    if (!s) FAIL(s.error().message);
  }
  std::shared_ptr<UnifiedLog> make(const std::string& topic, std::int32_t partition = 0) {
    auto log = manager->get_or_create(TopicPartition{topic, partition}, log_config, true, Uuid{1, static_cast<std::uint64_t>(partition) + 1});
    if (!log) FAIL(log.error().message);
    return std::static_pointer_cast<UnifiedLog>(*log);
  }
  AppendResult<LogAppendInfo> append(Log& log, std::size_t value_size = 8000) {
    BatchSpec spec;
    spec.value_size = value_size;
    auto bytes = make_batch(spec);
    LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
    return boost::asio::co_spawn(pool, log.append_as_leader(a), boost::asio::use_future).get();
  }
  /// Until it is refused; how many were taken.
  int fill(Log& log) {
    for (int n = 0; n < 100'000; ++n) {
      auto r = append(log);
      if (r) continue;
      CHECK(r.error().code == ErrorCode::kafka_storage_error);
      return n;
    }
    FAIL("nothing is refused");
    return 0;
  }
  void watch() { boost::asio::co_spawn(pool, manager->watch_space(), boost::asio::use_future).get(); }

  Disk& disk;
  boost::asio::thread_pool pool{2};
  ManualClock clock;
  std::unique_ptr<Random> random;
  LogManagerConfig config;
  std::shared_ptr<config::LogConfig> log_config = std::make_shared<config::LogConfig>();
  std::unique_ptr<LogManagerImpl> manager;
};

}  // namespace

TEST_CASE("DirSpace: full below the mark, open again a little above it", "[storage]") {
  CHECK(DirSpace::low_water(-1, 10 * kMiB) == 4 * kMiB);
  CHECK(DirSpace::low_water(-1, 10'000 * kMiB) == 100 * kMiB);
  CHECK(DirSpace::low_water(-1, 1'000'000 * kMiB) == 1024 * kMiB);
  CHECK(DirSpace::low_water(0, 1'000'000 * kMiB) == 0);

  int alarms = 0;
  DirSpace space("/d");
  space.set_alarm([&] { ++alarms; });
  const auto look = [&](std::int64_t usable, std::int64_t sharers = 1) { space.seen({1000 * kMiB, usable, 7}, space.written(), 8 * kMiB, sharers); };
  CHECK(space.admit(INT32_MAX, false));  // nobody has looked yet
  look(108 * kMiB);
  CHECK(space.free_bytes() == 108 * kMiB);

  SECTION("half of the room is written: the volume is asked, once") {
    CHECK(space.admit(40 * kMiB, false));
    CHECK(alarms == 0);
    CHECK(space.admit(20 * kMiB, false));
    CHECK(space.admit(1, false));
    CHECK(alarms == 1);
    look(48 * kMiB);
    CHECK(space.admit(21 * kMiB, false));
    CHECK(alarms == 2);
  }
  SECTION("who is not asked in time goes a quarter of what is kept below the mark, no further") {
    CHECK(space.admit(101 * kMiB, false));
    CHECK(space.admit(1 * kMiB, false));
    CHECK_FALSE(space.admit(1, false));
    CHECK(space.admit(1, true));
    CHECK_FALSE(space.full());
  }
  SECTION("directories of one volume share what is free") {
    look(108 * kMiB, 4);
    CHECK(space.admit(26 * kMiB, false));
    CHECK_FALSE(space.admit(1, false));
  }
  SECTION("coordinators go down to half") {
    look(8 * kMiB - 1);
    CHECK(space.full());
    CHECK_FALSE(space.admit(1, false));
    CHECK(space.full_error().code == ErrorCode::kafka_storage_error);
    CHECK(space.full_error().message.find("8388607 bytes are free") != std::string::npos);
    CHECK(space.full_error().message.find("log.dir.min.free.bytes") != std::string::npos);
    CHECK(space.admit(3 * kMiB, true));
    look(4 * kMiB);
    CHECK_FALSE(space.admit(1, true));
    look(9 * kMiB);
    CHECK(space.full());  // a little above the mark is not enough
    look(10 * kMiB);
    CHECK_FALSE(space.full());
    CHECK(space.admit(1, false));
  }
  SECTION("who met the end of the disk is not sent there again at once, whatever the volume says") {
    space.hit_the_end(no_space_error("cannot write to /d/t-0/0.log"));
    CHECK(space.full());
    CHECK_FALSE(space.admit(1, false));
    CHECK_FALSE(space.admit(1, true));
    for (int i = 0; i < 9; ++i) look(108 * kMiB);
    CHECK(space.full());
    look(108 * kMiB);
    CHECK_FALSE(space.full());
  }
  SECTION("0: only the disk itself refuses") {
    space.seen({1000 * kMiB, 0, 7}, space.written(), 0, 1);
    CHECK_FALSE(space.full());
  }
}

TEST_CASE("SimDisk: a full one takes a part of a write, and no directory", "[storage][sim]") {
  SimDisk disk(1);
  REQUIRE(disk.make_directory("/d", true));
  auto file = *disk.open("/d/f", OpenMode::create);
  disk.set_capacity(disk.used_bytes() + 2 * 4096);
  const std::vector<std::byte> bytes(10'000, std::byte{7});
  auto s = file->write_at(100, bytes);
  REQUIRE_FALSE(s);
  CHECK(is_no_space(s.error()));
  CHECK(*file->size() == 2 * 4096);
  CHECK(disk.volume("/d")->usable_bytes == 0);
  CHECK(file->write_at(0, as_bytes("in place")));
  CHECK(is_no_space(disk.make_directory("/d/e", false).error()));
  REQUIRE(file->truncate(4096));
  CHECK(disk.volume("/d")->usable_bytes == 4096);
  REQUIRE(disk.remove("/d/f"));
  CHECK(disk.volume("/d")->usable_bytes == 2 * 4096);
  CHECK(disk.make_directory("/d/e", false));
  // A sync that finds no room has lost something, and is not of that kind.
  CHECK_FALSE(is_no_space(storage_error("cannot sync /d/f: No space left on device")));
}

TEST_CASE("Log: the end of the disk costs no record and no directory", "[storage][sim]") {
  // Wherever the disk ends: in a batch, an index, a new segment, a snapshot.
  for (std::int64_t pages = 1; pages < 40; ++pages) {
    SimDisk disk(static_cast<std::uint64_t>(pages));
    LogHarness h(disk);
    h.config->segment_bytes = 12'000;
    h.config->index_interval_bytes = 400;
    h.create();
    disk.set_capacity(disk.used_bytes() + pages * 4096);
    std::int64_t next = 0;
    std::int32_t sequence = 0;
    int refused = 0;
    for (int i = 0; i < 120; ++i) {
      BatchSpec spec;
      spec.value_size = 700 + static_cast<std::size_t>(i) * 13 % 900;
      spec.producer_id = 5;
      spec.epoch = 0;
      spec.sequence = sequence;
      auto r = h.append(make_batch(spec));
      h.drain();
      REQUIRE(h.dir_state->online());
      if (r) {
        CHECK(r->first_offset == Offset(next));
        ++next;
        ++sequence;
        continue;
      }
      ++refused;
      REQUIRE(r.error().code == ErrorCode::kafka_storage_error);
      REQUIRE(h.dir_state->space().full());
      REQUIRE(h.offsets_from(0) == range(0, next));
      disk.set_capacity(disk.used_bytes() + pages * 4096 + 8192);
      look_often(h, 0);
      REQUIRE_FALSE(h.dir_state->space().full());
    }
    if (pages < 20) CHECK(refused > 0);
    disk.set_capacity(-1);
    look_often(h, 0);
    CHECK(h.offsets_from(0) == range(0, next));
    // After a kill, and after a clean stop, the same is there, and the producer goes on.
    REQUIRE(h.load());
    CHECK(h.offsets_from(0) == range(0, next));
    h.close();
    REQUIRE(h.load({true, Offset(0), Offset(0)}));
    CHECK(h.offsets_from(0) == range(0, next));
    BatchSpec spec;
    spec.producer_id = 5;
    spec.epoch = 0;
    spec.sequence = sequence;
    CHECK(h.must_append(spec).first_offset == Offset(next));
  }
}

TEST_CASE("Log: a full directory refuses clients and leaders, and still answers a duplicate", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  BatchSpec spec;
  spec.producer_id = 9;
  spec.epoch = 0;
  spec.sequence = 0;
  h.must_append(spec);
  disk.set_capacity(disk.used_bytes() + 3 * kMiB);
  look(h, 4 * kMiB);
  REQUIRE(h.dir_state->space().full());
  const auto refused = config::metrics().log_full_refusals.value();
  auto again = h.append(make_batch(spec));
  REQUIRE(again);
  CHECK(again->duplicate);
  CHECK(h.append(make_batch({})).error().code == ErrorCode::kafka_storage_error);
  BatchSpec replicated;
  replicated.base_offset = 1;
  replicated.leader_epoch = 0;
  CHECK(h.replicate(make_batch(replicated)).error().code == ErrorCode::kafka_storage_error);
  CHECK(config::metrics().log_full_refusals.value() == refused + 2);
  CHECK(h.append(make_batch({}), AppendOrigin::coordinator));
  CHECK(h.offsets_from(0) == range(0, 2));
  CHECK(h.dir_state->online());
  disk.set_capacity(-1);
  look(h, 4 * kMiB);
  CHECK(h.append(make_batch({})));
}

TEST_CASE("LogManager: a full directory lets go of what may go, and takes records again", "[storage]") {
  SimDisk disk(4);
  Managed m(disk, {"/a"}, 2 * kMiB);
  m.up();
  disk.set_capacity(16 * kMiB);
  m.manager->check_space();
  const auto keep = m.make("keep");
  const auto gone = m.make("gone");
  const auto aged = m.make("aged");
  for (int i = 0; i < 250; ++i) REQUIRE(m.append(*aged));
  aged->update_high_watermark(aged->log_end_offset());
  for (int i = 0; i < 250; ++i) REQUIRE(m.append(*gone));
  m.watch();
  do {  // who looks while records come may count some twice, and refuses a little early; the next look sees what is left
    (void)m.fill(*keep);
    m.manager->drain_jobs();  // half of the room was written: somebody has looked
    m.watch();
  } while (m.append(*keep));
  REQUIRE(m.manager->is_dir_online("/a"));
  CHECK(disk.volume("/a")->usable_bytes > kMiB);
  const auto seen = keep->read(Offset(0), 1 << 20, FetchIsolation::log_end, true);
  REQUIRE(seen);
  CHECK(seen->slice.size > 0);

  SECTION("by deleting a topic") {
    boost::asio::co_spawn(m.pool, gone->seal(), boost::asio::use_future).get();
    REQUIRE(m.manager->async_delete({"gone", 0}));
    m.manager->run_deletions();
  }
  SECTION("by DeleteRecords, soon") {
    REQUIRE(aged->maybe_increment_log_start_offset(Offset(250)));
    m.clock.advance(std::chrono::seconds(11));
    m.watch();
    m.clock.advance(std::chrono::seconds(1));
    m.manager->run_deletions();
  }
  m.watch();
  CHECK(m.append(*keep));
  CHECK(m.append(*m.make("new")));
}

TEST_CASE("LogManager: new partitions go where there is room", "[storage]") {
  SimDisk disk(4);
  Managed m(disk, {"/a", "/b"}, 0);
  m.up();
  const auto first = m.make("t", 0);
  first->environment().dir->space().hit_the_end(no_space_error("cannot write"));
  CHECK(m.make("t", 1)->parent_dir() != first->parent_dir());
  CHECK(m.make("t", 2)->parent_dir() != first->parent_dir());
  // Without room for a directory anywhere the answer is an error, and both stay.
  disk.set_capacity(disk.used_bytes());
  auto none = m.manager->get_or_create(TopicPartition{"t", 3}, m.log_config, true, Uuid{1, 4});
  REQUIRE_FALSE(none);
  CHECK(is_no_space(none.error()));
  CHECK(m.manager->is_dir_online("/a"));
  CHECK(m.manager->is_dir_online("/b"));
}

TEST_CASE("LogManager: starts on a disk without a byte left, clean stop or not", "[storage][sim]") {
  for (const bool clean : {true, false}) {
    SimDisk disk(clean ? 1 : 2);
    std::int64_t records = 0;
    {
      Managed m(disk, {"/a"}, 0);
      m.up();
      const auto log = m.make("t");
      (void)m.make("u");
      for (int i = 0; i < 50; ++i) REQUIRE(m.append(*log));
      REQUIRE(log->flush_blocking());
      for (int i = 0; i < 50; ++i) REQUIRE(m.append(*log));
      records = log->log_end_offset().value();
      m.manager->checkpoint_recovery_points();
      m.manager->drain_jobs();
      if (clean) m.manager->shutdown();
    }
    disk.set_capacity(disk.used_bytes() - 4096);  // others have more than all
    Managed m(disk, {"/a"}, 0);
    m.up();
    const auto log = std::static_pointer_cast<UnifiedLog>(m.manager->get({"t", 0}));
    REQUIRE(log);
    REQUIRE(m.manager->get({"u", 0}));
    CHECK(log->log_end_offset() == Offset(records));
    const auto all = log->read(Offset(records - 1), 1 << 20, FetchIsolation::log_end, true);
    REQUIRE(all);
    CHECK(all->slice.size > 0);
    const auto refused = m.append(*log, 60'000);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kafka_storage_error);
    CHECK(m.manager->is_dir_online("/a"));
    // Deletion makes room.
    boost::asio::co_spawn(m.pool, log->seal(), boost::asio::use_future).get();
    REQUIRE(m.manager->async_delete({"t", 0}));
    m.manager->run_deletions();
    for (int i = 0; i < 11; ++i) m.manager->check_space();
    CHECK(m.append(*std::static_pointer_cast<UnifiedLog>(m.manager->get({"u", 0}))));
    m.manager->shutdown();
    CHECK(m.manager->is_dir_online("/a"));
  }
}
