#include "protocol/messages/produce.h"

#include <catch2/catch.hpp>

#include "tests/unit/server/handlers/handler_fixture.h"

using namespace moldau;
using namespace moldau::server;
using namespace moldau::server::testing;

namespace {

struct Fixture : HandlerFixture {
  Fixture() {
    broker.lead("foo", 2, 0);
    broker.lead("__consumer_offsets", 1, 0);
  }
  protocol::ProduceRequest req;
  std::vector<protocol::ByteBuffer> kept;

  void add(std::string_view topic, std::int32_t partition, protocol::ByteBuffer batch, TopicId id = {}) {
    kept.push_back(std::move(batch));
    auto& t = req.topic_data.add(ctx->arena());
    t.name = topic;
    t.topic_id = id;
    auto& p = t.partition_data.add(ctx->arena());
    p.index = partition;
    p.records = protocol::Records(kept.back().bytes());
  }
  void begin(std::int16_t version, std::int16_t acks = -1, std::string_view client = "test") {
    request(version, client);
    req = {};
    kept.clear();
    kept.reserve(8);
    req.acks = acks;
    req.timeout_ms = 1000;
  }
  protocol::ProduceResponse::PartitionProduceResponse only() {
    const auto response = broker.run(handle_produce(*ctx, req));
    REQUIRE(response.responses.size() == 1);
    return response.responses[0].partition_responses[0];
  }
};

protocol::ByteBuffer transactional_batch() {
  protocol::RecordBatchOptions options;
  options.transactional = true;
  options.producer_id = ProducerId(1);
  options.producer_epoch = ProducerEpoch(0);
  options.base_sequence = 0;
  protocol::RecordBatchBuilder builder(options);
  builder.append(1, std::nullopt, as_bytes("x"));
  return std::move(builder.build().value());
}

}  // namespace

TEST_CASE("Produce: appends and answers with offsets", "[server]") {
  Fixture f;
  f.begin(9);
  f.add("foo", 0, make_batch({"a", "b"}));
  f.add("foo", 1, make_batch({"c"}));
  f.add("nope", 0, make_batch({"c"}));
  const auto response = f.broker.run(handle_produce(*f.ctx, f.req));
  REQUIRE(response.responses.size() == 3);
  const auto& first = response.responses[0].partition_responses[0];
  CHECK(first.error_code == ErrorCode::none);
  CHECK(first.base_offset == Offset(0));
  CHECK(first.log_append_time_ms == -1);
  CHECK(first.log_start_offset == Offset(0));
  CHECK(response.responses[1].partition_responses[0].error_code == ErrorCode::none);
  const auto& unknown = response.responses[2].partition_responses[0];
  CHECK(unknown.error_code == ErrorCode::unknown_topic_or_partition);
  CHECK(unknown.base_offset == kNoOffset);
  CHECK(f.ctx->sends_response());
  CHECK_FALSE(f.ctx->closes_connection());
}

TEST_CASE("Produce: by topic id", "[server]") {
  Fixture f;
  f.begin(13);
  f.add("", 0, make_batch({"a"}), id_of("foo"));
  CHECK(f.only().error_code == ErrorCode::none);
  f.begin(13);
  f.add("", 0, make_batch({"a"}), TopicId{5, 5});
  CHECK(f.only().error_code == ErrorCode::unknown_topic_id);
}

TEST_CASE("Produce: acks", "[server]") {
  Fixture f;
  SECTION("bad ones are refused for every partition") {
    f.begin(9, 2);
    f.add("foo", 0, make_batch({"a"}));
    CHECK(f.only().error_code == ErrorCode::invalid_required_acks);
    CHECK(f.broker.replicas().leader_log({"foo", 0})->log_end_offset() == Offset(0));
  }
  SECTION("0: no answer") {
    f.begin(9, 0);
    f.add("foo", 0, make_batch({"a"}));
    f.broker.run(handle_produce(*f.ctx, f.req));
    CHECK_FALSE(f.ctx->sends_response());
    CHECK_FALSE(f.ctx->closes_connection());
    CHECK(f.broker.replicas().leader_log({"foo", 0})->log_end_offset() == Offset(1));
  }
  SECTION("0 with an error closes the connection") {
    f.begin(9, 0);
    f.add("nope", 0, make_batch({"a"}));
    f.broker.run(handle_produce(*f.ctx, f.req));
    CHECK_FALSE(f.ctx->sends_response());
    CHECK(f.ctx->closes_connection());
  }
}

