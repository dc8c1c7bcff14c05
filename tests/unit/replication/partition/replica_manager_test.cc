#include "replication/partition/replica_manager.h"

#include <boost/asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include <thread>

#include "config/metrics.h"
#include "tests/unit/replication/partition/local_broker.h"
#include "tests/unit/storage/cold_disk.h"

using namespace moldau;
using namespace moldau::replication;
using namespace moldau::replication::testing;

namespace {

struct Fixture {
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(1);
  storage::SimDisk disk{1};
  LocalBroker broker;
  const TopicPartition tp{"foo", 0};

  explicit Fixture(config::LogConfig config = {}) : broker(disk, clock, *random, config) {}

  static FetchParams params(std::int64_t min_bytes = 1, std::int64_t wait_ms = 500) {
    FetchParams p;
    p.min_bytes = min_bytes;
    p.max_wait = Millis(wait_ms);
    return p;
  }
};

std::vector<ErrorCode> all(std::size_t n, ErrorCode code) { return std::vector<ErrorCode>(n, code); }

}  // namespace

TEST_CASE("ReplicaManager: LeaderAndIsr makes partitions, stale ones are refused", "[replication]") {
  Fixture f;
  CHECK(f.broker.lead("foo", 3, 0) == all(3, ErrorCode::none));
  CHECK(f.broker.replicas().partitions().size() == 3);
  CHECK(f.broker.replicas().partition(f.tp)->snapshot().role == PartitionState::Role::leader);
  CHECK(f.broker.leader_and_isr("foo", 3, 0, false) == all(3, ErrorCode::stale_controller_epoch));
  CHECK(f.broker.leader_and_isr("foo", 3, 1, false) == all(3, ErrorCode::none));
  CHECK(f.broker.leader_and_isr("foo", 1, 2, false, TopicId{9, 9}) == all(1, ErrorCode::inconsistent_topic_id));
  CHECK(f.broker.leader_and_isr("bar", 1, 0, true, {}, 1, {BrokerId(5)}) == all(1, ErrorCode::unknown_topic_or_partition));
  CHECK(f.broker.leader_and_isr("foo", 1, 9, false, {}, 2) == all(1, ErrorCode::none));
  CHECK(f.broker.leader_and_isr("foo", 1, 10, false, {}, 1) == all(1, ErrorCode::stale_controller_epoch));  // top level
}

TEST_CASE("ReplicaManager: leadership listeners hear of every change in order", "[replication]") {
  Fixture f;
  std::vector<std::string> heard;
  f.broker.replicas().add_leadership_listener([&](std::span<const LeadershipChange> changes) {
    for (const auto& c : changes) heard.push_back(to_string(TopicPartitionView(c.partition)) + ":" + std::to_string(c.leader_epoch.value()) + ":" + std::to_string(static_cast<int>(c.role)));
  });
  f.broker.lead("foo", 2, 0);
  CHECK(f.broker.stop("foo", 1, 0, true) == ErrorCode::none);
  CHECK(heard == std::vector<std::string>{"foo-0:0:0", "foo-1:0:0", "foo-1:0:3"});
}

