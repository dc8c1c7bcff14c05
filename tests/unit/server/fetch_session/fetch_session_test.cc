#include "server/fetch_session/fetch_session_cache.h"

#include <catch2/catch.hpp>

#include <numeric>

#include "protocol/messages/fetch.h"
#include "replication/metadata/metadata_image.h"

using namespace moldau;
using namespace moldau::server;

namespace {

constexpr TopicId kFooId{1, 1};
constexpr TopicId kBarId{2, 2};

std::shared_ptr<const replication::MetadataImage> make_image(bool with_bar = true) {
  replication::MetadataImage base;
  replication::MetadataImageBuilder builder(base);
  std::vector<replication::PartitionMetadata> partitions(3);
  for (std::int32_t i = 0; i < 3; ++i) partitions[static_cast<std::size_t>(i)].partition = i;
  builder.update_topic("foo", kFooId, partitions);
  if (with_bar) builder.update_topic("bar", kBarId, partitions);
  return builder.build();
}

struct Fixture {
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(7);
  FetchSessionCache cache;
  std::shared_ptr<const replication::MetadataImage> image = make_image();
  Arena arena;

  explicit Fixture(std::int32_t slots = 1000) : cache(slots, clock, *random) {}

  protocol::FetchRequest request(std::int32_t session, std::int32_t epoch) {
    protocol::FetchRequest r;
    r.session_id = session;
    r.session_epoch = epoch;
    return r;
  }
  void add(protocol::FetchRequest& r, std::string_view topic, std::int32_t partition, std::int64_t offset, TopicId id = {}) {
    if (r.topics.empty() || r.topics.back().topic != topic || r.topics.back().topic_id != id) {
      auto& t = r.topics.add(arena);
      t.topic = topic;
      t.topic_id = id;
    }
    auto& p = r.topics.back().partitions.add(arena);
    p.partition = partition;
    p.fetch_offset = Offset(offset);
    p.partition_max_bytes = 1000;
  }
  void forget(protocol::FetchRequest& r, std::string_view topic, std::int32_t partition) {
    auto& t = r.forgotten_topics_data.add(arena);
    t.topic = topic;
    t.partitions.push_back(arena, partition);
  }
  FetchContext begin(const protocol::FetchRequest& r, std::int16_t version = 12, bool follower = false) {
    return cache.begin(r, version, follower, *image, arena);
  }
  /// Answers every partition alike; gives the session id and which are in the answer.
  std::pair<std::int32_t, std::vector<bool>> finish(FetchContext& c, std::vector<FetchedState> states) {
    auto include = std::make_unique<bool[]>(states.size());
    const auto id = cache.finish(c, states, std::span<bool>(include.get(), states.size()));
    return {id, std::vector<bool>(include.get(), include.get() + states.size())};
  }
  static FetchedState state(std::int64_t hw, bool records = false, ErrorCode error = ErrorCode::none) {
    FetchedState s;
    s.high_watermark = Offset(hw);
    s.log_start_offset = Offset(error == ErrorCode::none ? 0 : -1);
    s.has_records = records;
    s.error = error;
    return s;
  }
  /// A new session over foo-0 .. foo-(n-1); 0 when refused.
  std::int32_t create(std::int32_t n, bool follower = false) {
    auto r = request(0, 0);
    for (std::int32_t i = 0; i < n; ++i) add(r, "foo", i, 0);
    auto c = begin(r, 12, follower);
    return finish(c, std::vector<FetchedState>(static_cast<std::size_t>(n), state(0))).first;
  }
};

std::vector<std::string> names(const FetchContext& c) {
  std::vector<std::string> out;
  for (const auto& p : c.partitions) out.push_back(std::string(p.topic) + "-" + std::to_string(p.partition) + "@" + std::to_string(p.position.fetch_offset.value()));
  return out;
}

}  // namespace

TEST_CASE("FetchSessionCache: a full fetch makes a session, incremental ones bring what changed", "[server]") {
  Fixture f;
  auto r = f.request(0, 0);
  f.add(r, "foo", 0, 0);
  f.add(r, "foo", 1, 10);
  f.add(r, "bar", 0, 5);
  auto full = f.begin(r);
  CHECK(full.kind == FetchContext::Kind::full);
  CHECK(names(full) == std::vector<std::string>{"foo-0@0", "foo-1@10", "bar-0@5"});
  const auto [id, all] = f.finish(full, {f.state(10, true), f.state(10), f.state(-1, false, ErrorCode::not_leader_or_follower)});
  REQUIRE(id != 0);
  CHECK(all == std::vector<bool>{true, true, true});
  CHECK(f.cache.sessions() == 1);
  CHECK(f.cache.cached_partitions() == 3);

  auto r1 = f.request(id, 1);
  f.add(r1, "foo", 0, 10);
  auto c1 = f.begin(r1);
  CHECK(c1.kind == FetchContext::Kind::incremental);
  CHECK(names(c1) == std::vector<std::string>{"foo-0@10", "foo-1@10", "bar-0@5"});
  // Unchanged ones stay out; the one that had an error is told again though it is well now.
  const auto [id1, in1] = f.finish(c1, {f.state(10), f.state(12, true), f.state(5)});
  CHECK(id1 == id);
  CHECK(in1 == std::vector<bool>{false, true, true});

  // What gave data is served last now; forgotten ones are gone, new ones at the end.
  auto r2 = f.request(id, 2);
  f.add(r2, "foo", 1, 12);
  f.add(r2, "foo", 2, 0);
  f.forget(r2, "bar", 0);
  auto c2 = f.begin(r2);
  CHECK(names(c2) == std::vector<std::string>{"foo-0@10", "foo-1@12", "foo-2@0"});
  FetchedState moved = f.state(10);
  moved.log_start_offset = Offset(4);
  FetchedState diverging = f.state(12);
  diverging.diverging = true;
  const auto in2 = f.finish(c2, {moved, diverging, f.state(0)}).second;
  CHECK(in2 == std::vector<bool>{true, true, true});
}

