// flush.messages=1: what counts is on the disk, and one sync serves all who wait.
#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/local_broker.h"

using namespace moldau;
using namespace moldau::replication;
using namespace moldau::replication::testing;

namespace {

config::LogConfig durable_config() {
  config::LogConfig config;
  config.flush_messages = 1;
  return config;
}

struct Fixture {
  storage::SimDisk disk{1};
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(1);
  LocalBroker broker{disk, clock, *random, durable_config()};
  TopicPartition tp{"t", 0};

  Fixture() { broker.lead("t", 6, 0); }
  std::shared_ptr<storage::Log> log(std::int32_t partition = 0) { return broker.logs().get({"t", partition}); }
  /// Appends without waiting for anything that is not ready.
  std::shared_ptr<Pending<PartitionAppendResult>> begin(std::int16_t acks, std::int32_t partition = 0) {
    auto pending = std::make_shared<Pending<PartitionAppendResult>>();
    boost::asio::co_spawn(broker.io(), broker.produce({"t", partition}, make_batch({"v"}), acks), [pending](std::exception_ptr e, PartitionAppendResult value) {
      pending->failure = e;
      if (!e) pending->value = std::move(value);
    });
    return pending;
  }
};

}  // namespace

TEST_CASE("Group commit: appends do not wait for each other's sync, and one serves them all", "[partition]") {
  Fixture f;
  (void)f.broker.append(f.tp, {"first"});
  const auto before = f.disk.mutations();
  std::vector<std::shared_ptr<Pending<PartitionAppendResult>>> all;
  for (int i = 0; i < 40; ++i) all.push_back(f.begin(i % 2 == 0 ? -1 : 1));
  f.broker.poll();
  for (const auto& one : all) {
    REQUIRE(one->value);
    CHECK(one->value->error == ErrorCode::none);
  }
  CHECK(f.log()->high_watermark() == Offset(41));
  CHECK(f.log()->durable_offset() == Offset(41));
  CHECK(f.disk.mutations() - before < 40 + 5);  // a write each, and a few syncs
}

TEST_CASE("Group commit: the high watermark waits for the disk, with acks=0 too", "[partition]") {
  Fixture f;
  const auto nobody_waits = f.begin(0);
  f.broker.io().restart();
  f.broker.io().run_one();  // the append, and not the sync that it asked for
  while (f.log()->log_end_offset() == Offset(0)) f.broker.io().run_one();
  CHECK(f.log()->high_watermark() == Offset(0));
  f.broker.poll();
  CHECK(f.log()->high_watermark() == Offset(1));
  CHECK(nobody_waits->value);
}

TEST_CASE("Group commit: a sync that fails fails all who wait for it", "[partition]") {
  Fixture f;
  (void)f.broker.append(f.tp, {"first"});
  f.disk.inject(storage::SimDisk::Operation::sync, "t-0/");
  const auto all = f.begin(-1);
  const auto one = f.begin(1);
  f.broker.poll();
  for (const auto& asked : {all, one}) {
    REQUIRE(asked->value);
    CHECK(asked->value->error == ErrorCode::kafka_storage_error);
  }
  CHECK_FALSE(f.broker.logs().is_dir_online("/data"));
}

TEST_CASE("Group commit: a duplicate is told when its original is on the disk", "[partition]") {
  Fixture f;
  const auto once = [&](std::int16_t acks) {
    auto pending = std::make_shared<Pending<PartitionAppendResult>>();
    boost::asio::co_spawn(f.broker.io(), f.broker.produce(f.tp, make_batch({"v"}, ProducerId(7), 0, ProducerEpoch(0)), acks),
                          [pending](std::exception_ptr e, PartitionAppendResult value) {
                            pending->failure = e;
                            if (!e) pending->value = std::move(value);
                          });
    return pending;
  };
  const auto original = once(1);
  const auto again = once(1);
  const auto with_all = once(-1);
  f.broker.poll();
  for (const auto& asked : {original, again, with_all}) {
    REQUIRE(asked->value);
    CHECK(asked->value->error == ErrorCode::none);
    CHECK(asked->value->info.last_offset == Offset(0));
  }
  CHECK(f.log()->durable_offset() == Offset(1));
}

TEST_CASE("Group commit: partitions sync side by side, and a new epoch counts what is durable", "[partition]") {
  Fixture f;
  for (std::int32_t p = 0; p < 6; ++p) (void)f.begin(-1, p);
  f.broker.poll();
  for (std::int32_t p = 0; p < 6; ++p) CHECK(f.log(p)->high_watermark() == Offset(1));
  (void)f.begin(0);
  while (f.log()->log_end_offset() < Offset(2)) {
    f.broker.io().restart();
    f.broker.io().run_one();
  }
  CHECK(f.log()->durable_offset() == Offset(1));
  CHECK(f.broker.lead("t", 6, 1, false) == std::vector<ErrorCode>(6, ErrorCode::none));
  CHECK(f.log()->durable_offset() == Offset(2));
  CHECK(f.log()->high_watermark() == Offset(2));
}
