// Groups over real partitions on a simulated disk: commits through the log and back, restarts, refusals of the log.
#include "server/coordinator/runtime/replica_coordinator_log.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/log.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "tests/unit/replication/partition/local_broker.h"
#include "tests/unit/server/coordinator/runtime/group_requests.h"

namespace moldau::server {
namespace {

using replication::testing::LocalBroker;
using test::commit_of;
using test::join_of;

constexpr std::int32_t kPartitions = 4;

/// A broker that coordinates groups; destroyed without a shutdown, as kill -9 does it.
struct Node {
  Node(storage::Disk& disk, ManualClock& clock, Random& random, config::LogConfig defaults = {}, std::int32_t epoch = 0, bool is_new = true)
      : broker(disk, clock, random, defaults), log(broker.replicas(), "__consumer_offsets", Millis(5'000)), groups(deps(clock, random)) {
    set_log_level(LogCategory::group, "off");
    groups.start(kPartitions);
    broker.replicas().add_leadership_listener([this](std::span<const replication::LeadershipChange> changes) {
      for (const auto& change : changes) {
        if (change.role == replication::LeadershipChange::Role::leader) {
          groups.on_elected(change.partition.partition, change.leader_epoch);
        } else {
          groups.on_resigned(change.partition.partition, change.leader_epoch);
        }
      }
    });
    for (const auto error : broker.lead("__consumer_offsets", kPartitions, epoch, is_new)) REQUIRE(error == ErrorCode::none);
    broker.poll();
    REQUIRE(groups.list({}, {}).error == ErrorCode::none);
  }
  ~Node() {
    auto stopped = broker.start([](GroupCoordinator& g) -> Awaitable<bool> {
      co_await g.stop();
      co_return true;
    }(groups));
    broker.poll();
  }
  GroupCoordinatorDeps deps(ManualClock& clock, Random& random) {
    GroupConfig config;
    return GroupCoordinatorDeps{log, clock, random, {broker.io().get_executor()}, broker.io().get_executor(), config, {}};
  }
  ErrorCode commit(const std::string& group, std::int64_t offset, const std::string& metadata = {}) {
    CommitRequest r = commit_of(group, offset, "t", 0, broker.clock().wall_ms());
    r.offsets[0].metadata = metadata;
    return broker.run(groups.commit_offsets(std::move(r))).errors.at(0);
  }
  std::int64_t fetch(const std::string& group) {
    const TopicPartitionView tp("t", 0);
    const auto r = groups.fetch_offsets(group, std::span(&tp, 1), true);
    REQUIRE(r.error == ErrorCode::none);
    REQUIRE(r.offsets.at(0).error == ErrorCode::none);
    return r.offsets.at(0).offset;
  }

  LocalBroker broker;
  ReplicaCoordinatorLog log;
  GroupCoordinator groups;
};

struct Machine {
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(5);
  std::unique_ptr<storage::SimDisk> disk = std::make_unique<storage::SimDisk>(5, &clock);
};

TEST_CASE("Coordinator on a log: commits come back after a restart", "[coordinator]") {
  Machine m;
  {
    Node n(*m.disk, m.clock, *m.random);
    for (int round = 0; round < 3; ++round)
      for (int g = 0; g < 20; ++g) CHECK(n.commit("g" + std::to_string(g), 100 * round + g) == ErrorCode::none);
    CHECK(n.fetch("g7") == 207);
    CHECK(n.broker.run(n.groups.delete_group("g8")) == ErrorCode::none);
  }
  for (std::int32_t epoch = 1; epoch < 3; ++epoch) {
    Node n(*m.disk, m.clock, *m.random, {}, epoch, false);
    for (int g = 0; g < 20; ++g) CHECK(n.fetch("g" + std::to_string(g)) == (g == 8 ? -1 : 200 + g));
  }
}

TEST_CASE("Coordinator on a log: a group through join, sync, a restart and its end", "[coordinator]") {
  Machine m;
  std::string member;
  {
    Node n(*m.disk, m.clock, *m.random);
    auto join = n.broker.start(n.groups.join(join_of("g", 10'000, 5'000)));
    CHECK(!join->value);
    m.clock.advance(Millis(3'000));
    n.groups.tick();
    n.broker.poll();
    REQUIRE(join->value);
    member = join->value->member_id;
    SyncRequest s;
    s.group_id = "g";
    s.member_id = member;
    s.generation = 1;
    s.assignments = {{member, "mine"}};
    CHECK(n.broker.run(n.groups.sync(s)).assignment == "mine");
  }
  Node n(*m.disk, m.clock, *m.random, {}, 1, false);
  HeartbeatQuery beat;
  beat.group_id = "g";
  beat.member_id = member;
  beat.generation = 1;
  CHECK(n.groups.heartbeat(beat) == ErrorCode::none);
  CHECK(n.groups.describe("g").members.at(0).assignment == "mine");
  m.clock.advance(Millis(10'000));
  n.groups.tick();
  n.broker.poll();
  CHECK(n.groups.describe("g").state == "Empty");
}

TEST_CASE("Coordinator on a log: what the log refuses", "[coordinator]") {
  Machine m;
  SECTION("fewer replicas than min.insync.replicas: commits fail, deletions do not") {
    {
      Node n(*m.disk, m.clock, *m.random);
      CHECK(n.commit("g", 1) == ErrorCode::none);
    }
    config::LogConfig two;
    two.min_insync_replicas = 2;
    Node n(*m.disk, m.clock, *m.random, two, 1, false);
    CHECK(n.commit("g", 1) == ErrorCode::none);  // there is but one replica
    n.broker.leader_and_isr("__consumer_offsets", kPartitions, 2, false, {}, 1, {BrokerId(1), BrokerId(2)});
    CHECK(n.commit("g", 2) == ErrorCode::coordinator_not_available);
    CHECK(n.fetch("g") == 1);
    CHECK(n.broker.run(n.groups.delete_group("g")) == ErrorCode::none);
    CHECK(n.fetch("g") == -1);
  }
  SECTION("a commit larger than a message may be") {
    config::LogConfig small;
    small.max_message_bytes = 200;
    Node n(*m.disk, m.clock, *m.random, small);
    CHECK(n.commit("g", 1, std::string(300, 'x')) == ErrorCode::invalid_commit_offset_size);
    CHECK(n.commit("g", 1) == ErrorCode::none);
  }
  SECTION("no longer here") {
    Node n(*m.disk, m.clock, *m.random);
    CHECK(n.commit("g", 1) == ErrorCode::none);
    CHECK(n.broker.stop("__consumer_offsets", n.groups.partition_for("g"), 1, false) == ErrorCode::none);
    CHECK(n.commit("g", 2) == ErrorCode::not_coordinator);
    HeartbeatQuery beat;
    beat.group_id = "g";
    CHECK(n.groups.heartbeat(beat) == ErrorCode::not_coordinator);
  }
}

TEST_CASE("Coordinator on a log: expiry writes tombstones that hold", "[coordinator]") {
  Machine m;
  {
    Node n(*m.disk, m.clock, *m.random);
    CHECK(n.commit("old", 1) == ErrorCode::none);
    m.clock.advance(std::chrono::duration_cast<Millis>(std::chrono::hours(24 * 6)));
    CHECK(n.commit("young", 2) == ErrorCode::none);
    m.clock.advance(std::chrono::duration_cast<Millis>(std::chrono::hours(24)));
    CHECK(n.groups.expire_offsets() == 1);
    n.broker.poll();
    CHECK(n.groups.list({}, {}).groups.size() == 1);
  }
  Node n(*m.disk, m.clock, *m.random, {}, 1, false);
  CHECK(n.fetch("old") == -1);
  CHECK(n.fetch("young") == 2);
  CHECK(n.groups.describe("old").state == "Dead");
}

}  // namespace
}  // namespace moldau::server