TEST_CASE("FetchSessionCache: wrong sessions and epochs", "[server]") {
  Fixture f;
  const auto id = f.create(2);
  REQUIRE(id != 0);
  CHECK(f.begin(f.request(id + 1, 1)).error == ErrorCode::fetch_session_id_not_found);
  CHECK(f.begin(f.request(id, 2)).error == ErrorCode::invalid_fetch_session_epoch);
  CHECK(f.begin(f.request(id, 1), 13).error == ErrorCode::fetch_session_topic_id_error);
  auto c = f.begin(f.request(id, 1));
  CHECK(c.error == ErrorCode::none);
  // The same epoch again, and the session going on under a waiting request.
  CHECK(f.begin(f.request(id, 1)).error == ErrorCode::invalid_fetch_session_epoch);
  CHECK(f.begin(f.request(id, 2)).error == ErrorCode::none);
  f.finish(c, {f.state(1), f.state(1)});
  CHECK(c.error == ErrorCode::invalid_fetch_session_epoch);
}

TEST_CASE("FetchSessionCache: closing, and emptying", "[server]") {
  Fixture f;
  const auto id = f.create(1);
  auto close = f.request(id, -1);
  f.add(close, "foo", 0, 0);
  auto c = f.begin(close);
  CHECK(c.kind == FetchContext::Kind::sessionless);
  CHECK(c.partitions.size() == 1);
  CHECK(f.finish(c, {f.state(1)}).first == 0);
  CHECK(f.cache.sessions() == 0);

  const auto second = f.create(1);
  auto r = f.request(second, 1);
  f.forget(r, "foo", 0);
  auto emptied = f.begin(r);
  CHECK(emptied.kind == FetchContext::Kind::sessionless);
  CHECK(emptied.partitions.empty());
  CHECK(f.cache.sessions() == 0);

  const auto third = f.create(1);
  auto replace = f.request(third, 0);
  f.add(replace, "foo", 1, 0);
  auto fresh = f.begin(replace);
  const auto fourth = f.finish(fresh, {f.state(0)}).first;
  CHECK(fourth != third);
  CHECK(f.cache.sessions() == 1);
}

TEST_CASE("FetchSessionCache: topic ids, an unknown one gets its name later", "[server]") {
  Fixture f;
  f.image = make_image(false);
  auto r = f.request(0, 0);
  f.add(r, "", 0, 0, kFooId);
  f.add(r, "", 0, 0, kBarId);
  auto c = f.begin(r, 13);
  CHECK(names(c) == std::vector<std::string>{"foo-0@0", "-0@0"});
  const auto id = f.finish(c, {f.state(0), f.state(-1, false, ErrorCode::unknown_topic_id)}).first;
  f.image = make_image(true);
  auto c1 = f.begin(f.request(id, 1), 13);
  CHECK(names(c1) == std::vector<std::string>{"foo-0@0", "bar-0@0"});
  CHECK(c1.partitions[1].id == kBarId);
}

TEST_CASE("FetchSession: epochs wrap from 2^31-1 to 1", "[server]") {
  CHECK(FetchSession::next_epoch(1) == 2);
  CHECK(FetchSession::next_epoch(INT32_MAX) == 1);
  CHECK(FetchSession::next_epoch(-1) == -1);
}

TEST_CASE("FetchSessionCache: who has to go when it is full", "[server]") {
  Fixture f(2);  // two slots, one shard
  const auto first = f.create(2);
  const auto second = f.create(3);
  REQUIRE(first != 0);
  REQUIRE(second != 0);
  SECTION("nobody in the first two minutes, however large the newcomer") {
    CHECK(f.create(3) == 0);
    CHECK(f.cache.sessions() == 2);
  }
  SECTION("a follower pushes out the smallest consumer") {
    CHECK(f.create(1, true) != 0);
    CHECK(f.begin(f.request(first, 1)).error == ErrorCode::fetch_session_id_not_found);
    CHECK(f.begin(f.request(second, 1)).error == ErrorCode::none);
  }
  SECTION("idle for two minutes: the least recently used one") {
    f.clock.advance(Millis(60'000));
    auto touched = f.begin(f.request(first, 1));
    CHECK(touched.error == ErrorCode::none);
    f.clock.advance(Millis(60'001));
    CHECK(f.create(1) != 0);
    CHECK(f.begin(f.request(second, 1)).error == ErrorCode::fetch_session_id_not_found);
  }
  SECTION("in use for longer: the smallest, by a larger one") {
    f.clock.advance(Millis(120'001));
    CHECK(f.begin(f.request(first, 1)).error == ErrorCode::none);
    CHECK(f.begin(f.request(second, 1)).error == ErrorCode::none);
    CHECK(f.create(2) == 0);
    CHECK(f.create(3) != 0);
    CHECK(f.begin(f.request(first, 2)).error == ErrorCode::fetch_session_id_not_found);
  }
}

TEST_CASE("FetchSessionCache: without slots there are no sessions", "[server]") {
  Fixture f(0);
  CHECK(f.create(1) == 0);
}