TEST_CASE("Produce: internal topics are for the admin client only", "[server]") {
  Fixture f;
  f.begin(9);
  f.add("__consumer_offsets", 0, make_batch({"a"}));
  const auto refused = f.only();
  CHECK(refused.error_code == ErrorCode::invalid_topic_exception);
  CHECK_FALSE(refused.error_message.has_value());
  f.begin(9, -1, "__admin_client");
  f.add("__consumer_offsets", 0, make_batch({"a"}));
  CHECK(f.only().error_code == ErrorCode::none);
}

TEST_CASE("Produce: transactional records", "[server]") {
  Fixture f;
  f.begin(9);
  f.add("foo", 0, transactional_batch());
  CHECK(f.only().error_code == ErrorCode::transactional_id_authorization_failed);
  f.begin(9);
  f.req.transactional_id = "t";
  f.add("foo", 0, transactional_batch());
  const auto refused = f.only();
  CHECK(refused.error_code == ErrorCode::invalid_txn_state);
  CHECK(refused.error_message == "transactions are not supported yet");
  f.begin(11);
  f.req.transactional_id = "t";
  f.add("foo", 0, transactional_batch());
  CHECK(f.only().error_code == ErrorCode::transaction_abortable);
}

TEST_CASE("Produce: what a version takes", "[server]") {
  Fixture f;
  SECTION("v3+ wants exactly one batch of magic 2") {
    f.begin(3);
    auto two = make_batch({"a"});
    const auto second = make_batch({"b"});
    two.append(second.bytes());
    f.add("foo", 0, std::move(two));
    CHECK(f.only().error_code == ErrorCode::invalid_record);
    f.begin(8);
    f.add("foo", 0, protocol::ByteBuffer());
    CHECK(f.only().error_code == ErrorCode::invalid_record);
  }
  SECTION("below v3 old formats are converted") {
    protocol::LegacySetOptions options;
    protocol::LegacySetBuilder builder(options);
    builder.append_with_offset(Offset(0), 1000, std::nullopt, as_bytes("old"));
    protocol::ByteBuffer set;
    REQUIRE(builder.build(set).has_value());
    f.begin(2);
    f.add("foo", 0, std::move(set));
    const auto taken = f.only();
    CHECK(taken.error_code == ErrorCode::none);
    CHECK(taken.base_offset == Offset(0));
    f.begin(1);
    f.add("foo", 0, protocol::ByteBuffer());
    const auto empty = f.only();
    CHECK(empty.error_code == ErrorCode::none);
    CHECK(empty.base_offset == kNoOffset);
  }
}

TEST_CASE("Produce: single bad records are named", "[server]") {
  config::LogConfig compact;
  compact.cleanup_compact = true;
  HandlerFixture base(compact);
  base.broker.lead("c", 1, 0);
  protocol::RecordBatchBuilder builder{protocol::RecordBatchOptions{}};
  builder.append(1, as_bytes("k"), as_bytes("v"));
  builder.append(1, std::nullopt, as_bytes("v"));
  const auto batch = std::move(builder.build().value());
  auto& ctx = base.request(8);
  protocol::ProduceRequest req;
  req.acks = 1;
  auto& t = req.topic_data.add(ctx.arena());
  t.name = "c";
  t.partition_data.add(ctx.arena()).records = protocol::Records(batch.bytes());
  const auto response = base.broker.run(handle_produce(ctx, req));
  const auto& p = response.responses[0].partition_responses[0];
  CHECK(p.error_code == ErrorCode::invalid_record);
  REQUIRE(p.record_errors.size() == 1);
  CHECK(p.record_errors[0].batch_index == 1);
  CHECK(p.error_message.has_value());
  CHECK(p.log_start_offset == Offset(0));
}

TEST_CASE("Produce: the wrong broker names the right one from v10 on", "[server]") {
  Fixture f;
  f.broker.tell("bar", 1, 4);  // the metadata says this broker, the replica manager has it not
  f.begin(10);
  f.add("bar", 0, make_batch({"a"}));
  const auto response = f.broker.run(handle_produce(*f.ctx, f.req));
  const auto& p = response.responses[0].partition_responses[0];
  CHECK(p.error_code == ErrorCode::not_leader_or_follower);
  CHECK(p.current_leader.leader_id == BrokerId(1));
  CHECK(p.current_leader.leader_epoch == LeaderEpoch(4));
  REQUIRE(response.node_endpoints.size() == 1);
  CHECK(response.node_endpoints[0].host == "localhost");
  CHECK(response.node_endpoints[0].port == 9092);
}