TEST_CASE("ReplicaManager: appends and fetches", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  const auto first = f.broker.append(f.tp, {"a", "b"});
  CHECK(first.error == ErrorCode::none);
  CHECK(first.info.first_offset == Offset(0));
  CHECK(first.info.last_offset == Offset(1));
  CHECK(f.broker.append(f.tp, {"c"}).info.first_offset == Offset(2));

  const auto got = f.broker.run(f.broker.fetch(f.params(), {{f.tp, 1}}));
  CHECK(got[0].read.error == ErrorCode::none);
  CHECK(got[0].read.high_watermark == Offset(3));
  CHECK(got[0].read.last_stable_offset == Offset(3));
  CHECK(got[0].read.log_start_offset == Offset(0));
  const auto bytes = bytes_of(got[0].read.data.slice);
  const protocol::RecordBatchView batch{Bytes(bytes)};
  CHECK(batch.base_offset() == Offset(0));  // the whole batch that holds the offset
  CHECK(batch.partition_leader_epoch() == LeaderEpoch(0));

  SECTION("errors of a fetch carry no offsets") {
    const auto beyond = f.broker.run(f.broker.fetch(f.params(), {{f.tp, 4}}));
    CHECK(beyond[0].read.error == ErrorCode::offset_out_of_range);
    CHECK(beyond[0].read.high_watermark == kNoOffset);
    CHECK(f.broker.run(f.broker.fetch(f.params(), {{f.tp, 0, 1000, 1}}))[0].read.error == ErrorCode::unknown_leader_epoch);
    CHECK(f.broker.run(f.broker.fetch(f.params(), {{{"nope", 0}}}))[0].read.error == ErrorCode::unknown_topic_or_partition);
    f.broker.tell("elsewhere", 1, 0);
    CHECK(f.broker.run(f.broker.fetch(f.params(), {{{"elsewhere", 0}}}))[0].read.error == ErrorCode::not_leader_or_follower);
    f.broker.leader_and_isr("foo", 1, 5, false);
    CHECK(f.broker.run(f.broker.fetch(f.params(), {{f.tp, 0, 1000, 4}}))[0].read.error == ErrorCode::fenced_leader_epoch);
  }
  SECTION("a divergent last fetched epoch is told at once") {
    f.broker.leader_and_isr("foo", 1, 3, false);
    f.broker.append(f.tp, {"d"});
    const auto diverged = f.broker.run(f.broker.fetch(f.params(), {{f.tp, 4, 1000, -1, 2}}));
    REQUIRE(diverged[0].read.diverging.has_value());
    CHECK(diverged[0].read.diverging->epoch == LeaderEpoch(0));
    CHECK(diverged[0].read.diverging->end_offset == Offset(3));
    CHECK(f.broker.run(f.broker.fetch(f.params(), {{f.tp, 3, 1000, -1, 9}}))[0].read.error == ErrorCode::offset_out_of_range);
  }
}

TEST_CASE("ReplicaManager: byte budgets over several partitions", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 3, 0);
  for (std::int32_t p = 0; p < 3; ++p) f.broker.append({"foo", p}, {std::string(500, 'x')});
  const auto size = static_cast<std::int32_t>(make_batch({std::string(500, 'x')}).size());
  const std::vector<LocalBroker::Asked> asked{{{"foo", 0}}, {{"foo", 1}}, {{"foo", 2}}};
  auto params = f.params();
  const auto sizes = [&] {
    std::vector<std::uint32_t> out;
    for (const auto& r : f.broker.run(f.broker.fetch(params, asked))) out.push_back(r.read.data.slice.size);
    return out;
  };
  const auto one = static_cast<std::uint32_t>(size);
  CHECK(sizes() == std::vector<std::uint32_t>{one, one, one});
  params.max_bytes = size + 10;
  CHECK(sizes() == std::vector<std::uint32_t>{one, 0, 0});
  params.max_bytes = 10;  // one batch at least
  CHECK(sizes() == std::vector<std::uint32_t>{one, 0, 0});
  params.max_bytes = 2 * size;
  CHECK(sizes() == std::vector<std::uint32_t>{one, one, 0});
}

TEST_CASE("ReplicaManager: cold indexes and headers are read on the pool, not on the caller's thread", "[replication]") {
  ManualClock clock;
  const auto random = make_seeded_random(1);
  storage::SimDisk sim{1};
  storage::test::ColdDisk disk(sim);
  boost::asio::thread_pool pool(1);
  config::LogConfig config;
  config.segment_bytes = 2000;
  config.index_interval_bytes = 100;
  LocalBroker broker(disk, clock, *random, config, pool.get_executor());
  const auto wait_for = [&broker](auto pending) {
    broker.io().restart();
    broker.io().run();  // until the pool has answered
    REQUIRE(pending->value.has_value());
    return std::move(*pending->value);
  };
  broker.tell("foo", 1, 0);
  Arena arena;
  protocol::LeaderAndIsrRequest request = broker.leadership("foo", 1, 0, arena);
  const auto led = wait_for(broker.start(broker.replicas().become_leader_or_follower(request, 7, arena)));
  REQUIRE(led.topics[0].partition_errors[0].error_code == ErrorCode::none);
  const TopicPartition tp{"foo", 0};
  for (int i = 0; i < 100; ++i) broker.append(tp, {std::string(100, 'x')});
  const auto log = broker.replicas().partition(tp)->log();
  REQUIRE(log->segment_count() > 3);

  disk.chill();
  const auto got = wait_for(broker.start(broker.fetch(Fixture::params(), {{tp, 20, 300}, {tp, 99}})));
  CHECK(got[0].read.error == ErrorCode::none);
  CHECK(got[0].read.data.slice.size == 300);
  CHECK(got[1].read.data.slice.size > 0);
  CHECK(disk.waited().size() == 1);
  CHECK_FALSE(disk.waited().contains(std::this_thread::get_id()));
  // Warm now: no pool is needed.
  const auto again = broker.start(broker.fetch(Fixture::params(), {{tp, 20, 300}}));
  CHECK(again->value.has_value());
  pool.join();
}

