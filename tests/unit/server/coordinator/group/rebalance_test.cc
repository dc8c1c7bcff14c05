#include "server/coordinator/group/group_records.h"
#include "tests/unit/server/coordinator/group/shard_driver.h"

namespace moldau::server::test {
namespace {

/// Two members in generation 1, before they sync.
struct Two : ShardDriver {
  Two() {
    const auto a = join();
    const auto b = join();
    advance(5'000);  // the initial delay, extended for the second member up to the rebalance timeout
    leader = joined(a).member_id;
    follower = joined(b).member_id;
    REQUIRE(joined(a).leader == leader);
  }
  void make_stable() {
    sync(leader, 1, {{leader, "L"}, {follower, "F"}});
    sync(follower, 1);
    appends_done();
    REQUIRE(state() == GroupState::stable);
  }
  std::string leader;
  std::string follower;
};

TEST_CASE("SyncGroup: the leader's assignment is stored, then all are answered", "[group]") {
  Two d;
  const auto f = d.sync(d.follower, 1);
  CHECK(!d.answered(f));
  CHECK(d.appends.empty());
  const auto l = d.sync(d.leader, 1, {{d.leader, "L"}, {d.follower, "F"}});
  CHECK(!d.answered(l));
  REQUIRE(d.appends.size() == 1);
  CHECK(d.appends[0].all_replicas);
  CHECK(d.state() == GroupState::completing_rebalance);
  d.append_done();
  CHECK(d.synced(f).assignment == "F");
  CHECK(d.synced(l).assignment == "L");
  CHECK(d.synced(l).protocol_type == "consumer");
  CHECK(d.synced(l).protocol_name == "range");
  CHECK(d.state() == GroupState::stable);
  // and again, from memory
  CHECK(d.synced(d.sync(d.follower, 1)).assignment == "F");
  CHECK(d.appends.empty());
}

TEST_CASE("SyncGroup: members that the leader leaves out get nothing, strangers are dropped", "[group]") {
  Two d;
  const auto l = d.sync(d.leader, 1, {{d.leader, "L"}, {"stranger", "S"}});
  const auto f = d.sync(d.follower, 1);
  d.append_done();
  CHECK(d.synced(l).assignment == "L");
  CHECK(d.synced(f).error == ErrorCode::none);
  CHECK(d.synced(f).assignment.empty());
}

TEST_CASE("SyncGroup: what is refused", "[group]") {
  Two d;
  SyncRequest r;
  r.group_id = "g";
  r.member_id = d.leader;
  r.generation = 1;
  SECTION("unknown group") {
    r.group_id = "x";
    CHECK(d.synced(d.sync(r)).error == ErrorCode::unknown_member_id);
  }
  SECTION("unknown member") {
    r.member_id = "x";
    CHECK(d.synced(d.sync(r)).error == ErrorCode::unknown_member_id);
  }
  SECTION("unknown instance") {
    r.group_instance_id = "x";
    CHECK(d.synced(d.sync(r)).error == ErrorCode::unknown_member_id);
  }
  SECTION("generation") {
    r.generation = 0;
    CHECK(d.synced(d.sync(r)).error == ErrorCode::illegal_generation);
  }
  SECTION("protocol type and name (v5)") {
    r.protocol_type = "connect";
    CHECK(d.synced(d.sync(r)).error == ErrorCode::inconsistent_group_protocol);
    r.protocol_type = "consumer";
    r.protocol_name = "sticky";
    CHECK(d.synced(d.sync(r)).error == ErrorCode::inconsistent_group_protocol);
    r.protocol_name = "range";
    CHECK(!d.answered(d.sync(r)));
  }
  SECTION("while a rebalance prepares") {
    d.make_stable();
    d.join();
    CHECK(d.synced(d.sync(d.leader, 1)).error == ErrorCode::rebalance_in_progress);
  }
}

TEST_CASE("SyncGroup: the assignment can't be stored", "[group]") {
  struct Row {
    ErrorCode append;
    ErrorCode answer;
  };
  for (const auto row : {Row{ErrorCode::unknown_topic_or_partition, ErrorCode::coordinator_not_available}, Row{ErrorCode::not_enough_replicas, ErrorCode::coordinator_not_available},
                         Row{ErrorCode::not_enough_replicas_after_append, ErrorCode::coordinator_not_available},
                         Row{ErrorCode::not_leader_or_follower, ErrorCode::not_coordinator}, Row{ErrorCode::kafka_storage_error, ErrorCode::not_coordinator},
                         Row{ErrorCode::request_timed_out, ErrorCode::rebalance_in_progress}, Row{ErrorCode::message_too_large, ErrorCode::unknown_server_error},
                         Row{ErrorCode::record_list_too_large, ErrorCode::unknown_server_error}, Row{ErrorCode::invalid_fetch_size, ErrorCode::unknown_server_error},
                         Row{ErrorCode::corrupt_message, ErrorCode::corrupt_message}}) {
    Two d;
    const auto f = d.sync(d.follower, 1);
    const auto l = d.sync(d.leader, 1, {{d.leader, "L"}});
    d.append_done(row.append);
    CHECK(d.synced(f).error == row.answer);
    CHECK(d.synced(l).error == row.answer);
    CHECK(d.state() == GroupState::preparing_rebalance);
  }
}

TEST_CASE("SyncGroup: an outcome that comes too late changes nothing", "[group]") {
  Two d;
  const auto l = d.sync(d.leader, 1, {{d.leader, "L"}});
  JoinArgs a;
  a.member = d.follower;
  a.protocols = {{"range", "other"}};
  d.join(a);
  CHECK(d.synced(l).error == ErrorCode::rebalance_in_progress);
  a.member = d.leader;
  d.join(a);
  CHECK(d.group().generation() == 2);
  CHECK(d.state() == GroupState::completing_rebalance);
  d.append_done();  // of generation 1
  CHECK(d.state() == GroupState::completing_rebalance);
}

TEST_CASE("SyncGroup: who does not sync within the rebalance timeout is removed", "[group]") {
  Two d;
  SECTION("the leader does not sync") {
    const auto f = d.sync(d.follower, 1);
    d.advance(5'000);
    CHECK(d.synced(f).error == ErrorCode::rebalance_in_progress);
    CHECK(d.group().size() == 1);
    CHECK(d.state() == GroupState::preparing_rebalance);
    CHECK(d.group().leader() == d.follower);
  }
  SECTION("a follower does not sync, although the group is stable") {
    d.sync(d.leader, 1, {{d.leader, "L"}});
    d.append_done();
    CHECK(d.state() == GroupState::stable);
    d.advance(4'999);
    CHECK(d.state() == GroupState::stable);
    d.advance(1);
    CHECK(d.state() == GroupState::preparing_rebalance);
    CHECK(d.group().find(d.follower) == nullptr);
  }
}

TEST_CASE("Heartbeat: in every state", "[group]") {
  Two d;
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::none);  // CompletingRebalance
  CHECK(d.heartbeat(d.leader, 2) == ErrorCode::illegal_generation);
  CHECK(d.heartbeat("x", 1) == ErrorCode::unknown_member_id);
  CHECK(d.heartbeat(d.leader, 1, "x") == ErrorCode::unknown_member_id);
  CHECK(d.heartbeat(d.leader, 1, std::nullopt, "other") == ErrorCode::unknown_member_id);
  d.make_stable();
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::none);
  d.join();
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::rebalance_in_progress);
  CHECK(d.heartbeat(d.leader, 0) == ErrorCode::illegal_generation);
}

TEST_CASE("Sessions: heartbeats, syncs and commits keep a member; silence ends it", "[group]") {
  Two d;
  d.make_stable();
  for (int i = 0; i < 5; ++i) {
    d.advance(9'000);
    CHECK(d.heartbeat(d.leader, 1) == ErrorCode::none);
    d.commit({offset_of("t", 0, i)}, d.follower, 1);
    d.appends_done();
    CHECK(d.heartbeat(d.follower, 1) == ErrorCode::none);
  }
  d.advance(5'000);
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::none);
  d.advance(4'999);
  CHECK(d.state() == GroupState::stable);
  d.advance(1);
  CHECK(d.state() == GroupState::preparing_rebalance);
  CHECK(d.group().find(d.follower) == nullptr);
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::rebalance_in_progress);
  // The leader does not rejoin within the rebalance timeout: nobody is left.
  d.advance(5'000);
  CHECK(d.state() == GroupState::empty);
  CHECK(d.group().generation() == 2);
}

TEST_CASE("Sessions: who waits in a join does not time out, and has a whole session afterwards", "[group]") {
  ShardDriver d;
  JoinArgs a;
  a.rebalance = 60'000;
  a.session = 6'000;
  const auto one = d.join(a);
  const auto two = d.join(a);
  d.advance(10'000);
  const auto m1 = d.joined(one).member_id;
  const auto m2 = d.joined(two).member_id;
  d.sync(m1, 1);
  d.sync(m2, 1);
  d.appends_done();
  a.member = m1;
  const auto again = d.join(a);
  for (int i = 0; i < 6; ++i) {
    d.advance(5'000);
    CHECK(d.heartbeat(m2, 1) == ErrorCode::rebalance_in_progress);
  }
  CHECK(!d.answered(again));
  d.advance(6'000);  // m2 is silent now
  CHECK(d.joined(again).generation == 2);
  d.advance(5'999);
  CHECK(d.group().size() == 1);
  d.advance(1);
  CHECK(d.group().size() == 0);
}

TEST_CASE("Sessions: nobody is dead whose heartbeat came before the timer got its turn", "[group]") {
  Two d;
  d.make_stable();
  const auto deadline = *d.shard.next_deadline();
  const auto fire = [&](SteadyTime until) {
    Effects fx;
    d.shard.on_tick(until, d.now, fx);
    d.take(fx);
  };
  // The process stood still for 20 s.
  d.move_to(deadline + Millis(20'000));
  CHECK(d.shard.anything_due(d.now));
  CHECK(d.heartbeat(d.leader, 1) == ErrorCode::none);
  CHECK(d.heartbeat(d.follower, 1) == ErrorCode::none);
  CHECK(!d.shard.anything_due(d.now));
  fire(d.now.steady);
  CHECK(d.state() == GroupState::stable);
  CHECK(*d.shard.next_deadline() == d.now.steady + Millis(10'000));

  // What became due only since the look at the sockets began waits for the next look.
  const auto looked = d.now.steady + Millis(9'999);
  d.move_to(looked + Millis(5'000));
  fire(looked);
  CHECK(d.state() == GroupState::stable);
  fire(d.now.steady);
  CHECK(d.group().size() == 0);
}

TEST_CASE("LeaveGroup", "[group]") {
  Two d;
  d.make_stable();
  SECTION("one of two: rebalance") {
    const auto r = d.leave(d.follower);
    CHECK(r.error == ErrorCode::none);
    REQUIRE(r.members.size() == 1);
    CHECK(r.members[0].error == ErrorCode::none);
    CHECK(d.state() == GroupState::preparing_rebalance);
  }
  SECTION("several at once, each with its own outcome") {
    Effects fx;
    LeavingMember one;
    one.member_id = d.leader;
    LeavingMember two;
    two.member_id = "x";
    LeavingMember three;
    three.group_instance_id = "i";
    LeavingMember four;
    four.member_id = d.follower;
    const auto r = d.shard.leave("g", {one, two, three, four}, d.now, fx);
    d.take(fx);
    REQUIRE(r.members.size() == 4);
    CHECK(r.members[0].error == ErrorCode::none);
    CHECK(r.members[1].error == ErrorCode::unknown_member_id);
    CHECK(r.members[2].error == ErrorCode::unknown_member_id);
    CHECK(r.members[3].error == ErrorCode::none);
    CHECK(d.state() == GroupState::empty);
  }
  SECTION("the last member: empty at once, with a new generation that is stored") {
    d.leave(d.follower);
    d.leave(d.leader);
    CHECK(d.state() == GroupState::empty);
    CHECK(d.group().generation() == 2);
    REQUIRE(d.appends.size() == 1);
    const auto stored = read_group_value(as_bytes(*d.appends[0].records[0].value));
    REQUIRE(stored);
    CHECK(stored->generation == 2);
    CHECK(stored->members.empty());
    CHECK(!stored->protocol);
    CHECK(!stored->leader);
    CHECK(stored->protocol_type == "consumer");
    d.append_done(ErrorCode::not_leader_or_follower);  // only logged
    CHECK(d.state() == GroupState::empty);
  }
  SECTION("unknown group") {
    Effects fx;
    LeavingMember one;
    one.member_id = "x";
    const auto r = d.shard.leave("other", {one}, d.now, fx);
    CHECK(r.error == ErrorCode::none);
    CHECK(r.members[0].error == ErrorCode::unknown_member_id);
  }
}

TEST_CASE("DescribeGroups and ListGroups: each state", "[group]") {
  Two d;
  auto s = d.shard.describe("g");
  CHECK(s.state == "CompletingRebalance");
  CHECK(s.protocol_type == "consumer");
  CHECK(s.protocol.empty());
  REQUIRE(s.members.size() == 2);
  CHECK(s.members[0].metadata.empty());
  d.make_stable();
  s = d.shard.describe("g");
  CHECK(s.state == "Stable");
  CHECK(s.protocol == "range");
  CHECK(s.members[0].member_id == d.leader);
  CHECK(s.members[0].client_host == "/127.0.0.1");
  CHECK(s.members[0].metadata == subscription({"t"}));
  CHECK(s.members[1].assignment == "F");
  d.join();
  CHECK(d.shard.describe("g").state == "PreparingRebalance");
  CHECK(d.shard.describe("nobody").state == "Dead");
  CHECK(!d.shard.describe("nobody").found);
  const auto all = d.shard.list();
  REQUIRE(all.size() == 1);
  CHECK(all[0].state == GroupState::preparing_rebalance);
  CHECK(all[0].protocol_type == "consumer");
}

TEST_CASE("Unload: all who wait are told", "[group]") {
  Two d;
  const auto s = d.sync(d.follower, 1);
  const auto c = d.commit({offset_of("t", 0, 1)}, "", -1, std::nullopt, std::nullopt, "other");
  Effects fx;
  d.shard.unload(fx);
  d.take(fx);
  CHECK(d.synced(s).error == ErrorCode::not_coordinator);
  CHECK(d.shard.group_count() == 0);
  CHECK(!d.shard.next_deadline());
  CHECK(!d.answered(c));
  d.append_done();
  CHECK(d.committed(c) == ErrorCode::none);  // it is in the log
  CHECK(d.shard.group_count() == 0);

  ShardDriver e;
  const auto j = e.join();
  Effects gx;
  e.shard.unload(gx);
  e.take(gx);
  CHECK(e.joined(j).error == ErrorCode::not_coordinator);
}

}  // namespace
}  // namespace moldau::server::test
