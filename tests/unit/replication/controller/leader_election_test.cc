#include "replication/controller/leader_election.h"

#include <catch2/catch.hpp>

#include "protocol/base/random.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

std::vector<BrokerId> ids(std::initializer_list<int> list) {
  std::vector<BrokerId> out;
  for (const int i : list) out.emplace_back(i);
  return out;
}

struct Case {
  LeaderAndIsr current;
  znodes::ReplicaAssignment assignment;
  std::vector<BrokerId> live;
  std::vector<BrokerId> live_or_stopping;
  std::vector<BrokerId> stopping;

  std::optional<Election> run(ElectionStrategy strategy, bool unclean = false) const {
    ElectionInput in;
    in.strategy = strategy;
    in.current = &current;
    in.assignment = &assignment;
    in.live_replicas = live;
    in.live_or_shutting_down = live_or_stopping;
    in.shutting_down = stopping;
    in.unclean_allowed = unclean;
    return elect(in);
  }
};

Case make(std::initializer_list<int> replicas, int leader, std::initializer_list<int> isr, std::initializer_list<int> live) {
  Case c;
  c.assignment.replicas = ids(replicas);
  c.current.leader = BrokerId(leader);
  c.current.leader_epoch = LeaderEpoch(4);
  c.current.isr = ids(isr);
  c.live = ids(live);
  c.live_or_stopping = c.live;
  return c;
}

}  // namespace

TEST_CASE("elect: offline takes the first live ISR member in assignment order", "[controller]") {
  const auto c = make({1, 2, 3}, 1, {3, 1, 2}, {2, 3});
  const auto e = c.run(ElectionStrategy::offline);
  REQUIRE(e);
  CHECK(e->leadership.leader == BrokerId(2));
  CHECK(e->leadership.isr == ids({3, 2}));
  CHECK(e->leadership.leader_epoch == LeaderEpoch(5));
  CHECK_FALSE(e->unclean);
}

TEST_CASE("elect: without a live ISR member only an unclean election helps", "[controller]") {
  const auto c = make({1, 2, 3}, 1, {1}, {3, 2});
  CHECK_FALSE(c.run(ElectionStrategy::offline));
  for (const auto& e : {c.run(ElectionStrategy::offline, true), c.run(ElectionStrategy::offline_unclean)}) {
    REQUIRE(e);
    CHECK(e->leadership.leader == BrokerId(2));
    CHECK(e->leadership.isr == ids({2}));
    CHECK(e->leadership.recovering);
    CHECK(e->unclean);
  }
  CHECK_FALSE(make({1}, 1, {1}, {}).run(ElectionStrategy::offline_unclean));
}

TEST_CASE("elect: preferred, reassignment, controlled shutdown", "[controller]") {
  CHECK(make({1, 2}, 2, {2, 1}, {1, 2}).run(ElectionStrategy::preferred)->leadership.leader == BrokerId(1));
  CHECK_FALSE(make({1, 2}, 2, {2}, {1, 2}).run(ElectionStrategy::preferred));
  auto moving = make({3, 4, 1}, 1, {1, 4}, {3, 4, 1});
  moving.assignment.removing = ids({1});
  const auto moved = moving.run(ElectionStrategy::reassign);
  REQUIRE(moved);
  CHECK(moved->leadership.leader == BrokerId(4));
  CHECK(moved->leadership.isr == ids({1, 4}));
  auto stopping = make({1, 2, 3}, 1, {1, 2, 3}, {2, 3});
  stopping.live_or_stopping = ids({1, 2, 3});
  stopping.stopping = ids({1});
  const auto left = stopping.run(ElectionStrategy::controlled_shutdown);
  REQUIRE(left);
  CHECK(left->leadership.leader == BrokerId(2));
  CHECK(left->leadership.isr == ids({2, 3}));
  CHECK(left->live_replicas == ids({1, 2, 3}));
}

TEST_CASE("elect: whatever is asked, the leader is in the new ISR and the epoch rises by one", "[controller]") {
  const auto random = make_seeded_random(3);
  for (int i = 0; i < 5000; ++i) {
    Case c;
    std::vector<BrokerId> all;
    for (int b = 1; b <= 4; ++b)
      if (random->below(4) != 0) all.emplace_back(b);
    if (all.empty()) continue;
    c.assignment.replicas = all;
    c.current.leader_epoch = LeaderEpoch(static_cast<std::int32_t>(random->below(9)));
    for (const auto id : all) {
      if (random->below(2) != 0) c.current.isr.push_back(id);
      const bool live = random->below(3) != 0;
      const bool stops = random->below(4) == 0;
      if (live) c.live_or_stopping.push_back(id);
      if (live && stops) c.stopping.push_back(id);
      if (live && !stops) c.live.push_back(id);
    }
    const auto strategy = static_cast<ElectionStrategy>(random->below(5));
    const auto e = c.run(strategy, random->below(2) == 0);
    if (!e) continue;
    REQUIRE(e->leadership.in_isr(e->leadership.leader));
    REQUIRE(e->leadership.leader_epoch == c.current.leader_epoch + 1);
    if (!e->unclean) REQUIRE(c.current.in_isr(e->leadership.leader));
  }
}
