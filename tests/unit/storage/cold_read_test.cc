#include <fcntl.h>
#include <sys/uio.h>

#include "storage/io/page_cache.h"
#include "tests/unit/storage/cold_disk.h"
#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

TEST_CASE("Log: a read that may not wait says so where the disk would be needed", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  LogHarness h(disk);
  h.config->segment_bytes = 20'000;
  h.config->index_interval_bytes = 100;
  h.create();
  for (int i = 0; i < 600; ++i) h.must_append({.value_size = 100});
  const auto bases = h.log->segments()->bases();
  REQUIRE(bases.size() > 3);
  h.log->update_high_watermark(Offset(600));
  h.drain();
  const Offset old = bases[1] + 7;
  const auto read = [&](Offset at, ColdRead cold, FetchIsolation isolation = FetchIsolation::log_end) { return h.log->read(at, 1000, isolation, true, cold); };

  SECTION("cached: no difference") {
    REQUIRE(read(old, ColdRead::wait));
    const auto again = read(old, ColdRead::refuse);
    REQUIRE(again);
    CHECK(again->slice.size == 1000);
  }
  SECTION("headers and indexes are cold") {
    REQUIRE(read(old, ColdRead::wait));
    disk.chill();
    const auto refused = read(old, ColdRead::refuse);
    REQUIRE_FALSE(refused);
    CHECK(is_needs_disk(refused.error()));
    CHECK(disk.waited().empty());
    CHECK(h.dir_state->online());
    REQUIRE(read(old, ColdRead::wait));
    CHECK(read(old, ColdRead::refuse));
  }
  SECTION("a closed descriptor is not opened") {
    h.log->release_descriptors();
    disk.chill();
    CHECK(is_needs_disk(read(old, ColdRead::refuse).error()));
    CHECK(disk.waited().empty());
  }
  SECTION("the bound of a consumer that reads below it") {
    h.log->update_high_watermark(bases[1] + 9);
    disk.chill();
    CHECK(is_needs_disk(read(old, ColdRead::refuse, FetchIsolation::high_watermark).error()));
    CHECK(disk.waited().empty());
  }
  SECTION("at the log end memory is enough") {
    disk.chill();
    REQUIRE(read(Offset(599), ColdRead::refuse));
    CHECK(read(Offset(600), ColdRead::refuse)->slice.size == 0);
    CHECK(disk.waited().empty());
  }
}

TEST_CASE("Log: aborted transactions of a cold segment need the disk", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  LogHarness h(disk);
  h.config->segment_bytes = 2'000;
  h.config->index_interval_bytes = 100;
  h.create();
  h.must_append({.producer_id = 5, .epoch = 0, .sequence = 0, .transactional = true});
  REQUIRE(h.append(make_marker(5, 0, false), AppendOrigin::coordinator));
  for (int i = 0; i < 100; ++i) h.must_append({.value_size = 100});
  h.log->update_high_watermark(h.log->log_end_offset());
  h.drain();
  const auto read = [&](ColdRead cold) { return h.log->read(Offset(0), 100, FetchIsolation::txn_committed, true, cold); };
  REQUIRE(read(ColdRead::wait)->aborted.size() == 1);
  disk.chill();
  CHECK(is_needs_disk(read(ColdRead::refuse).error()));
  CHECK(disk.waited().empty());
  REQUIRE(read(ColdRead::wait)->aborted.size() == 1);
}

TEST_CASE("Log: the first append after a start reads the tail of the log on the pool", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  LogHarness h(disk);
  h.config->index_interval_bytes = 100;
  h.create();
  for (int i = 0; i < 50; ++i) h.must_append({.value_size = 100});
  h.close();
  boost::asio::thread_pool pool(1);
  auto environment = h.environment();
  environment.jobs = std::make_shared<BackgroundJobs>(pool.get_executor());
  h.log = *load_log(LoadRequest{environment, TopicPartition{"t", 0}, h.dir(), h.config, Offset(50), Offset(0), true});
  disk.chill();
  CHECK(h.must_append({}).first_offset == Offset(50));
  const auto waited = disk.waited_to_read();
  CHECK(waited.size() == 1);
  CHECK_FALSE(waited.contains(std::this_thread::get_id()));
  h.log.reset();
  pool.join();
}