TEST_CASE("ReplicaManager: a fetch of an older segment does not wait for more", "[replication]") {
  config::LogConfig config;
  config.segment_bytes = 1000;
  Fixture f(config);
  f.broker.lead("foo", 1, 0);
  for (int i = 0; i < 20; ++i) f.broker.append(f.tp, {std::string(100, 'x')});
  const auto log = f.broker.replicas().partition(f.tp)->log();
  REQUIRE(log->segment_count() > 2);
  // The rest of the first segment is less than was asked for, but there is more behind it.
  auto old = f.broker.start(f.broker.fetch(f.params(1 << 20), {{f.tp, 1}}));
  REQUIRE(old->value.has_value());
  CHECK((*old->value)[0].read.data.slice.size > 0);
  // In the last segment the wait is for real.
  auto last = f.broker.start(f.broker.fetch(f.params(1 << 20), {{f.tp, 19}}));
  CHECK_FALSE(last->value.has_value());
  // It ends when the segment is not the last one any more.
  for (int i = 0; i < 20 && !last->value.has_value(); ++i) f.broker.append(f.tp, {std::string(900, 'x')});
  CHECK(last->value.has_value());
}

TEST_CASE("ReplicaManager: a waiting fetch is woken by an append, and ends at its time", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 2, 0);
  SECTION("woken") {
    auto waiting = f.broker.start(f.broker.fetch(f.params(), {{{"foo", 0}}, {{"foo", 1}}}));
    CHECK_FALSE(waiting->value.has_value());
    CHECK(f.broker.replicas().timers().waiting() == 1);
    f.broker.append({"foo", 1}, {"x"});
    f.broker.poll();
    REQUIRE(waiting->value.has_value());
    CHECK((*waiting->value)[0].read.data.slice.size == 0);
    CHECK((*waiting->value)[1].read.data.slice.size > 0);
    CHECK((*waiting->value)[1].read.high_watermark == Offset(1));
    CHECK(f.broker.replicas().timers().waiting() == 0);
    CHECK(f.broker.replicas().partition(f.tp)->waiters().size() == 0);
  }
  SECTION("min_bytes adds up over partitions and appends") {
    auto waiting = f.broker.start(f.broker.fetch(f.params(1000), {{{"foo", 0}}, {{"foo", 1}}}));
    for (int i = 0; i < 3; ++i) {
      f.broker.append({"foo", i % 2}, {std::string(250, 'x')});
      f.broker.poll();
      if (i < 2) CHECK_FALSE(waiting->value.has_value());
    }
    f.broker.append({"foo", 1}, {std::string(250, 'x')});
    f.broker.poll();
    REQUIRE(waiting->value.has_value());
    CHECK((*waiting->value)[0].read.data.slice.size + (*waiting->value)[1].read.data.slice.size >= 1000);
  }
  SECTION("expired, with what there is") {
    auto waiting = f.broker.start(f.broker.fetch(f.params(100'000), {{{"foo", 0}}, {{"foo", 1}}}));
    f.broker.append({"foo", 0}, {"x"});
    f.broker.advance(Millis(499));
    CHECK_FALSE(waiting->value.has_value());
    f.broker.advance(Millis(10));
    REQUIRE(waiting->value.has_value());
    CHECK((*waiting->value)[0].read.high_watermark == Offset(1));
  }
  SECTION("ended by a role change") {
    auto waiting = f.broker.start(f.broker.fetch(f.params(), {{{"foo", 0}}}));
    f.broker.stop("foo", 0, 0, false);
    f.broker.poll();
    REQUIRE(waiting->value.has_value());
    CHECK((*waiting->value)[0].read.error == ErrorCode::not_leader_or_follower);
  }
  SECTION("ended by shutdown") {
    auto waiting = f.broker.start(f.broker.fetch(f.params(), {{{"foo", 0}}}));
    f.broker.replicas().shutdown();
    f.broker.poll();
    CHECK(waiting->value.has_value());
  }
  SECTION("a partition that the caller refuses does not cut the wait short") {
    FetchParams params = f.params();
    std::vector<FetchPartition> partitions(2);
    partitions[0].refused = ErrorCode::unknown_topic_id;
    partitions[1].tp = f.tp;
    partitions[1].max_bytes = 1000;
    std::vector<FetchResult> results(2);
    auto run = [&]() -> Awaitable<bool> {
      co_await f.broker.replicas().fetch(params, partitions, results);
      co_return true;
    };
    auto waiting = f.broker.start(run());
    CHECK_FALSE(waiting->value.has_value());
    f.broker.advance(Millis(510));
    CHECK(waiting->value.has_value());
    CHECK(results[0].read.error == ErrorCode::unknown_topic_id);
    CHECK(results[1].read.error == ErrorCode::none);
  }
}

TEST_CASE("ReplicaManager: produce errors", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  f.broker.lead("__consumer_offsets", 1, 0);
  CHECK(f.broker.append({"__consumer_offsets", 0}, {"x"}).error == ErrorCode::invalid_topic_exception);
  CHECK(f.broker.append({"foo", 7}, {"x"}).error == ErrorCode::unknown_topic_or_partition);
  auto big = f.broker.append(f.tp, {std::string(2'000'000, 'x')});
  CHECK(big.error == ErrorCode::message_too_large);
  auto torn = make_batch({"abc"});
  torn.data()[70] ^= std::byte{1};
  CHECK(f.broker.run(f.broker.produce(f.tp, std::move(torn))).error == ErrorCode::corrupt_message);
  SECTION("idempotence") {
    const ProducerId id(5);
    const ProducerEpoch epoch(0);
    CHECK(f.broker.run(f.broker.produce(f.tp, make_batch({"a"}, id, 0, epoch))).info.first_offset == Offset(0));
    CHECK(f.broker.run(f.broker.produce(f.tp, make_batch({"b"}, id, 1, epoch))).info.first_offset == Offset(1));
    const auto again = f.broker.run(f.broker.produce(f.tp, make_batch({"a"}, id, 0, epoch)));
    CHECK(again.error == ErrorCode::none);
    CHECK(again.info.duplicate);
    CHECK(again.info.first_offset == Offset(0));
    CHECK(f.broker.run(f.broker.produce(f.tp, make_batch({"d"}, id, 3, epoch))).error == ErrorCode::out_of_order_sequence_number);
    const auto producers = f.broker.replicas().active_producers(f.tp);
    REQUIRE(producers.has_value());
    REQUIRE(producers->size() == 1);
    CHECK((*producers)[0].last_sequence == 1);
  }
  SECTION("coordinators may append to internal topics") {
    auto run = [&]() -> Awaitable<ErrorCode> {
      const auto batch = make_batch({"x"});
      AppendOptions options;
      options.acks = -1;
      options.internal_topics_allowed = true;
      options.origin = storage::AppendOrigin::coordinator;
      PartitionRecords in;
      in.tp = TopicPartitionView("__consumer_offsets", 0);
      in.records = batch.bytes();
      PartitionAppendResult out;
      co_await f.broker.replicas().append_records(options, std::span(&in, 1), std::span(&out, 1));
      co_return out.error;
    };
    CHECK(f.broker.run(run()) == ErrorCode::none);
    CHECK(f.broker.replicas().leader_log({"__consumer_offsets", 0})->log_end_offset() == Offset(1));
    CHECK(f.broker.replicas().leader_log({"nope", 0}) == nullptr);
  }
}

TEST_CASE("ReplicaManager: acks=all waits for the ISR, and times out", "[replication]") {
  Fixture f;
  f.broker.tell("foo", 1, 0);
  // A follower that never fetches, in the ISR.
  Arena arena;
  protocol::LeaderAndIsrRequest request;
  request.controller_epoch = 1;
  auto& t = request.topic_states.add(arena);
  t.topic_name = "foo";
  t.topic_id = id_of("foo");
  auto& p = t.partition_states.add(arena);
  p.leader = kSelf;
  p.isr.push_back(arena, kSelf);
  p.isr.push_back(arena, BrokerId(2));
  p.replicas = p.isr;
  p.is_new = true;
  f.broker.run(f.broker.replicas().become_leader_or_follower(request, 7, arena));

  CHECK(f.broker.run(f.broker.produce(f.tp, make_batch({"a"}), 1)).error == ErrorCode::none);
  auto waiting = f.broker.start(f.broker.produce(f.tp, make_batch({"b"}), -1));
  CHECK_FALSE(waiting->value.has_value());
  auto consumer = f.broker.start(f.broker.fetch(f.params(), {{f.tp, 0}}));
  CHECK_FALSE(consumer->value.has_value());

  SECTION("the follower's fetch acknowledges") {
    FetchParams follower = f.params(1, 0);
    follower.replica = BrokerId(2);
    const auto first = f.broker.run(f.broker.fetch(follower, {{f.tp, 0}}));
    CHECK(first[0].read.data.slice.size > 0);  // followers read up to the log end
    f.broker.run(f.broker.fetch(follower, {{f.tp, 1}}));
    f.broker.poll();
    REQUIRE(consumer->value.has_value());  // the high watermark is 1 now
    CHECK_FALSE(waiting->value.has_value());
    f.broker.run(f.broker.fetch(follower, {{f.tp, 2}}));
    f.broker.poll();
    REQUIRE(waiting->value.has_value());
    CHECK(waiting->value->error == ErrorCode::none);
    FetchParams stranger = follower;
    stranger.replica = BrokerId(9);
    CHECK(f.broker.run(f.broker.fetch(stranger, {{f.tp, 0}}))[0].read.error == ErrorCode::not_leader_or_follower);
    CHECK(f.broker.run(f.broker.fetch(stranger, {{f.tp, 0, 100, 0}}))[0].read.error == ErrorCode::unknown_leader_epoch);
  }
  SECTION("or its time runs out") {
    f.broker.advance(Millis(30'010));
    REQUIRE(waiting->value.has_value());
    CHECK(waiting->value->error == ErrorCode::request_timed_out);
    CHECK(waiting->value->info.first_offset == Offset(1));
  }
  SECTION("or the role changes") {
    f.broker.stop("foo", 0, 0, false);
    f.broker.poll();
    REQUIRE(waiting->value.has_value());
    CHECK(waiting->value->error == ErrorCode::not_leader_or_follower);
  }
}

TEST_CASE("ReplicaManager: offsets by time and by epoch", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  f.broker.append(f.tp, {"a", "b"});  // timestamps 1000, 1001
  f.broker.leader_and_isr("foo", 1, 2, false);
  f.broker.append(f.tp, {"c"});
  const auto lookup = [&](std::int64_t timestamp, std::optional<bool> committed = false) {
    OffsetLookup l;
    l.timestamp = timestamp;
    l.read_committed = committed;
    return f.broker.replicas().offset_for_timestamp(f.tp, l);
  };
  CHECK(lookup(-1).value()->offset == Offset(3));
  CHECK(lookup(-1).value()->leader_epoch == LeaderEpoch(2));
  CHECK(lookup(-1).value()->timestamp == -1);
  CHECK(lookup(-2).value()->offset == Offset(0));
  CHECK(lookup(-4).value()->offset == Offset(0));
  CHECK_FALSE(lookup(-5).value().has_value());
  CHECK(lookup(1001).value()->offset == Offset(1));
  CHECK(lookup(1001).value()->timestamp == 1001);
  CHECK(lookup(-3).value()->offset == Offset(1));
  CHECK_FALSE(lookup(5000).value().has_value());

  const auto end = f.broker.replicas().last_offset_for_leader_epoch(f.tp, kNoLeaderEpoch, LeaderEpoch(1));
  CHECK(end.epoch == LeaderEpoch(0));
  CHECK(end.end_offset == Offset(2));
  CHECK(f.broker.replicas().last_offset_for_leader_epoch(f.tp, kNoLeaderEpoch, LeaderEpoch(2)).end_offset == Offset(3));
  CHECK(f.broker.replicas().last_offset_for_leader_epoch(f.tp, LeaderEpoch(9), LeaderEpoch(2)).error == ErrorCode::unknown_leader_epoch);
  CHECK(f.broker.replicas().legacy_offsets(f.tp, -1, 5, true, true).value() == std::vector<Offset>{Offset(3), Offset(0)});
}

TEST_CASE("ReplicaManager: DeleteRecords", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  f.broker.append(f.tp, {"a", "b", "c"});
  const auto remove = [&](TopicPartition tp, std::int64_t before) {
    auto run = [&]() -> Awaitable<DeleteRecordsResult> {
      const std::vector<std::pair<TopicPartitionView, Offset>> offsets{{TopicPartitionView(tp), Offset(before)}};
      std::vector<DeleteRecordsResult> results(1);
      co_await f.broker.replicas().delete_records(offsets, Millis(1000), results);
      co_return results[0];
    };
    return f.broker.run(run());
  };
  CHECK(remove(f.tp, 2).low_watermark == Offset(2));
  CHECK(remove(f.tp, 1).low_watermark == Offset(2));
  CHECK(remove(f.tp, 4).error == ErrorCode::offset_out_of_range);
  CHECK(remove(f.tp, -1).low_watermark == Offset(3));
  CHECK(remove({"nope", 0}, 0).error == ErrorCode::unknown_topic_or_partition);
  CHECK(f.broker.run(f.broker.fetch(f.params(), {{f.tp, 0}}))[0].read.error == ErrorCode::offset_out_of_range);
}

TEST_CASE("ReplicaManager: StopReplica deletes the log", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 3);
  CHECK(f.broker.stop("foo", 0, 2, true) == ErrorCode::fenced_leader_epoch);
  CHECK(f.broker.stop("foo", 0, -2, true) == ErrorCode::none);
  CHECK(f.broker.replicas().partition(f.tp) == nullptr);
  CHECK(f.broker.logs().get(f.tp) == nullptr);
  CHECK(f.broker.stop("foo", 0, -2, true) == ErrorCode::none);
}

TEST_CASE("ReplicaManager: a failed log directory takes its partitions offline", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  std::string failed;
  f.broker.replicas().set_dir_failure_listener([&](const std::string& dir) { failed = dir; });
  f.disk.inject(storage::SimDisk::Operation::write, "foo-0");
  CHECK(f.broker.append(f.tp, {"a"}).error == ErrorCode::kafka_storage_error);
  CHECK(failed == "/data");
  CHECK(f.broker.append(f.tp, {"a"}).error == ErrorCode::kafka_storage_error);
  CHECK(f.broker.run(f.broker.fetch(f.params(), {{f.tp, 0}}))[0].read.error == ErrorCode::kafka_storage_error);
  CHECK(f.broker.leader_and_isr("foo", 1, 1, false) == all(1, ErrorCode::kafka_storage_error));
  CHECK(f.broker.stop("foo", 0, 1, true) == ErrorCode::kafka_storage_error);
  const auto dirs = f.broker.replicas().describe_log_dirs([](TopicPartitionView) { return true; });
  REQUIRE(dirs.size() == 1);
  CHECK(dirs[0].error == ErrorCode::kafka_storage_error);
}

TEST_CASE("ReplicaManager: 2,000 partitions in one request", "[replication]") {
  Fixture f;
  CHECK(f.broker.lead("big", 2000, 0) == all(2000, ErrorCode::none));
  CHECK(f.broker.replicas().partitions().size() == 2000);
  const auto dirs = f.broker.replicas().describe_log_dirs([](TopicPartitionView tp) { return tp.partition < 10; });
  CHECK(dirs[0].replicas.size() == 10);
}

TEST_CASE("Partition: a log directory that fails during a role change refuses it", "[replication]") {
  Fixture f;
  PartitionEnv env{kSelf, f.clock, 30'000, [](BrokerId) { return true; }, nullptr};
  TopicMetricsRegistry metrics;
  const auto p = std::make_shared<Partition>(f.tp, env, metrics.get("foo"));
  const BrokerId self[] = {kSelf};
  PartitionAssignment to;
  to.leader = kSelf;
  to.leader_epoch = LeaderEpoch(3);
  to.isr = self;
  to.replicas = self;
  // No log yet: between its creation and the change the directory failed.
  CHECK(p->make_leader(to) == ErrorCode::kafka_storage_error);
  p->set_log(*f.broker.logs().get_or_create(f.tp, f.broker.config(), true, id_of("foo")));
  p->mark_offline();
  CHECK(p->make_leader(to) == ErrorCode::kafka_storage_error);
  CHECK(p->make_follower(to) == ErrorCode::kafka_storage_error);
  CHECK(p->snapshot().role == PartitionState::Role::none);
  p->expire_isr();
}

TEST_CASE("ReplicaManager: a configuration that changes while a log is made reaches it", "[replication]") {
  Fixture f;
  const auto retention = [](std::int64_t ms) {
    config::LogConfig c;
    c.retention_ms = ms;
    return std::make_shared<const config::LogConfig>(c);
  };
  // Asked before the log is there; while it is made the topic is changed, and whoever brings changes to logs does not find it. While the log catches up comes
  // another one.
  int asked = 0;
  f.broker.topic_config = [&](std::string_view) { return retention(++asked == 1 ? 1000 : asked == 2 ? 2000 : 3000); };
  CHECK(f.broker.lead("changed", 1, 0) == all(1, ErrorCode::none));
  CHECK(f.broker.replicas().partition({"changed", 0})->log()->config()->retention_ms == 3000);
}

TEST_CASE("ReplicaManager: requests that wait are counted, by kind and by partition", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 2, 0);
  const auto shown = [](std::string_view name) {
    double sum = -1;
    for (const auto& family : config::collect_metrics(0))
      if (family.name == name)
        for (const auto& sample : family.samples)
          if (sample.labels == std::vector<std::pair<std::string, std::string>>{{"delayedOperation", "Fetch"}}) sum = sample.value;
    return sum;
  };
  CHECK(shown("kafka_server_delayedoperationpurgatory_numdelayedoperations") == 0);
  auto waiting = f.broker.start(f.broker.fetch(f.params(), {{{"foo", 0}}, {{"foo", 1}}}));
  REQUIRE_FALSE(waiting->value);
  CHECK(shown("kafka_server_delayedoperationpurgatory_numdelayedoperations") == 1);
  CHECK(shown("kafka_server_delayedoperationpurgatory_purgatorysize") == 2);
  f.broker.append({"foo", 1}, {"x"});
  f.broker.poll();
  CHECK(waiting->value);
  CHECK(shown("kafka_server_delayedoperationpurgatory_numdelayedoperations") == 0);
  CHECK(shown("kafka_server_delayedoperationpurgatory_purgatorysize") == 0);
}

TEST_CASE("ReplicaManager: a directory that fails while a log is made takes the partition offline", "[replication]") {
  Fixture f;
  f.broker.lead("foo", 1, 0);
  f.disk.inject(storage::SimDisk::Operation::write, "bar-0");
  CHECK(f.broker.lead("bar", 1, 0) == all(1, ErrorCode::kafka_storage_error));
  CHECK(f.broker.replicas().partition({"bar", 0})->is_offline());
  CHECK(f.broker.append({"bar", 0}, {"x"}).error == ErrorCode::kafka_storage_error);
  CHECK(f.broker.append({"foo", 0}, {"x"}).error == ErrorCode::kafka_storage_error);
}
