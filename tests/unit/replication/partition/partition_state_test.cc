#include "replication/partition/partition_state.h"

#include <catch2/catch.hpp>

using namespace moldau;
using namespace moldau::replication;

namespace {

constexpr std::int64_t kLag = 30'000;
const std::function<bool(BrokerId)> kAll = [](BrokerId) { return true; };
const std::function<bool(BrokerId)> kNobody = [](BrokerId) { return false; };

/// Owns the lists that an assignment borrows.
struct Assigned {
  std::vector<BrokerId> isr;
  std::vector<BrokerId> replicas;
  PartitionAssignment a;

  Assigned(std::vector<std::int32_t> replica_ids, std::vector<std::int32_t> isr_ids, std::int32_t epoch, std::int32_t leader = 1, std::int32_t partition_epoch = 0) {
    for (const auto id : replica_ids) replicas.emplace_back(id);
    for (const auto id : isr_ids) isr.emplace_back(id);
    a.leader = BrokerId(leader);
    a.leader_epoch = LeaderEpoch(epoch);
    a.partition_epoch = partition_epoch;
    a.isr = isr;
    a.replicas = replicas;
  }
};

FollowerFetch fetch_of(std::int32_t replica, std::int64_t offset, std::int64_t leader_end, std::int64_t hw, std::int64_t now) {
  FollowerFetch f;
  f.replica = BrokerId(replica);
  f.fetch_offset = Offset(offset);
  f.log_start = Offset(0);
  f.leader_log_end = Offset(leader_end);
  f.high_watermark = Offset(hw);
  f.now_ms = now;
  return f;
}

}  // namespace

TEST_CASE("PartitionState: a leader alone moves its high watermark with its log", "[replication]") {
  PartitionState s(BrokerId(1));
  const Assigned a({1}, {1}, 0);
  CHECK(s.check_leader_epoch(LeaderEpoch(0)) == ErrorCode::none);
  CHECK(s.become_leader(a.a, Offset(5), 1000));
  CHECK(s.epoch_start() == Offset(5));
  CHECK(s.high_watermark_target(1000, kLag, 1, kAll) == Offset(5));
  s.on_leader_append(Offset(8));
  s.on_leader_append(Offset(7));  // an append that completed later but lies below
  CHECK(s.high_watermark_target(1000, kLag, 1, kAll) == Offset(8));
  CHECK(s.check_replicated(Offset(8), Offset(8), 1) == ErrorCode::none);
  CHECK_FALSE(s.check_replicated(Offset(9), Offset(8), 1).has_value());
  SECTION("min.insync.replicas beyond the number of replicas counts as that number") {
    CHECK(s.effective_min_isr(2) == 1);
    CHECK_FALSE(s.is_under_min_isr(2));
    CHECK(s.high_watermark_target(1000, kLag, 2, kAll) == Offset(8));
  }
  SECTION("a LeaderAndIsr of the same or an older epoch is stale") {
    CHECK(s.check_leader_epoch(LeaderEpoch(0)) == ErrorCode::stale_controller_epoch);
    CHECK(s.check_leader_epoch(LeaderEpoch(1)) == ErrorCode::none);
  }
}

TEST_CASE("PartitionState: what a client believes of the epoch", "[replication]") {
  PartitionState s(BrokerId(1));
  CHECK(s.check_access(kNoLeaderEpoch, false) == ErrorCode::not_leader_or_follower);
  s.become_leader(Assigned({1, 2}, {1, 2}, 3).a, Offset(0), 0);
  CHECK(s.check_access(kNoLeaderEpoch, true) == ErrorCode::none);
  CHECK(s.check_access(LeaderEpoch(3), true) == ErrorCode::none);
  CHECK(s.check_access(LeaderEpoch(2), true) == ErrorCode::fenced_leader_epoch);
  CHECK(s.check_access(LeaderEpoch(4), true) == ErrorCode::unknown_leader_epoch);
  s.become_follower(Assigned({1, 2}, {2}, 4, 2).a);
  CHECK(s.check_access(kNoLeaderEpoch, true) == ErrorCode::not_leader_or_follower);
  CHECK(s.check_access(kNoLeaderEpoch, false) == ErrorCode::none);
  CHECK(s.check_replicated(Offset(0), Offset(9), 1) == ErrorCode::not_leader_or_follower);
}

