// ListOffsets, Metadata, OffsetForLeaderEpoch, DeleteRecords, DescribeLogDirs, DescribeProducers, InitProducerId.
#include <catch2/catch.hpp>

#include "protocol/messages/delete_records.h"
#include "protocol/messages/describe_log_dirs.h"
#include "protocol/messages/describe_producers.h"
#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/offset_for_leader_epoch.h"
#include "tests/unit/server/handlers/handler_fixture.h"

using namespace moldau;
using namespace moldau::server;
using namespace moldau::server::testing;

namespace {

struct Fixture : HandlerFixture {
  Fixture() {
    broker.lead("foo", 2, 0);
    broker.append({"foo", 0}, {"a", "b"});
  }
  protocol::ListOffsetsResponse list(std::int16_t version, std::int64_t timestamp, std::string_view topic = "foo", int times = 1) {
    request(version);
    protocol::ListOffsetsRequest req;
    req.replica_id = BrokerId(-1);
    auto& t = req.topics.add(ctx->arena());
    t.name = topic;
    for (int i = 0; i < times; ++i) {
      auto& p = t.partitions.add(ctx->arena());
      p.timestamp = timestamp;
      p.max_num_offsets = 10;
    }
    return broker.run(handle_list_offsets(*ctx, req));
  }
};

}  // namespace

TEST_CASE("Metadata: an unknown topic id has no operations, whatever else is asked", "[server]") {
  Fixture f;
  f.request(12);
  protocol::MetadataRequest req;
  req.topics.emplace();
  auto& topic = req.topics->add(f.ctx->arena());
  topic.topic_id = TopicId{7, 7};
  topic.name = "foo";
  req.include_topic_authorized_operations = true;
  const auto response = f.broker.run(handle_metadata(*f.ctx, req));
  REQUIRE(response.topics.size() == 1);
  CHECK(response.topics[0].error_code == ErrorCode::unknown_topic_id);
  CHECK(response.topics[0].topic_authorized_operations == INT32_MIN);
}

TEST_CASE("ListOffsets: special timestamps by version", "[server]") {
  Fixture f;
  const auto one = [&](std::int16_t version, std::int64_t timestamp) { return f.list(version, timestamp).topics[0].partitions[0]; };
  CHECK(one(1, -1).offset == Offset(2));
  CHECK(one(1, -1).leader_epoch == kNoLeaderEpoch);
  CHECK(one(4, -1).leader_epoch == LeaderEpoch(0));
  CHECK(one(1, -2).offset == Offset(0));
  CHECK(one(6, -3).error_code == ErrorCode::unsupported_version);
  CHECK(one(7, -3).offset == Offset(1));
  CHECK(one(7, -3).timestamp == 1001);
  CHECK(one(7, -4).error_code == ErrorCode::unsupported_version);
  CHECK(one(8, -4).offset == Offset(0));
  CHECK(one(8, -5).error_code == ErrorCode::unsupported_version);
  CHECK(one(9, -5).offset == kNoOffset);
  CHECK(one(9, -5).error_code == ErrorCode::none);
  CHECK(one(10, -7).error_code == ErrorCode::unsupported_version);
  CHECK(one(1, 1001).offset == Offset(1));
  CHECK(one(1, 2000).offset == kNoOffset);
  CHECK(one(1, 2000).timestamp == -1);
}

TEST_CASE("ListOffsets: version 0, unknown partitions, duplicates", "[server]") {
  Fixture f;
  const auto old = f.list(0, -1).topics[0].partitions[0];
  REQUIRE(old.old_style_offsets.size() == 2);
  CHECK(old.old_style_offsets[0] == Offset(2));
  CHECK(old.old_style_offsets[1] == Offset(0));
  CHECK(f.list(1, -1, "nope").topics[0].partitions[0].error_code == ErrorCode::unknown_topic_or_partition);
  const auto twice = f.list(1, -1, "foo", 2).topics[0];
  CHECK(twice.partitions[0].error_code == ErrorCode::invalid_request);
  CHECK(twice.partitions[1].error_code == ErrorCode::invalid_request);
}

TEST_CASE("OffsetForLeaderEpoch: end of an epoch", "[server]") {
  Fixture f;
  f.request(4);
  protocol::OffsetForLeaderEpochRequest req;
  auto& t = req.topics.add(f.ctx->arena());
  t.topic = "foo";
  auto& p = t.partitions.add(f.ctx->arena());
  p.leader_epoch = LeaderEpoch(0);
  const auto response = f.broker.run(handle_offset_for_leader_epoch(*f.ctx, req));
  CHECK(response.topics[0].partitions[0].leader_epoch == LeaderEpoch(0));
  CHECK(response.topics[0].partitions[0].end_offset == Offset(2));
}

