// Figures of the store alone, printed, never asserted: unit_storage "[.bench]".
#include "tests/unit/storage/storage_fixture.h"

#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdio>

#include "storage/log/log_manager_impl.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

class Stopwatch {
 public:
  double ms() const { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

TEST_CASE("bench: partitions created, written, stopped, started", "[.bench]") {
  TempDir temp;
  auto random = make_seeded_random(1);
  auto config = std::make_shared<config::LogConfig>();
  const auto cycle = [&](bool fill, bool clean) {
    boost::asio::thread_pool pool(2);
    LogManagerConfig manager_config;
    manager_config.log_dirs = {temp.path() + "/data"};
    auto manager = std::make_unique<LogManagerImpl>(manager_config, config, LogManager::Seams{posix_disk(), system_clock(), *random, pool.get_executor()});
    REQUIRE(manager->open_dirs());
    REQUIRE(manager->write_identity(BrokerId(0), "sampleClusterIdOf22chr"));
    Stopwatch load;
    REQUIRE(manager->load_logs([](const std::string&) { return nullptr; }, {}));
    std::printf("load of %zu logs: %.1f ms\n", manager->all_logs().size(), load.ms());
    if (fill) {
      Stopwatch create;
      for (int p = 0; p < 2000; ++p) {
        auto log = manager->get_or_create(TopicPartition{"bench-topic", p}, config, true, Uuid{1, 1});
        REQUIRE(log);
        (*log)->assign_epoch_start(LeaderEpoch(0), Offset(0));
      }
      std::printf("create 2000 partitions: %.1f ms\n", create.ms());
      Stopwatch append;
      for (const auto& log : manager->all_logs()) {
        auto bytes = make_batch({.records = 5, .value_size = 100, .producer_id = 1, .epoch = 0, .sequence = 0});
        LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
        REQUIRE(boost::asio::co_spawn(pool, log->append_as_leader(a), boost::asio::use_future).get());
      }
      std::printf("first append to each: %.1f ms\n", append.ms());
    }
    Stopwatch stop;
    if (clean) {
      manager->shutdown();
      std::printf("clean stop: %.1f ms\n", stop.ms());
    }
    manager.reset();
    pool.join();
  };
  cycle(true, true);
  cycle(false, true);
  cycle(false, false);
  if (std::getenv("MOLDAU_BENCH_PAUSE") != nullptr) (void)std::system("touch /tmp/st-now; sleep 1");
  cycle(false, true);
}

TEST_CASE("bench: append of one log", "[.bench]") {
  for (const std::size_t size : {std::size_t{16'000}, std::size_t{1'000'000}}) {
    TempDir temp;
    LogHarness h(posix_disk(), temp.path());
    h.create();
    const auto count = static_cast<int>((std::size_t{1} << 29) / size);
    auto bytes = make_batch({.records = static_cast<std::int32_t>(size / 1000), .value_size = 980});
    double ms = 0;
    boost::asio::co_spawn(
        h.io,
        [&]() -> Awaitable<void> {
          Stopwatch watch;
          for (int i = 0; i < count; ++i) {
            store_be<std::int64_t>(bytes.data(), 0);
            LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
            auto r = co_await h.log->append_as_leader(a);
            if (!r) std::abort();
          }
          ms = watch.ms();
        },
        boost::asio::detached);
    h.drain();
    Stopwatch reading;
    std::uint64_t read = 0;
    for (int i = 0; i < 200'000; ++i) read += h.log->read(h.log->log_end_offset() - 1, 1 << 20, FetchIsolation::log_end, true)->slice.size;
    std::printf("batches of %zu bytes: %.0f MiB/s, %.2f us each; read at the end %.2f us\n", bytes.size(), static_cast<double>(bytes.size()) * count / ms / 1048.576,
                ms * 1000 / count, reading.ms() / 200);
    REQUIRE(read > 0);
  }
}