TEST_CASE("PartitionState: the high watermark is the least log end of the ISR", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2, 3}, {1, 2, 3}, 0).a, Offset(0), 1000);
  s.on_leader_append(Offset(10));
  // Members that have not fetched yet hold it back.
  CHECK_FALSE(s.high_watermark_target(1000, kLag, 1, kAll).has_value());
  CHECK(s.on_follower_fetch(fetch_of(2, 10, 10, 0, 1100)).log_end_moved);
  s.on_follower_fetch(fetch_of(3, 4, 10, 0, 1100));
  CHECK(s.high_watermark_target(1100, kLag, 1, kAll) == Offset(4));
  s.on_follower_fetch(fetch_of(3, 10, 10, 4, 1200));
  CHECK(s.high_watermark_target(1200, kLag, 1, kAll) == Offset(10));
}

TEST_CASE("PartitionState: followers that fall behind leave the ISR, and come back", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1, 2}, 0).a, Offset(0), 0);
  s.on_leader_append(Offset(10));
  s.on_follower_fetch(fetch_of(2, 5, 10, 0, 100));
  CHECK_FALSE(s.maybe_shrink(Offset(10), kLag, kLag).has_value());
  auto shrink = s.maybe_shrink(Offset(10), kLag + 1, kLag);
  REQUIRE(shrink.has_value());
  CHECK(shrink->isr == std::vector<BrokerId>{BrokerId(1)});
  CHECK_FALSE(shrink->expand);

  SECTION("while it is pending the old ISR counts and no second change is proposed") {
    CHECK(s.maximal_isr().size() == 2);
    CHECK(s.high_watermark_target(kLag + 1, kLag, 1, kNobody) == Offset(5));
    CHECK_FALSE(s.maybe_shrink(Offset(10), kLag + 2, kLag).has_value());
  }
  SECTION("committed, the leader goes on alone; min.insync.replicas=2 then stops the high watermark and acks=all") {
    CHECK(s.on_alter_answer({ErrorCode::none, BrokerId(1), LeaderEpoch(0), 1, {BrokerId(1)}}) == AlterIsrOutcome::committed);
    CHECK(s.partition_epoch() == 1);
    CHECK(s.high_watermark_target(kLag + 1, kLag, 1, kNobody) == Offset(10));
    CHECK_FALSE(s.high_watermark_target(kLag + 1, kLag, 2, kNobody).has_value());
    CHECK(s.is_under_min_isr(2));
    CHECK(s.check_replicated(Offset(10), Offset(10), 2) == ErrorCode::not_enough_replicas_after_append);

    const auto outcome = s.on_follower_fetch(fetch_of(2, 10, 10, 10, kLag + 100));
    REQUIRE(outcome.alter.has_value());
    CHECK(outcome.alter->expand);
    CHECK(outcome.alter->partition_epoch == 1);
    // The newcomer counts from now on, whatever the controller says later.
    s.on_leader_append(Offset(12));
    CHECK(s.high_watermark_target(kLag + 100, kLag, 1, kNobody) == Offset(10));
    CHECK(s.is_under_min_isr(2));  // accepting counts the committed ISR
    CHECK(s.check_replicated(Offset(10), Offset(10), 2) == ErrorCode::none);  // completing the maximal one
    SECTION("refused, it counts no more") {
      CHECK(s.on_alter_answer({ErrorCode::ineligible_replica, {}, {}, 0, {}}) == AlterIsrOutcome::rolled_back);
      CHECK(s.high_watermark_target(kLag * 3, kLag, 1, kNobody) == Offset(12));
    }
    SECTION("a stale partition epoch waits for LeaderAndIsr") {
      CHECK(s.on_alter_answer({ErrorCode::invalid_update_version, {}, {}, 0, {}}) == AlterIsrOutcome::wait_for_controller);
      CHECK(s.isr_change_pending());
    }
  }
}