TEST_CASE("File: a cached read of the operating system's", "[storage]") {
  TempDir temp;
  auto file = *posix_disk().open(temp.path() + "/f", OpenMode::create);
  const std::string text(10'000, 'x');
  REQUIRE(file->write_at(0, as_bytes(text)));
  std::vector<std::byte> out(20'000);
  // Just written, so in memory; the end of the file ends it.
  const auto got = file->read_at(0, out, ColdRead::refuse);
  REQUIRE(got);
  CHECK(*got == text.size());
  CHECK(*file->read_at(text.size(), out, ColdRead::refuse) == 0);
}

TEST_CASE("Log: what was written long ago is not taken for cached", "[storage]") {
  TempDir temp;
  LogHarness h(posix_disk(), temp.path());
  h.create();
  const auto slice_at = [&](std::int64_t offset) { return h.log->read(Offset(offset), 100'000, FetchIsolation::log_end, true, ColdRead::refuse)->slice; };
  for (int i = 0; i < 20; ++i) h.must_append({.value_size = 20'000});
  CHECK(slice_at(0).hot);
  CHECK(slice_at(19).hot);
  h.clock.advance(Millis(10'000));
  CHECK_FALSE(slice_at(19).hot);
  SECTION("the system's answer counts then") {
    REQUIRE(h.log->flush_blocking());
    const auto slice = slice_at(19);
    REQUIRE(posix_fadvise(slice.file->descriptor(), 0, 0, POSIX_FADV_DONTNEED) == 0);
    char byte = 0;
    iovec to{&byte, 1};
    const bool evicted = preadv2(slice.file->descriptor(), &to, 1, static_cast<off_t>(slice.position), RWF_NOWAIT) < 0;
    if (!evicted) WARN("the file system under " << temp.path() << " does not evict");
    CHECK(is_cached(slice) == !evicted);
    REQUIRE(pull_in(slice));
    CHECK(is_cached(slice));
  }
  SECTION("a new batch makes only itself hot") {
    h.must_append({});
    CHECK_FALSE(slice_at(19).hot);
    CHECK(slice_at(20).hot);
  }
  SECTION("a slow but steady writer does not keep old bytes hot") {
    for (int i = 0; i < 20; ++i) {
      h.must_append({});
      h.clock.advance(Millis(1'000));
    }
    CHECK_FALSE(slice_at(20).hot);
    CHECK(slice_at(39).hot);
  }
}

TEST_CASE("Log: the largest timestamp is found although an append comes in between", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  LogHarness h(disk);
  h.config->segment_bytes = 1'000;
  h.create();
  for (int i = 0; i < 33; ++i) h.must_append({.timestamp = 1'000 + i, .value_size = 100});
  REQUIRE(h.log->segment_count() > 2);
  h.close();
  // The older segments tell their largest timestamps from the disk; meanwhile the log goes on.
  REQUIRE(h.load({.clean = true}));
  bool in_between = false;
  disk.before(ColdDisk::Call::read, ".timeindex", [&](const std::string&) {
    h.must_append({.timestamp = 9'000});
    in_between = true;
  });
  const auto found = h.log->offset_by_timestamp(-3);
  REQUIRE(in_between);
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK((*found)->timestamp == 9'000);
  CHECK((*found)->offset == Offset(33));
}

TEST_CASE("Log: the topic id is written on the pool, before the first append enters", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  LogHarness h(disk);
  boost::asio::io_context pool;
  auto environment = h.environment();
  environment.jobs = std::make_shared<BackgroundJobs>(pool.get_executor());
  REQUIRE(disk.make_directory(h.dir(), true));
  h.log = create_log(environment, TopicPartition{"t", 0}, h.dir(), h.config);
  REQUIRE(h.log->assign_topic_id(Uuid{1, 2}));
  std::thread::id writer;
  disk.before(ColdDisk::Call::open, "partition.metadata", [&](const std::string&) { writer = std::this_thread::get_id(); });
  auto bytes = make_batch({});
  std::optional<AppendResult<LogAppendInfo>> appended;
  boost::asio::co_spawn(
      h.io,
      [&]() -> Awaitable<void> {
        const LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
        appended.emplace(co_await h.log->append_as_leader(a));
      },
      boost::asio::detached);
  h.io.restart();
  h.io.poll();
  CHECK(writer == std::thread::id());
  CHECK_FALSE(appended.has_value());
  std::thread worker([&] { pool.run(); });
  const auto id = worker.get_id();
  worker.join();
  h.drain();
  CHECK(writer == id);
  REQUIRE(appended.has_value());
  CHECK(*appended);
  h.log.reset();
  pool.restart();
  pool.run();
}

TEST_CASE("Producer snapshots: one that is removed while it is synced is no error", "[storage]") {
  SimDisk sim(1);
  ColdDisk disk(sim);
  REQUIRE(disk.make_directory("/d", true));
  ProducerSnapshots snapshots(disk);
  REQUIRE(snapshots.write("/d", Offset(7), encode_producer_snapshot({}), false));
  disk.before(ColdDisk::Call::open, ".snapshot", [&](const std::string&) { REQUIRE(snapshots.remove("/d", Offset(7))); });
  CHECK(snapshots.sync("/d", Offset(7)));
  CHECK(snapshots.sync("/d", Offset(7)));
  // Any other failure is one.
  REQUIRE(snapshots.write("/d", Offset(8), encode_producer_snapshot({}), false));
  sim.inject(SimDisk::Operation::sync, ".snapshot");
  CHECK_FALSE(snapshots.sync("/d", Offset(8)));
}