TEST_CASE("DeleteRecords: raises the log start", "[server]") {
  Fixture f;
  const auto run = [&](std::string_view topic, std::int64_t before) {
    f.request(2);
    protocol::DeleteRecordsRequest req;
    req.timeout_ms = 100;
    auto& t = req.topics.add(f.ctx->arena());
    t.name = topic;
    t.partitions.add(f.ctx->arena()).offset = Offset(before);
    return f.broker.run(handle_delete_records(*f.ctx, req)).topics[0].partitions[0];
  };
  CHECK(run("foo", 1).low_watermark == Offset(1));
  CHECK(run("foo", 5).error_code == ErrorCode::offset_out_of_range);
  CHECK(run("foo", 5).low_watermark == kNoOffset);
  CHECK(run("foo", -1).low_watermark == Offset(2));
  CHECK(run("nope", 0).error_code == ErrorCode::unknown_topic_or_partition);
}

TEST_CASE("DescribeLogDirs: all, and what was asked for", "[server]") {
  Fixture f;
  f.request(4);
  protocol::DescribeLogDirsRequest all;
  all.topics.reset();
  const auto everything = f.broker.run(handle_describe_log_dirs(*f.ctx, all));
  REQUIRE(everything.results.size() == 1);
  CHECK(everything.results[0].log_dir == "/data");
  REQUIRE(everything.results[0].topics.size() == 1);
  CHECK(everything.results[0].topics[0].partitions.size() == 2);
  f.request(4);
  protocol::DescribeLogDirsRequest some;
  some.topics.emplace();
  auto& t = some.topics->add(f.ctx->arena());
  t.topic = "foo";
  t.partitions.push_back(f.ctx->arena(), 0);
  const auto one = f.broker.run(handle_describe_log_dirs(*f.ctx, some));
  REQUIRE(one.results[0].topics.size() == 1);
  REQUIRE(one.results[0].topics[0].partitions.size() == 1);
  CHECK(one.results[0].topics[0].partitions[0].partition_size == static_cast<std::int64_t>(make_batch({"a", "b"}).size()));
}

TEST_CASE("InitProducerId and DescribeProducers: an idempotent producer", "[server]") {
  Fixture f;
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 5; ++i) {
    f.request(4);
    protocol::InitProducerIdRequest req;
    req.transactional_id.reset();
    const auto response = f.broker.run(handle_init_producer_id(*f.ctx, req));
    CHECK(response.error_code == ErrorCode::none);
    CHECK(response.producer_epoch == ProducerEpoch(0));
    ids.push_back(response.producer_id.value());
  }
  CHECK(ids == std::vector<std::int64_t>{0, 1, 2, 3, 4});

  f.request(4);
  protocol::InitProducerIdRequest transactional;
  transactional.transactional_id = "t";
  transactional.transaction_timeout_ms = 60000;
  const auto refused = f.broker.run(handle_init_producer_id(*f.ctx, transactional));
  CHECK(refused.error_code == ErrorCode::invalid_request);
  CHECK(refused.producer_id == kNoProducerId);

  f.request(4);
  transactional.transaction_timeout_ms = 0;
  CHECK(f.broker.run(handle_init_producer_id(*f.ctx, transactional)).error_code == ErrorCode::invalid_transaction_timeout);

  f.request(4);
  protocol::InitProducerIdRequest half;
  half.transactional_id.reset();
  half.producer_id = ProducerId(4);
  CHECK(f.broker.run(handle_init_producer_id(*f.ctx, half)).error_code == ErrorCode::invalid_request);

  f.broker.run(f.broker.produce({"foo", 1}, make_batch({"x", "y"}, ProducerId(4), 0, ProducerEpoch(0))));
  f.request(0);
  protocol::DescribeProducersRequest describe;
  auto& t = describe.topics.add(f.ctx->arena());
  t.name = "foo";
  t.partition_indexes.push_back(f.ctx->arena(), 1);
  t.partition_indexes.push_back(f.ctx->arena(), 7);
  const auto producers = f.broker.run(handle_describe_producers(*f.ctx, describe));
  REQUIRE(producers.topics[0].partitions[0].active_producers.size() == 1);
  const auto& p = producers.topics[0].partitions[0].active_producers[0];
  CHECK(p.producer_id == ProducerId(4));
  CHECK(p.last_sequence == 1);
  CHECK(p.current_txn_start_offset == kNoOffset);
  CHECK(producers.topics[0].partitions[1].error_code == ErrorCode::unknown_topic_or_partition);
}
