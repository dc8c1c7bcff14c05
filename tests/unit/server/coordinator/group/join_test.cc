#include "tests/unit/server/coordinator/group/shard_driver.h"

namespace moldau::server::test {
namespace {

JoinArgs with(std::string member) {
  JoinArgs a;
  a.member = std::move(member);
  return a;
}
JoinArgs as_static(std::string instance, std::string member = {}) {
  JoinArgs a;
  a.instance = std::move(instance);
  a.member = std::move(member);
  return a;
}

TEST_CASE("JoinGroup: what is refused at once", "[group]") {
  ShardDriver d;
  SECTION("session timeout out of bounds") {
    for (const auto session : {5'999, 1'800'001}) {
      JoinArgs a;
      a.session = session;
      CHECK(d.joined(d.join(a)).error == ErrorCode::invalid_session_timeout);
      CHECK(d.shard.group_count() == 0);
    }
  }
  SECTION("a member id that nobody gave") {
    const auto& r = d.joined(d.join(with("x")));
    CHECK(r.error == ErrorCode::unknown_member_id);
    CHECK(r.member_id == "x");
    CHECK(r.generation == -1);
    CHECK(d.shard.group_count() == 0);
  }
  SECTION("no protocols, or no protocol type, into an empty group") {
    JoinArgs a;
    a.protocols.clear();
    CHECK(d.joined(d.join(a)).error == ErrorCode::inconsistent_group_protocol);
    a = JoinArgs{};
    a.type.clear();
    CHECK(d.joined(d.join(a)).error == ErrorCode::inconsistent_group_protocol);
  }
  SECTION("another protocol type or no common protocol") {
    d.stable_member();
    JoinArgs a;
    a.type = "connect";
    CHECK(d.joined(d.join(a)).error == ErrorCode::inconsistent_group_protocol);
    a = JoinArgs{};
    a.protocols = {{"sticky", ""}};
    CHECK(d.joined(d.join(a)).error == ErrorCode::inconsistent_group_protocol);
    CHECK(d.state() == GroupState::stable);
  }
  SECTION("unknown member of a known group") {
    d.stable_member();
    CHECK(d.joined(d.join(with("stranger"))).error == ErrorCode::unknown_member_id);
    CHECK(d.joined(d.join(as_static("nobody", "stranger"))).error == ErrorCode::unknown_member_id);
  }
}

TEST_CASE("JoinGroup: a member id is given first (KIP-394)", "[group]") {
  ShardDriver d;
  JoinArgs a;
  a.require_known = true;
  const auto first = d.joined(d.join(a));
  CHECK(first.error == ErrorCode::member_id_required);
  CHECK(first.member_id.size() == std::string("c-").size() + 36);
  CHECK(first.member_id.rfind("c-", 0) == 0);
  CHECK(d.state() == GroupState::empty);
  CHECK(d.group().pending_count() == 1);

  SECTION("and joins with it") {
    a.member = first.member_id;
    const auto j = d.join(a);
    CHECK(!d.answered(j));
    CHECK(d.group().pending_count() == 0);
    d.advance(3'000);
    CHECK(d.joined(j).member_id == first.member_id);
    CHECK(d.joined(j).leader == first.member_id);
  }
  SECTION("forgotten after the session timeout") {
    d.advance(9'999);
    CHECK(d.group().pending_count() == 1);
    d.advance(1);
    CHECK(d.group().pending_count() == 0);
    a.member = first.member_id;
    CHECK(d.joined(d.join(a)).error == ErrorCode::unknown_member_id);
  }
  SECTION("a pending member may leave") {
    CHECK(d.leave(first.member_id).members[0].error == ErrorCode::none);
    CHECK(d.group().pending_count() == 0);
  }
  SECTION("a pending member holds up a rebalance until it is forgotten") {
    const auto member = d.stable_member();
    d.joined(d.join(a));  // pending for 10 s
    JoinArgs other = with(member);
    other.rebalance = 60'000;
    const auto j = d.join(other);  // the leader rejoins: all members are there, the pending one is not
    CHECK(!d.answered(j));
    d.advance(10'000);
    CHECK(d.joined(j).error == ErrorCode::none);
  }
  SECTION("an instance id with a pending member id is a client's error") {
    JoinArgs wrong = as_static("i", first.member_id);
    CHECK(d.joined(d.join(wrong)).error == ErrorCode::unknown_server_error);
  }
}

TEST_CASE("JoinGroup: the first rebalance of a group waits for more members", "[group]") {
  ShardDriver d;
  SECTION("one member: the initial delay") {
    const auto j = d.join();
    d.advance(2'999);
    CHECK(!d.answered(j));
    d.advance(1);
    const auto& r = d.joined(j);
    CHECK(r.error == ErrorCode::none);
    CHECK(r.generation == 1);
    CHECK(r.protocol_type == "consumer");
    CHECK(r.protocol_name == "range");
    CHECK(r.leader == r.member_id);
    REQUIRE(r.members.size() == 1);
    CHECK(r.members[0].metadata == subscription({"t"}));
    CHECK(d.state() == GroupState::completing_rebalance);
  }
  SECTION("each newcomer extends it, up to the rebalance timeout") {
    JoinArgs a;
    a.rebalance = 7'000;  // 3 s and at most 4 s more
    const auto first = d.join(a);
    d.advance(2'000);
    const auto second = d.join(a);
    d.advance(2'000);  // 4 s: extended once, to 6 s
    CHECK(!d.answered(first));
    const auto third = d.join(a);
    d.advance(2'000);  // 6 s: extended again, by the rest of 1 s
    CHECK(!d.answered(first));
    const auto fourth = d.join(a);
    d.advance(1'000);
    CHECK(d.joined(first).members.size() == 4);
    CHECK(d.joined(second).members.empty());
    CHECK(d.joined(third).generation == 1);
    CHECK(d.joined(fourth).leader == d.joined(first).member_id);
  }
  SECTION("no delay configured: at once") {
    GroupConfig c;
    c.initial_rebalance_delay_ms = 0;
    ShardDriver now(c);
    const auto j = now.join();
    CHECK(now.joined(j).generation == 1);
  }
  SECTION("members that leave meanwhile: the delay ends in an empty group") {
    const auto j = d.join();
    const auto id = d.group().members().front().id;
    CHECK(d.leave(id).members[0].error == ErrorCode::none);
    CHECK(d.joined(j).error == ErrorCode::unknown_member_id);
    CHECK(d.state() == GroupState::preparing_rebalance);
    d.advance(3'000);
    CHECK(d.state() == GroupState::empty);
    CHECK(d.group().generation() == 1);
    REQUIRE(d.appends.size() == 1);
  }
}

TEST_CASE("JoinGroup: protocols are voted on", "[group]") {
  ShardDriver d;
  JoinArgs a;
  a.protocols = {{"sticky", "1"}, {"range", "2"}, {"roundrobin", "3"}};
  const auto one = d.join(a);
  a.protocols = {{"range", "4"}, {"sticky", "5"}};
  const auto two = d.join(a);
  a.protocols = {{"cooperative-sticky", "6"}, {"range", "7"}, {"sticky", "8"}};
  const auto three = d.join(a);
  d.advance(10'000);
  CHECK(d.joined(one).protocol_name == "range");  // two of three, roundrobin and cooperative-sticky are not common
  CHECK(d.joined(two).protocol_name == "range");
  REQUIRE(d.joined(one).members.size() == 3);
  CHECK(d.joined(one).members[2].metadata == "7");
  CHECK(d.joined(three).members.empty());
}

TEST_CASE("JoinGroup: a member that is in the group joins again", "[group]") {
  ShardDriver d;
  const auto leader = d.stable_member();
  const auto j = d.join();  // second member: rebalance
  CHECK(d.state() == GroupState::preparing_rebalance);
  const auto rejoined = d.join(with(leader));
  CHECK(d.joined(rejoined).generation == 2);
  const auto follower = d.joined(j).member_id;
  CHECK(d.joined(j).leader == leader);

  SECTION("completing: the same metadata gets the same answer") {
    const auto& again = d.joined(d.join(with(leader)));
    CHECK(again.generation == 2);
    CHECK(again.members.size() == 2);
    const auto& other = d.joined(d.join(with(follower)));
    CHECK(other.generation == 2);
    CHECK(other.members.empty());
    CHECK(d.state() == GroupState::completing_rebalance);
  }
  SECTION("completing: other metadata begins a new rebalance, waiting syncs fail") {
    const auto s = d.sync(follower, 2);
    CHECK(!d.answered(s));
    JoinArgs a = with(leader);
    a.protocols = {{"range", subscription({"t", "u"})}};
    const auto again = d.join(a);
    CHECK(d.state() == GroupState::preparing_rebalance);
    CHECK(d.synced(s).error == ErrorCode::rebalance_in_progress);
    CHECK(!d.answered(again));
    d.join(with(follower));
    CHECK(d.joined(again).generation == 3);
  }
  SECTION("stable") {
    d.sync(leader, 2, {{leader, "x"}, {follower, "y"}});
    d.sync(follower, 2);
    d.appends_done();
    REQUIRE(d.state() == GroupState::stable);
    SECTION("follower with the same metadata: the current generation") {
      const auto& r = d.joined(d.join(with(follower)));
      CHECK(r.generation == 2);
      CHECK(r.leader == leader);
      CHECK(d.state() == GroupState::stable);
    }
    SECTION("follower with other metadata: a rebalance") {
      JoinArgs a = with(follower);
      a.protocols = {{"range", "other"}};
      CHECK(!d.answered(d.join(a)));
      CHECK(d.state() == GroupState::preparing_rebalance);
      CHECK(d.heartbeat(leader, 2) == ErrorCode::rebalance_in_progress);
    }
    SECTION("leader: always a rebalance") {
      CHECK(!d.answered(d.join(with(leader))));
      CHECK(d.state() == GroupState::preparing_rebalance);
    }
  }
  SECTION("preparing: the newer of two requests of one member counts, the older is answered") {
    JoinArgs a = with(leader);
    a.protocols = {{"range", "x"}};
    const auto one = d.join(a);
    const auto two = d.join(a);
    CHECK(d.joined(one).error == ErrorCode::rebalance_in_progress);
    CHECK(!d.answered(two));
    d.join(with(follower));
    CHECK(d.joined(two).error == ErrorCode::none);
  }
}

TEST_CASE("JoinGroup: the rebalance timeout drops those who stay away", "[group]") {
  ShardDriver d;
  JoinArgs slow;
  slow.session = 60'000;
  slow.rebalance = 5'000;
  const auto one = d.stable_member(slow);
  JoinArgs a = slow;
  const auto two = d.join(a);
  CHECK(!d.answered(two));
  d.advance(4'999);
  CHECK(!d.answered(two));
  d.advance(1);
  const auto& r = d.joined(two);
  CHECK(r.error == ErrorCode::none);
  CHECK(r.generation == 2);
  CHECK(r.leader == r.member_id);  // the old leader is gone
  CHECK(r.members.size() == 1);
  CHECK(d.heartbeat(one, 2) == ErrorCode::unknown_member_id);
}

TEST_CASE("JoinGroup: a new member has 5 minutes in its first join", "[group]") {
  ShardDriver d;
  JoinArgs stays;
  stays.session = 1'800'000;
  stays.rebalance = 1'800'000;
  const auto member = d.stable_member(stays);
  const auto j = d.join();  // waits for the other, which does not come
  d.advance(299'999);
  CHECK(!d.answered(j));
  d.advance(1);
  CHECK(d.joined(j).error == ErrorCode::unknown_member_id);
  CHECK(d.group().size() == 1);
  CHECK(d.state() == GroupState::preparing_rebalance);
  CHECK(d.heartbeat(member, 1) == ErrorCode::rebalance_in_progress);
}

TEST_CASE("JoinGroup: group.max.size", "[group]") {
  GroupConfig c;
  c.max_size = 2;
  SECTION("stable: no third member") {
    ShardDriver d(c);
    const auto one = d.join();
    const auto two = d.join();
    const auto three = d.join();
    CHECK(d.joined(three).error == ErrorCode::group_max_size_reached);
    CHECK(d.joined(three).member_id.empty());
    d.advance(5'000);
    CHECK(d.joined(one).error == ErrorCode::none);
    d.sync(d.joined(one).member_id, 1);
    d.sync(d.joined(two).member_id, 1);
    d.appends_done();
    CHECK(d.joined(d.join()).error == ErrorCode::group_max_size_reached);
    CHECK(d.state() == GroupState::stable);
    // A static member that comes back under an unknown id counts as a new one.
    CHECK(d.joined(d.join(as_static("i"))).error == ErrorCode::group_max_size_reached);
  }
  SECTION("freshly loaded over its size: the last to rejoin are shed") {
    LoadedGroups loaded;
    StoredGroup g;
    g.protocol_type = "consumer";
    g.protocol = "range";
    g.generation = 5;
    g.leader = "m0";
    for (int i = 0; i < 3; ++i) {
      GroupMember m;
      m.id = "m" + std::to_string(i);
      m.protocol_type = "consumer";
      m.protocols = {{"range", "x"}};
      m.session_timeout_ms = 10'000;
      m.rebalance_timeout_ms = 5'000;
      g.members.push_back(m);
    }
    loaded.groups["g"].metadata = g;
    ShardDriver d(c);
    Effects fx;
    d.shard.install(std::move(loaded), d.now, fx);
    d.take(fx);
    CHECK(d.state() == GroupState::preparing_rebalance);
    JoinArgs a;
    a.protocols = {{"range", "x"}};
    a.member = "m0";
    const auto j0 = d.join(a);
    a.member = "m1";
    const auto j1 = d.join(a);
    a.member = "m2";
    CHECK(d.joined(d.join(a)).error == ErrorCode::group_max_size_reached);
    CHECK(d.joined(j0).generation == 6);
    CHECK(d.joined(j1).generation == 6);
  }
}

TEST_CASE("Static members (KIP-345)", "[group]") {
  ShardDriver d;
  JoinArgs a = as_static("i1");
  a.skip = true;
  const auto leader = d.stable_member(a);
  CHECK(leader.rfind("i1-", 0) == 0);

  SECTION("back without an id, same protocol: no rebalance, the old id is fenced") {
    const auto j = d.join(a);
    CHECK(!d.answered(j));  // not before the new id is stored
    REQUIRE(d.appends.size() == 1);
    d.append_done();
    const auto& r = d.joined(j);
    CHECK(r.error == ErrorCode::none);
    CHECK(r.generation == 1);
    CHECK(r.member_id != leader);
    CHECK(r.leader == r.member_id);
    CHECK(r.skip_assignment);
    CHECK(r.members.size() == 1);
    CHECK(d.state() == GroupState::stable);
    CHECK(d.heartbeat(leader, 1, "i1") == ErrorCode::fenced_instance_id);
    CHECK(d.heartbeat(leader, 1) == ErrorCode::unknown_member_id);
    CHECK(d.heartbeat(r.member_id, 1, "i1") == ErrorCode::none);
    // It keeps its assignment.
    const auto s = d.sync(r.member_id, 1, {}, "i1");
    CHECK(d.synced(s).assignment == "a");
    CHECK(d.joined(d.join(as_static("i1", leader))).error == ErrorCode::fenced_instance_id);
    CHECK(d.committed(d.commit({offset_of("t", 0, 1)}, leader, 1, "i1")) == ErrorCode::fenced_instance_id);
    CHECK(d.leave(leader, "i1").members[0].error == ErrorCode::fenced_instance_id);
    CHECK(d.synced(d.sync(leader, 1, {}, "i1")).error == ErrorCode::fenced_instance_id);
  }
  SECTION("below v9 the old leader's id keeps it from assigning") {
    a.skip = false;
    const auto j = d.join(a);
    d.append_done();
    CHECK(d.joined(j).leader == leader);
    CHECK(!d.joined(j).skip_assignment);
    CHECK(d.joined(j).members.empty());
  }
  SECTION("the new id can't be stored: all as before") {
    const auto j = d.join(a);
    d.append_done(ErrorCode::not_enough_replicas);
    CHECK(d.joined(j).error == ErrorCode::coordinator_not_available);
    CHECK(d.joined(j).member_id.empty());
    CHECK(d.heartbeat(leader, 1, "i1") == ErrorCode::none);
    CHECK(d.state() == GroupState::stable);
    CHECK(d.group().awaiting_join_count() == 0);
  }
  SECTION("a rebalance begins while the new id is being stored: its join is part of it") {
    const auto j = d.join(a);
    const auto other = d.join();
    CHECK(d.state() == GroupState::completing_rebalance);  // both have joined
    CHECK(d.joined(j).generation == 2);
    CHECK(d.joined(other).generation == 2);
    d.append_done();
    CHECK(d.state() == GroupState::completing_rebalance);
  }
  SECTION("another protocol: a rebalance") {
    a.protocols = {{"sticky", "s"}, {"range", "r"}};
    const auto j = d.join(a);
    // It is alone, so all have joined and the group changes to its new favourite.
    CHECK(d.joined(j).generation == 2);
    CHECK(d.joined(j).protocol_name == "sticky");
  }
  SECTION("a duplicate that waits in the rebalance is fenced at once") {
    const auto other = d.join();  // rebalance
    CHECK(!d.answered(other));
    const auto first = d.join(as_static("i1", leader));
    CHECK(d.joined(first).generation == 2);
    // completing: a new id for the instance begins another rebalance
    const auto s = d.sync(d.joined(other).member_id, 2);
    const auto again = d.join(as_static("i1"));
    CHECK(d.state() == GroupState::preparing_rebalance);
    CHECK(d.synced(s).error == ErrorCode::rebalance_in_progress);
    const auto third = d.join(as_static("i1"));
    CHECK(d.joined(again).error == ErrorCode::fenced_instance_id);
    CHECK(!d.answered(third));
  }
  SECTION("a waiting sync of the old id is fenced") {
    const auto other = d.join();
    const auto first = d.join(as_static("i1", leader));
    REQUIRE(d.joined(other).error == ErrorCode::none);
    REQUIRE(d.joined(first).leader == leader);
    const auto s = d.sync(leader, 2, {}, "i1");
    CHECK(!d.answered(s));
    d.join(as_static("i1"));
    CHECK(d.synced(s).error == ErrorCode::fenced_instance_id);
  }
  SECTION("it stays through a rebalance that it misses, until its session ends") {
    d.advance(9'000);
    const auto other = d.join();
    d.advance(999);
    CHECK(!d.answered(other));
    d.advance(1);  // 10 s without a heartbeat
    CHECK(d.joined(other).error == ErrorCode::none);
    CHECK(d.joined(other).members.size() == 1);
  }
  SECTION("only static members and nobody comes back: the rebalance goes on waiting") {
    const auto other = d.join();
    d.advance(1'000);
    d.heartbeat(leader, 1, "i1");
    const auto id = d.group().members().back().id;
    d.leave(id);
    CHECK(d.joined(other).error == ErrorCode::unknown_member_id);
    d.advance(4'000);  // rebalance timeout: no member rejoined
    CHECK(d.state() == GroupState::preparing_rebalance);
    CHECK(d.group().size() == 1);
    d.advance(6'000);  // session timeout
    CHECK(d.state() == GroupState::empty);
  }
  SECTION("an administrator removes it by its instance id") {
    CHECK(d.leave("", "nobody").members[0].error == ErrorCode::unknown_member_id);
    const auto left = d.leave("", "i1");
    CHECK(left.members[0].error == ErrorCode::none);
    CHECK(left.members[0].group_instance_id == "i1");
    CHECK(d.state() == GroupState::empty);
  }
}

}  // namespace
}  // namespace moldau::server::test
