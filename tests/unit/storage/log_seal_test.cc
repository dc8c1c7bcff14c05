#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

TEST_CASE("Log: sealing ends appends, changes and waits for those under way", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  h.must_append({});
  SECTION("nobody is inside") {
    CHECK(h.log->try_seal());
    CHECK(h.append(make_batch({})).error().code == ErrorCode::kafka_storage_error);
    CHECK(h.run(h.log->truncate_to(Offset(0))).error().code == ErrorCode::kafka_storage_error);
    CHECK(h.run(h.log->truncate_fully_and_start_at(Offset(9))).error().code == ErrorCode::kafka_storage_error);
    CHECK(h.replicate(make_batch({.base_offset = 1})).error().code == ErrorCode::kafka_storage_error);
    CHECK(h.log->log_end_offset() == Offset(1));
    CHECK(h.offsets_from(0) == range(0, 1));
    REQUIRE(h.log->close(true));
  }
  SECTION("appends that were there first are done first") {
    std::vector<std::vector<std::byte>> batches;
    for (int i = 0; i < 20; ++i) batches.push_back(make_batch({}));
    std::vector<std::string> order;
    boost::asio::thread_pool threads(4);
    std::mutex mutex;
    for (auto& batch : batches) {
      const auto append = [&h, &batch]() -> Awaitable<AppendResult<LogAppendInfo>> {
        LeaderAppend a{batch, LeaderEpoch(0), AppendOrigin::client, 11};
        co_return co_await h.log->append_as_leader(a);
      };
      boost::asio::co_spawn(threads, append, [&](std::exception_ptr, AppendResult<LogAppendInfo> result) {
        const std::lock_guard lock(mutex);
        order.push_back(result ? "appended" : "refused");
      });
    }
    boost::asio::co_spawn(threads, h.log->seal(), boost::asio::detached);
    threads.join();
    CHECK(order.size() == 20);
    const auto appended = std::count(order.begin(), order.end(), "appended");
    CHECK(h.log->log_end_offset() == Offset(1 + appended));
    CHECK(h.log->try_seal());
    REQUIRE(h.log->close(true));
  }
}

TEST_CASE("Log: a follower leaves out what a later leader wrote (KAFKA-18723)", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  auto records = make_batch({.base_offset = 0, .leader_epoch = 1});
  const auto later = make_batch({.base_offset = 1, .leader_epoch = 2});
  const auto old = make_batch({.base_offset = 2, .leader_epoch = 1});
  records.insert(records.end(), later.begin(), later.end());
  records.insert(records.end(), old.begin(), old.end());
  const auto first = h.replicate(records, LeaderEpoch(1));
  REQUIRE(first);
  CHECK(first->last_offset == Offset(0));
  CHECK(h.log->log_end_offset() == Offset(1));
  CHECK(h.log->latest_epoch() == LeaderEpoch(1));
  REQUIRE(h.replicate(later, LeaderEpoch(1)));
  CHECK(h.log->log_end_offset() == Offset(1));
  REQUIRE(h.replicate(later, LeaderEpoch(2)));
  CHECK(h.log->log_end_offset() == Offset(2));
}

TEST_CASE("Log: a small batch that unpacks to much is unpacked on the pool", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  boost::asio::io_context pool;
  auto environment = h.environment();
  environment.jobs = std::make_shared<BackgroundJobs>(pool.get_executor());
  auto setting = config::CompressionSetting::producer;
  SECTION("codec kept") {}
  SECTION("recompressed") { setting = config::CompressionSetting::gzip; }
  h.config->compression_type = setting;
  REQUIRE(disk.make_directory(h.dir(), true));
  h.log = create_log(environment, TopicPartition{"t", 0}, h.dir(), h.config);
  const auto append = [&](BatchSpec spec) {
    auto bytes = std::make_shared<std::vector<std::byte>>(make_batch(spec));
    auto result = std::make_shared<std::optional<AppendResult<LogAppendInfo>>>();
    const auto work = [log = h.log, bytes]() -> Awaitable<AppendResult<LogAppendInfo>> {
      LeaderAppend a{*bytes, LeaderEpoch(0), AppendOrigin::client, 11};
      co_return co_await log->append_as_leader(a);
    };
    boost::asio::co_spawn(h.io, work, [result](std::exception_ptr, AppendResult<LogAppendInfo> r) { result->emplace(std::move(r)); });
    h.io.restart();
    h.io.poll();
    return result;
  };
  const auto small = append({.records = 10, .value_size = 100, .codec = protocol::Codec::zstd});
  REQUIRE(small->has_value());
  CHECK(small->value());
  // 8 MB of one letter: some hundred bytes of zstd.
  const auto bomb = append({.records = 8, .value_size = 1'000'000, .codec = protocol::Codec::zstd});
  CHECK_FALSE(bomb->has_value());
  pool.run();
  h.drain();
  REQUIRE(bomb->has_value());
  REQUIRE(bomb->value());
  CHECK((**bomb)->first_offset == Offset(10));
  CHECK(h.offsets_from(0) == range(0, 18));
  h.log.reset();
  pool.restart();
  pool.run();
}
