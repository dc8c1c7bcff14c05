#include "protocol/messages/fetch.h"

#include <catch2/catch.hpp>

#include "tests/unit/server/handlers/handler_fixture.h"

using namespace moldau;
using namespace moldau::server;
using namespace moldau::server::testing;

namespace {

struct Fixture : HandlerFixture {
  explicit Fixture(config::LogConfig defaults = {}) : HandlerFixture(defaults) {
    broker.lead("foo", 2, 0);
    broker.append({"foo", 0}, {"a", "b"});
  }
  protocol::FetchRequest req;

  void begin(std::int16_t version, std::int32_t session = 0, std::int32_t epoch = -1) {
    request(version);
    req = {};
    req.max_wait_ms = 0;
    req.min_bytes = 1;
    req.session_id = session;
    req.session_epoch = epoch;
  }
  void add(std::string_view topic, std::int32_t partition, std::int64_t offset, TopicId id = {}) {
    auto& t = req.topics.add(ctx->arena());
    t.topic = topic;
    t.topic_id = id;
    auto& p = t.partitions.add(ctx->arena());
    p.partition = partition;
    p.fetch_offset = Offset(offset);
    p.partition_max_bytes = 1 << 20;
  }
  protocol::FetchResponse get() { return broker.run(handle_fetch(*ctx, req)); }
};

}  // namespace

TEST_CASE("Fetch: stored batches go out as file slices", "[server]") {
  Fixture f;
  f.begin(11);
  f.add("foo", 0, 0);
  const auto response = f.get();
  REQUIRE(response.responses.size() == 1);
  CHECK(response.responses[0].topic == "foo");
  const auto& p = response.responses[0].partitions[0];
  CHECK(p.error_code == ErrorCode::none);
  CHECK(p.high_watermark == Offset(2));
  CHECK(p.last_stable_offset == Offset(2));
  CHECK(p.log_start_offset == Offset(0));
  CHECK_FALSE(p.aborted_transactions.has_value());
  CHECK(p.preferred_read_replica == BrokerId(-1));
  CHECK(p.records.external == 1);
  CHECK(f.records_of(p.records).size() == make_batch({"a", "b"}).size());
}

TEST_CASE("Fetch: read_committed gets a list of aborted transactions, if empty", "[server]") {
  Fixture f;
  f.begin(11);
  f.req.isolation_level = 1;
  f.add("foo", 0, 0);
  const auto response = f.get();
  REQUIRE(response.responses[0].partitions[0].aborted_transactions.has_value());
  CHECK(response.responses[0].partitions[0].aborted_transactions->empty());
}

TEST_CASE("Fetch: by topic id", "[server]") {
  Fixture f;
  f.begin(13);
  f.add("", 0, 0, id_of("foo"));
  f.add("", 0, 0, TopicId{5, 5});
  const auto response = f.get();
  REQUIRE(response.responses.size() == 2);
  CHECK(response.responses[0].topic_id == id_of("foo"));
  CHECK(response.responses[0].partitions[0].error_code == ErrorCode::none);
  CHECK(response.responses[1].topic_id == TopicId{5, 5});
  CHECK(response.responses[1].partitions[0].error_code == ErrorCode::unknown_topic_id);
}

TEST_CASE("Fetch: sessions", "[server]") {
  Fixture f;
  f.begin(12, 0, 0);
  f.add("foo", 0, 0);
  f.add("foo", 1, 0);
  const auto full = f.get();
  const auto session = full.session_id;
  REQUIRE(session != 0);
  REQUIRE(full.responses.size() == 1);
  CHECK(full.responses[0].partitions.size() == 2);
  f.begin(12, session, 1);
  f.add("foo", 0, 2);
  const auto nothing = f.get();
  CHECK(nothing.session_id == session);
  CHECK(nothing.responses.empty());
  f.broker.append({"foo", 1}, {"x"});
  f.begin(12, session, 2);
  const auto news = f.get();
  REQUIRE(news.responses.size() == 1);
  REQUIRE(news.responses[0].partitions.size() == 1);
  CHECK(news.responses[0].partitions[0].partition_index == 1);
  f.begin(12, session, 2);
  const auto wrong = f.get();
  CHECK(wrong.error_code == ErrorCode::invalid_fetch_session_epoch);
  CHECK(wrong.session_id == 0);
}

TEST_CASE("Fetch: old clients get old formats", "[server]") {
  Fixture f;
  const auto magic = GENERATE(0, 1);
  f.begin(static_cast<std::int16_t>(magic == 0 ? 1 : 3));
  f.add("foo", 0, 1);
  const auto response = f.get();
  const auto& p = response.responses[0].partitions[0];
  CHECK(p.error_code == ErrorCode::none);
  const auto bytes = f.records_of(p.records);
  CHECK(bytes.size() == make_batch({"a", "b"}).size());  // as announced by the stored batch
  CHECK(load_be<std::int64_t>(bytes.data()) == 1);       // begins at the offset asked for
  CHECK(static_cast<int>(bytes[16]) == magic);
}

TEST_CASE("Fetch: what old clients are refused", "[server]") {
  SECTION("down-conversion is off") {
    config::LogConfig config;
    config.message_downconversion_enable = false;
    Fixture f(config);
    f.begin(3);
    f.add("foo", 1, 0);
    CHECK(f.get().responses[0].partitions[0].error_code == ErrorCode::unsupported_version);
    f.begin(4);
    f.add("foo", 1, 0);
    CHECK(f.get().responses[0].partitions[0].error_code == ErrorCode::none);
  }
  SECTION("a zstd topic before v10") {
    config::LogConfig config;
    config.compression_type = config::CompressionSetting::zstd;
    Fixture f(config);
    f.begin(9);
    f.add("foo", 0, 0);
    CHECK(f.get().responses[0].partitions[0].error_code == ErrorCode::unsupported_compression_type);
    f.begin(10);
    f.add("foo", 0, 0);
    CHECK(f.get().responses[0].partitions[0].error_code == ErrorCode::none);
  }
}

TEST_CASE("Fetch: errors", "[server]") {
  Fixture f;
  f.begin(11);
  f.add("foo", 0, 3);
  f.add("nope", 0, 0);
  const auto response = f.get();
  const auto& out_of_range = response.responses[0].partitions[0];
  CHECK(out_of_range.error_code == ErrorCode::offset_out_of_range);
  CHECK(out_of_range.high_watermark == kNoOffset);
  CHECK(response.responses[1].partitions[0].error_code == ErrorCode::unknown_topic_or_partition);
}
