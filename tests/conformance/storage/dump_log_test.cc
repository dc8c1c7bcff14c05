// What our log writes, read by Apache Kafka's kafka-dump-log: logs, all indexes, producer snapshots; after a clean stop and after a kill.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "storage/log/log_manager_impl.h"
#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

class Sample {
 public:
  explicit Sample(const std::string& dir) : random_(make_seeded_random(7)) {
    log_config_->segment_bytes = 60'000;
    LogManagerConfig config;
    config.log_dirs = {dir};
    manager_ = std::make_unique<LogManagerImpl>(config, log_config_, LogManager::Seams{posix_disk(), system_clock(), *random_, pool_.get_executor()});
    REQUIRE(manager_->open_dirs());
    REQUIRE(manager_->write_identity(BrokerId(0), "sampleClusterIdOf22chr"));
    REQUIRE(manager_->load_logs([this](const std::string&) { return log_config_; }, {}));
  }
  ~Sample() {
    manager_.reset();
    pool_.join();
  }

  std::shared_ptr<UnifiedLog> make(const std::string& topic) {
    auto log = manager_->get_or_create(TopicPartition{topic, 0}, log_config_, true, Uuid::make_random(*random_));
    REQUIRE(log);
    return std::static_pointer_cast<UnifiedLog>(*log);
  }
  template <class T>
  T run(Awaitable<T> work) {
    return boost::asio::co_spawn(pool_, std::move(work), boost::asio::use_future).get();
  }
  void append(Log& log, std::vector<std::byte> bytes, AppendOrigin origin = AppendOrigin::client, std::int32_t epoch = 0) {
    LeaderAppend a{bytes, LeaderEpoch(epoch), origin, 11};
    auto r = run(log.append_as_leader(a));
    if (!r) FAIL(r.error().message);
    records += origin == AppendOrigin::client ? r->records : 1;
  }

  void fill() {
    auto plain = make("plain");
    const auto now = system_clock().wall_ms();
    for (int i = 0; i < 300; ++i) {
      const auto codec = static_cast<protocol::Codec>(i % 5);
      append(*plain, make_batch({.records = 1 + i % 40, .timestamp = now - 600'000 + i * 1000, .value_size = static_cast<std::size_t>(i % 97), .codec = codec}), AppendOrigin::client, i / 100);
    }
    plain->update_high_watermark(plain->log_end_offset());
    auto txn = make("txn.with-dash");
    std::int32_t sequence[3] = {0, 0, 0};
    for (int round = 0; round < 200; ++round) {
      const auto p = round % 3;
      append(*txn, make_batch({.records = 3, .timestamp = now - 600'000 + round * 1000, .value_size = 200, .producer_id = 1000 + p, .epoch = 2, .sequence = sequence[p], .transactional = true}));
      sequence[p] += 3;
      if (round % 2 == 1) append(*txn, make_marker(1000 + p, 2, round % 4 == 1, 5, now - 600'000 + round * 1000), AppendOrigin::coordinator);
    }
    auto cut = make("truncated");
    for (int i = 0; i < 100; ++i) append(*cut, make_batch({.records = 10, .timestamp = now - 600'000 + i, .value_size = 100, .producer_id = 9, .epoch = 0, .sequence = i * 10}));
    REQUIRE(run(cut->truncate_to(Offset(403))));
    // The batch 400-409 goes as a whole; the leader's next batch begins where the last kept one ends.
    REQUIRE(run(cut->truncate_to(Offset(400))));
    records -= 600;
    auto tail = make_batch({.records = 5, .timestamp = now, .value_size = 100, .producer_id = 9, .epoch = 0, .sequence = 400, .base_offset = 400, .leader_epoch = 3});
    REQUIRE(run(cut->append_as_follower(tail, LeaderEpoch(3))));
    records += 5;
    manager_->drain_jobs();
  }
  void stop() { manager_->shutdown(); }

  int records = 0;

 private:
  boost::asio::thread_pool pool_{2};
  std::unique_ptr<Random> random_;
  std::shared_ptr<config::LogConfig> log_config_ = std::make_shared<config::LogConfig>();
  std::unique_ptr<LogManagerImpl> manager_;
};

int check(const std::string& dir, int records) {
  const auto command = std::string(MOLDAU_SOURCE_DIR "/tests/conformance/storage/check-dump-log ") + dir + " " + std::to_string(records);
  return std::system(command.c_str());
}

}  // namespace

TEST_CASE("kafka-dump-log reads what we wrote without complaint", "[storage][conformance]") {
  TempDir temp;
  const auto clean = temp.path() + "/clean", killed = temp.path() + "/killed", recovered = temp.path() + "/recovered";
  int records = 0;
  {
    Sample sample(clean);
    sample.fill();
    records = sample.records;
    // As kill -9 would leave it: active indexes pre-sized, no snapshot at the end.
    std::filesystem::copy(clean, killed, std::filesystem::copy_options::recursive);
    std::filesystem::copy(clean, recovered, std::filesystem::copy_options::recursive);
    sample.stop();
  }
  CHECK(check(clean, records) == 0);
  {
    Sample again(recovered);
    again.stop();
  }
  CHECK(check(recovered, records) == 0);
  // A running broker's files: the logs at least must be whole.
  CHECK(check(killed, records) == 0);
}