TEST_CASE("PartitionState: a replica joins the ISR only from the start of the leader's epoch on, alive and assigned", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1}, 5).a, Offset(20), 0);
  CHECK_FALSE(s.on_follower_fetch(fetch_of(2, 15, 20, 10, 100)).alter.has_value());  // beyond the high watermark, before the epoch
  auto dead = fetch_of(2, 20, 20, 20, 200);
  dead.eligible = false;
  CHECK_FALSE(s.on_follower_fetch(dead).alter.has_value());
  CHECK(s.on_follower_fetch(fetch_of(2, 20, 20, 20, 300)).alter.has_value());
  CHECK(s.check_follower(BrokerId(7), LeaderEpoch(5)) == ErrorCode::unknown_leader_epoch);
  CHECK(s.check_follower(BrokerId(7), LeaderEpoch(4)) == ErrorCode::not_leader_or_follower);
  CHECK(s.check_follower(BrokerId(2), kNoLeaderEpoch) == ErrorCode::none);
}

TEST_CASE("PartitionState: a caught-up replica outside the ISR holds the high watermark if it may join", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1}, 0).a, Offset(0), 0);
  s.on_leader_append(Offset(10));
  auto f = fetch_of(2, 10, 10, 20, 1000);  // caught up, but below the high watermark given: no expansion yet
  s.on_follower_fetch(f);
  s.on_leader_append(Offset(15));
  CHECK(s.high_watermark_target(1500, kLag, 1, kAll) == Offset(10));
  CHECK(s.high_watermark_target(1500, kLag, 1, kNobody) == Offset(15));
  CHECK(s.high_watermark_target(1000 + kLag + 1, kLag, 1, kAll) == Offset(15));
}

TEST_CASE("PartitionState: caught-up time counts the fetch before", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1, 2}, 0).a, Offset(0), 0);
  s.on_leader_append(Offset(10));
  s.on_follower_fetch(fetch_of(2, 5, 10, 0, 1000));   // the leader's end was 10 at 1000
  s.on_follower_fetch(fetch_of(2, 10, 20, 5, 2000));  // has reached what was the end at 1000
  REQUIRE(s.remote_replicas().size() == 1);
  CHECK(s.remote_replicas()[0].last_caught_up_ms == 1000);
  s.on_follower_fetch(fetch_of(2, 20, 20, 10, 3000));
  CHECK(s.remote_replicas()[0].last_caught_up_ms == 3000);
}

TEST_CASE("PartitionState: low watermark over live replicas", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1, 2}, 0).a, Offset(0), 0);
  auto f = fetch_of(2, 10, 10, 0, 10);
  f.log_start = Offset(3);
  CHECK(s.on_follower_fetch(f).low_watermark_may_move);
  CHECK(s.low_watermark(Offset(7), kAll) == Offset(3));
  CHECK(s.low_watermark(Offset(7), kNobody) == Offset(7));
}

TEST_CASE("PartitionState: an epoch bump of the same leader keeps what the followers fetched", "[replication]") {
  PartitionState s(BrokerId(1));
  s.become_leader(Assigned({1, 2}, {1, 2}, 0).a, Offset(0), 0);
  s.on_leader_append(Offset(10));
  s.on_follower_fetch(fetch_of(2, 10, 10, 0, 10));
  CHECK(s.become_leader(Assigned({1, 2}, {1, 2}, 1, 1, 4).a, Offset(10), 20));
  CHECK(s.high_watermark_target(20, kLag, 1, kAll) == Offset(10));
  SECTION("a new leader knows nothing of them") {
    s.become_follower(Assigned({1, 2}, {2}, 2, 2, 5).a);
    s.become_leader(Assigned({1, 2}, {1, 2}, 3, 1, 6).a, Offset(10), 30);
    CHECK_FALSE(s.high_watermark_target(30, kLag, 1, kAll).has_value());
  }
}
