#include <cstdint>
#include <limits>

#include "server/coordinator/group/group_records.h"
#include "tests/unit/server/coordinator/group/shard_driver.h"

namespace moldau::server::test {
namespace {

constexpr std::int64_t kDay = 86'400'000;

TEST_CASE("OffsetCommit: visible once it is in the log", "[group]") {
  ShardDriver d;
  auto o = offset_of("t", 0, 5);
  o.leader_epoch = 3;
  o.metadata = "m";
  const auto c = d.commit({o, offset_of("t", 1, 6)});
  CHECK(!d.answered(c));
  CHECK(d.fetch("t", 0).offset == -1);
  CHECK(d.fetch("t", 0, true).error == ErrorCode::unstable_offset_commit);
  REQUIRE(d.appends.size() == 1);
  CHECK(d.appends[0].records.size() == 2);  // one batch a request
  d.append_done();
  CHECK(d.committed(c, 0) == ErrorCode::none);
  CHECK(d.committed(c, 1) == ErrorCode::none);
  const auto f = d.fetch("t", 0, true);
  CHECK(f.offset == 5);
  CHECK(f.leader_epoch == 3);
  CHECK(f.metadata == "m");
  CHECK(d.fetch("t", 2).offset == -1);
  CHECK(d.fetch("t", 0, false, "unknown").offset == -1);
  CHECK(d.shard.fetch_offsets("g", std::nullopt, false).offsets.size() == 2);
  CHECK(d.shard.fetch_offsets("unknown", std::nullopt, false).offsets.empty());
}

TEST_CASE("OffsetCommit: who may", "[group]") {
  ShardDriver d;
  SECTION("unknown group") {
    CHECK(d.committed(d.commit({offset_of("t", 0, 1)}, "m", 3)) == ErrorCode::illegal_generation);
    CHECK(d.shard.group_count() == 0);
    d.commit({offset_of("t", 0, 1)});
    CHECK(d.state() == GroupState::empty);
  }
  SECTION("empty group") {
    d.commit({offset_of("t", 0, 1)});
    d.appends_done();
    CHECK(!d.answered(d.commit({offset_of("t", 0, 1)})));
    CHECK(d.committed(d.commit({offset_of("t", 0, 1)}, "m", 0)) == ErrorCode::unknown_member_id);
  }
  SECTION("a group with members") {
    const auto m = d.stable_member();
    struct Row {
      std::string member;
      std::int32_t generation;
      std::optional<std::string> instance;
      ErrorCode error;
    };
    for (const auto& row : {Row{"", -1, std::nullopt, ErrorCode::unknown_member_id}, Row{"x", 1, std::nullopt, ErrorCode::unknown_member_id},
                            Row{"", 1, std::nullopt, ErrorCode::unknown_member_id}, Row{m, 2, std::nullopt, ErrorCode::illegal_generation},
                            Row{m, -1, std::nullopt, ErrorCode::illegal_generation}, Row{m, 1, "i", ErrorCode::unknown_member_id}}) {
      INFO(row.member << " " << row.generation);
      CHECK(d.committed(d.commit({offset_of("t", 0, 1)}, row.member, row.generation, row.instance)) == row.error);
    }
    const auto c = d.commit({offset_of("t", 0, 1)}, m, 1);
    d.append_done();
    CHECK(d.committed(c) == ErrorCode::none);
    // while a rebalance prepares: still
    const auto j = d.join();
    const auto c2 = d.commit({offset_of("t", 0, 2)}, m, 1);
    d.append_done();
    CHECK(d.committed(c2) == ErrorCode::none);
    // and not before the assignment is known
    JoinArgs again;
    again.member = m;
    d.join(again);
    CHECK(d.joined(j).error == ErrorCode::none);
    CHECK(d.committed(d.commit({offset_of("t", 0, 3)}, m, 2)) == ErrorCode::rebalance_in_progress);
    CHECK(d.fetch("t", 0).offset == 2);
  }
}

TEST_CASE("OffsetCommit: metadata that is too large is refused alone", "[group]") {
  GroupConfig c;
  c.offset_metadata_max_bytes = 4;
  ShardDriver d(c);
  auto large = offset_of("t", 0, 1);
  large.metadata = "12345";
  auto fits = offset_of("t", 1, 1);
  fits.metadata = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";  // four characters
  auto pairs = offset_of("t", 2, 1);
  pairs.metadata = "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80";  // six UTF-16 units
  const auto r = d.commit({large, fits, pairs});
  d.append_done();
  CHECK(d.committed(r, 0) == ErrorCode::offset_metadata_too_large);
  CHECK(d.committed(r, 1) == ErrorCode::none);
  CHECK(d.committed(r, 2) == ErrorCode::offset_metadata_too_large);
  CHECK(d.fetch("t", 0).offset == -1);
  CHECK(d.fetch("t", 0, true).error == ErrorCode::none);
  CHECK(d.fetch("t", 1).offset == 1);
  CHECK(d.committed(d.commit({large})) == ErrorCode::offset_metadata_too_large);
  CHECK(d.appends.empty());
}

TEST_CASE("OffsetCommit: a failed append", "[group]") {
  struct Row {
    ErrorCode append;
    ErrorCode answer;
  };
  for (const auto row : {Row{ErrorCode::unknown_topic_or_partition, ErrorCode::coordinator_not_available}, Row{ErrorCode::not_enough_replicas, ErrorCode::coordinator_not_available},
                         Row{ErrorCode::not_enough_replicas_after_append, ErrorCode::coordinator_not_available},
                         Row{ErrorCode::not_leader_or_follower, ErrorCode::not_coordinator}, Row{ErrorCode::kafka_storage_error, ErrorCode::not_coordinator},
                         Row{ErrorCode::message_too_large, ErrorCode::invalid_commit_offset_size}, Row{ErrorCode::record_list_too_large, ErrorCode::invalid_commit_offset_size},
                         Row{ErrorCode::invalid_fetch_size, ErrorCode::invalid_commit_offset_size}, Row{ErrorCode::network_exception, ErrorCode::coordinator_load_in_progress},
                         Row{ErrorCode::request_timed_out, ErrorCode::request_timed_out}}) {
    ShardDriver d;
    const auto c = d.commit({offset_of("t", 0, 1)});
    d.append_done(row.append);
    CHECK(d.committed(c) == row.answer);
    CHECK(d.fetch("t", 0, true).error == ErrorCode::none);
    CHECK(d.fetch("t", 0).offset == -1);
  }
}

TEST_CASE("OffsetCommit: what is later in the log wins", "[group]") {
  ShardDriver d;
  d.commit({offset_of("t", 0, 1)});
  d.commit({offset_of("t", 0, 2)});
  // The outcome of the second comes first.
  const auto first = d.appends[0].id;
  const auto second = d.appends[1].id;
  Effects fx;
  d.shard.on_appended(second, ErrorCode::none, 11, d.now, fx);
  CHECK(d.fetch("t", 0).offset == 2);
  d.shard.on_appended(first, ErrorCode::none, 10, d.now, fx);
  CHECK(d.fetch("t", 0).offset == 2);
  CHECK(d.fetch("t", 0, true).error == ErrorCode::none);
}

TEST_CASE("OffsetCommit: a partition named twice", "[group]") {
  ShardDriver d;
  d.commit({offset_of("t", 0, 1), offset_of("t", 0, 2)});
  d.append_done();
  CHECK(d.fetch("t", 0).offset == 2);
  CHECK(d.fetch("t", 0, true).error == ErrorCode::none);
}

TEST_CASE("Transactional offsets wait for their marker", "[group]") {
  ShardDriver d;
  const ProducerRef p{ProducerId(7), ProducerEpoch(0)};
  const auto c = d.commit({offset_of("t", 0, 10)}, "", -1, std::nullopt, p);
  REQUIRE(d.appends[0].producer);
  CHECK(d.appends[0].producer->id == ProducerId(7));
  d.append_done();
  CHECK(d.committed(c) == ErrorCode::none);
  CHECK(d.fetch("t", 0).offset == -1);
  CHECK(d.fetch("t", 0, true).error == ErrorCode::unstable_offset_commit);
  SECTION("commit") {
    d.shard.end_transaction(ProducerId(8), true);
    CHECK(d.fetch("t", 0).offset == -1);
    d.shard.end_transaction(ProducerId(7), true);
    CHECK(d.fetch("t", 0, true).offset == 10);
  }
  SECTION("abort") {
    d.shard.end_transaction(ProducerId(7), false);
    CHECK(d.fetch("t", 0, true).offset == -1);
    CHECK(d.fetch("t", 0, true).error == ErrorCode::none);
  }
  SECTION("a plain commit that is later in the log wins over it") {
    d.commit({offset_of("t", 0, 11)});
    d.append_done();
    d.shard.end_transaction(ProducerId(7), true);
    CHECK(d.fetch("t", 0).offset == 11);
  }
  SECTION("several producers") {
    const ProducerRef q{ProducerId(9), ProducerEpoch(0)};
    d.commit({offset_of("t", 0, 20)}, "", -1, std::nullopt, q);
    d.append_done();
    d.shard.end_transaction(ProducerId(7), true);
    CHECK(d.fetch("t", 0).offset == 10);
    CHECK(d.fetch("t", 0, true).error == ErrorCode::unstable_offset_commit);
    d.shard.end_transaction(ProducerId(9), true);
    CHECK(d.fetch("t", 0, true).offset == 20);
  }
  SECTION("its append fails") {
    d.commit({offset_of("t", 1, 20)}, "", -1, std::nullopt, p);
    d.append_done(ErrorCode::not_leader_or_follower);
    CHECK(d.fetch("t", 1, true).error == ErrorCode::none);
    d.shard.end_transaction(ProducerId(7), true);
    CHECK(d.fetch("t", 0).offset == 10);
    CHECK(d.fetch("t", 1).offset == -1);
  }
}

TEST_CASE("DeleteGroups", "[group]") {
  ShardDriver d;
  CHECK(d.delete_group() == ErrorCode::group_id_not_found);
  SECTION("only offsets: no tombstone for the group") {
    d.commit({offset_of("t", 0, 1), offset_of("u", 3, 1)});
    d.appends_done();
    CHECK(d.delete_group() == ErrorCode::none);
    CHECK(d.shard.group_count() == 0);
    REQUIRE(d.appends.size() == 1);
    CHECK(!d.appends[0].all_replicas);
    REQUIRE(d.appends[0].records.size() == 2);
    CHECK(d.appends[0].records[0].key == offset_commit_key("g", "t", 0));
    CHECK(!d.appends[0].records[0].value);
    const auto request = d.last_request;
    CHECK(!d.answered(request));
    d.append_done();
    CHECK(d.answered(request));
    CHECK(d.delete_group() == ErrorCode::group_id_not_found);
  }
  SECTION("with members") {
    const auto m = d.stable_member();
    CHECK(d.delete_group() == ErrorCode::non_empty_group);
    d.leave(m);
    d.appends_done();
    CHECK(d.delete_group() == ErrorCode::none);
    REQUIRE(d.appends.size() == 1);
    REQUIRE(d.appends[0].records.size() == 1);
    CHECK(d.appends[0].records[0].key == group_metadata_key("g"));
  }
  SECTION("a commit under way does not bring it back") {
    const auto c = d.commit({offset_of("t", 0, 1)});
    CHECK(d.delete_group() == ErrorCode::none);
    d.commit({offset_of("t", 1, 1)});  // the next group of that name
    d.appends_done();
    CHECK(d.committed(c) == ErrorCode::none);
    CHECK(d.fetch("t", 0).offset == -1);
    CHECK(d.fetch("t", 1).offset == 1);
  }
}

TEST_CASE("OffsetDelete", "[group]") {
  ShardDriver d;
  SECTION("unknown group") { CHECK(d.delete_offsets({{"t", 0}}).group_error == ErrorCode::group_id_not_found); }
  SECTION("empty group: all; nothing left: the group goes") {
    d.commit({offset_of("t", 0, 1), offset_of("t", 1, 1)});
    d.appends_done();
    const auto r = d.delete_offsets({{"t", 0}, {"t", 9}});
    REQUIRE(r.errors.size() == 2);
    CHECK(r.errors[0] == ErrorCode::none);
    CHECK(r.errors[1] == ErrorCode::none);
    CHECK(d.fetch("t", 0).offset == -1);
    CHECK(d.appends[0].records.size() == 1);
    d.appends_done();
    d.delete_offsets({{"t", 1}});
    CHECK(d.shard.group_count() == 0);
  }
  SECTION("members: only what they do not subscribe to") {
    const auto m = d.stable_member();
    d.commit({offset_of("t", 0, 1), offset_of("u", 0, 1)}, m, 1);
    d.appends_done();
    const auto r = d.delete_offsets({{"t", 0}, {"u", 0}});
    CHECK(r.errors[0] == ErrorCode::group_subscribed_to_topic);
    CHECK(r.errors[1] == ErrorCode::none);
    CHECK(d.fetch("t", 0).offset == 1);
    CHECK(d.fetch("u", 0).offset == -1);
    CHECK(d.state() == GroupState::stable);
  }
  SECTION("members of another kind of group") {
    JoinArgs a;
    a.type = "connect";
    d.stable_member(a);
    CHECK(d.delete_offsets({{"t", 0}}).group_error == ErrorCode::non_empty_group);
  }
  SECTION("a subscription that can't be read: everything counts as subscribed") {
    JoinArgs a;
    a.protocols = {{"range", "?"}};
    d.stable_member(a);
    CHECK(d.delete_offsets({{"u", 0}}).errors[0] == ErrorCode::group_subscribed_to_topic);
  }
}

TEST_CASE("Deleted topics take their offsets along", "[group]") {
  ShardDriver d;
  d.commit({offset_of("t", 0, 1), offset_of("t", 1, 1), offset_of("u", 0, 1)});
  d.commit({offset_of("t", 0, 1)}, "", -1, std::nullopt, std::nullopt, "only-t");
  d.appends_done();
  d.commit({offset_of("t", 0, 2)});  // under way
  const std::vector<TopicPartitionView> gone{{"t", 0}, {"t", 1}};
  Effects fx;
  for (const auto& id : d.shard.group_ids()) d.shard.on_partitions_deleted(id, gone, d.now, fx);
  d.take(fx);
  d.appends_done();
  CHECK(d.fetch("t", 0).offset == -1);
  CHECK(d.fetch("u", 0).offset == 1);
  CHECK(d.shard.find("only-t") == nullptr);
}

TEST_CASE("Expiry of offsets", "[group]") {
  ShardDriver d;
  const auto at = d.now.wall_ms;
  SECTION("timestamps that overflow wrap as in Java") {
    d.commit({offset_of("t", 0, 1, std::numeric_limits<std::int64_t>::min()), offset_of("t", 1, 1, std::numeric_limits<std::int64_t>::max())});
    d.appends_done();
    CHECK(d.expire() == 0);
    d.advance(7 * kDay);
    CHECK(d.expire() == 0);
  }
  SECTION("a simple consumer: by commit time") {
    d.commit({offset_of("t", 0, 1, at), offset_of("t", 1, 1, at + kDay)});
    d.appends_done();
    d.advance(7 * kDay - 1);
    CHECK(d.expire() == 0);
    d.advance(1);
    CHECK(d.expire() == 1);
    REQUIRE(d.appends.size() == 1);
    CHECK(!d.appends[0].records[0].value);
    d.appends_done();
    CHECK(d.fetch("t", 0).offset == -1);
    d.advance(kDay);
    CHECK(d.expire() == 1);
    CHECK(d.shard.group_count() == 0);
    REQUIRE(d.appends[0].records.size() == 1);  // generation 0: no group tombstone
  }
  SECTION("a group without members: since it became empty") {
    const auto m = d.stable_member();
    d.commit({offset_of("t", 0, 1, at)}, m, 1);
    d.advance(5'000);
    d.leave(m);
    d.appends_done();
    d.advance(7 * kDay - 1);
    CHECK(d.expire() == 0);
    d.advance(1);
    CHECK(d.expire() == 1);
    CHECK(d.shard.group_count() == 0);
    REQUIRE(d.appends.size() == 1);
    REQUIRE(d.appends[0].records.size() == 2);
    CHECK(d.appends[0].records[1].key == group_metadata_key("g"));
  }
  SECTION("a group with members: only topics nobody subscribes to") {
    JoinArgs a;
    a.session = 1'800'000;
    const auto m = d.stable_member(a);
    d.commit({offset_of("t", 0, 1, at - 8 * kDay), offset_of("u", 0, 1, at - 8 * kDay), offset_of("u", 1, 1, at)}, m, 1);
    CHECK(d.expire() == 0);  // under way
    d.appends_done();
    CHECK(d.expire() == 1);
    CHECK(d.fetch("t", 0).offset == 1);
    CHECK(d.fetch("u", 0).offset == -1);
    CHECK(d.fetch("u", 1).offset == 1);
    CHECK(d.state() == GroupState::stable);
  }
  SECTION("other kinds of groups with members: never") {
    JoinArgs a;
    a.type = "connect";
    const auto m = d.stable_member(a);
    d.commit({offset_of("u", 0, 1, at - 8 * kDay)}, m, 1);
    d.appends_done();
    CHECK(d.expire() == 0);
  }
  SECTION("an offset with its own end") {
    auto o = offset_of("t", 0, 1, at);
    o.expire_timestamp_ms = at + 1'000;
    d.commit({o});
    d.appends_done();
    d.advance(999);
    CHECK(d.expire() == 0);
    d.advance(1);
    CHECK(d.expire() == 1);
  }
  SECTION("a group that never stored anything goes with the first look") {
    JoinArgs a;
    a.protocols.clear();
    d.join(a);
    CHECK(d.state() == GroupState::empty);
    d.expire();
    CHECK(d.shard.group_count() == 0);
    CHECK(d.appends.empty());
  }
  SECTION("pending transactional offsets keep the group") {
    d.commit({offset_of("t", 0, 10)}, "", -1, std::nullopt, ProducerRef{ProducerId(7), ProducerEpoch(0)});
    d.appends_done();
    d.expire();
    CHECK(d.shard.group_count() == 1);
    d.shard.end_transaction(ProducerId(7), false);
    d.expire();
    CHECK(d.shard.group_count() == 0);
  }
}

}  // namespace
}  // namespace moldau::server::test
