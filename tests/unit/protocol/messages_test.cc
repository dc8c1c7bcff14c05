#include <catch2/catch.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "protocol/messages/alter_user_scram_credentials.h"
#include "protocol/messages/consumer_protocol.h"
#include "protocol/messages/create_delegation_token.h"
#include "protocol/messages/describe_topic_partitions.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/group_records.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/join_group.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/produce.h"
#include "protocol/messages/sasl_authenticate.h"
#include "protocol/wire/format.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

namespace moldau::protocol {
namespace {

template <class M>
std::string encoded(const M& message, std::int16_t version) {
  ByteBuffer out;
  Writer w(out);
  message.encode(w, version);
  CHECK(out.size() == message.encoded_size(version));
  return std::string(as_string(out.bytes()));
}

TEST_CASE("Messages: are trivially copyable and borrow", "[protocol]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<ProduceRequest>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<FetchResponse>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<MetadataResponse>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<JoinGroupResponse>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<GroupMetadataValue>);
  STATIC_REQUIRE(std::is_same_v<ProduceRequest::Response, ProduceResponse>);
  Arena arena;
  SaslAuthenticateRequest request;
  request.auth_bytes = as_bytes("token");
  const std::string frame = encoded(request, 0);
  Reader r(as_bytes(frame));
  SaslAuthenticateRequest back;
  REQUIRE(back.decode(r, 0, arena).has_value());
  CHECK(reinterpret_cast<const char*>(back.auth_bytes.data()) == frame.data() + 4);
}

TEST_CASE("Messages: defaults are Kafka's", "[protocol]") {
  const FetchRequest fetch;
  CHECK(fetch.replica_id == BrokerId(-1));
  CHECK(fetch.max_bytes == 0x7fffffff);
  CHECK(fetch.session_epoch == -1);
  CHECK_FALSE(fetch.cluster_id);
  const FetchRequest::FetchPartition partition;
  CHECK(partition.current_leader_epoch == kNoLeaderEpoch);
  CHECK(partition.high_watermark == Offset(INT64_MAX));
  const MetadataRequest metadata;
  CHECK(metadata.topics.has_value());
  CHECK(metadata.allow_auto_topic_creation);
  CHECK(MetadataResponse{}.cluster_authorized_operations == INT32_MIN);
  const ListOffsetsResponse::ListOffsetsPartitionResponse offsets;
  CHECK(offsets.timestamp == -1);
  CHECK(offsets.offset == kNoOffset);
}

TEST_CASE("Messages: decode starts from defaults, whatever was there", "[protocol]") {
  Arena arena;
  const std::string frame = encoded(MetadataRequest{}, 0);
  MetadataRequest message;
  message.allow_auto_topic_creation = false;
  message.include_topic_authorized_operations = true;
  Reader r(as_bytes(frame));
  REQUIRE(message.decode(r, 0, arena).has_value());
  CHECK(message == MetadataRequest{});
}

TEST_CASE("Messages: a version out of range is refused", "[protocol]") {
  Arena arena;
  for (const std::int16_t version : std::vector<std::int16_t>{-1, 14, 32767}) {
    Reader r(Bytes{});
    ProduceRequest request;
    const Status s = request.decode(r, version, arena);
    REQUIRE_FALSE(s.has_value());
    CHECK(s.error().code == ErrorCode::unsupported_version);
    CHECK_FALSE(request.check_encodable(version).has_value());
  }
}

TEST_CASE("Messages: a malformed body says what and where", "[protocol]") {
  Arena arena;
  const std::string frame("\x00\x09too short", 11);
  Reader r(as_bytes(frame).first(5));
  JoinGroupRequest request;
  const Status s = request.decode(r, 0, arena);
  REQUIRE_FALSE(s.has_value());
  CHECK(s.error().code == ErrorCode::invalid_request);
  CHECK(s.error().message == "malformed JoinGroupRequest version 0: string longer than the frame");
}

TEST_CASE("Messages: what a version cannot carry is an error unless it is ignorable", "[protocol]") {
  Arena arena;
  ListOffsetsRequest request;
  CHECK(request.check_encodable(1).has_value());
  request.timeout_ms = 1;  // v10+, ignorable
  CHECK(request.check_encodable(1).has_value());
  auto& topic = request.topics.add(arena);
  topic.partitions.add(arena).current_leader_epoch = LeaderEpoch(3);  // v4+, ignorable
  CHECK(request.check_encodable(1).has_value());
  topic.partitions[0].max_num_offsets = 5;  // v0 only
  CHECK(request.check_encodable(0).has_value());
  const Status s = request.check_encodable(1);
  REQUIRE_FALSE(s.has_value());
  CHECK(s.error().code == ErrorCode::unsupported_version);
  CHECK(s.error().message == "version 1 cannot carry this value of ListOffsetsRequest::ListOffsetsPartition.max_num_offsets");

  MetadataRequest metadata;
  metadata.topics.reset();  // null: v1+
  CHECK(metadata.check_encodable(1).has_value());
  CHECK_FALSE(metadata.check_encodable(0).has_value());
  CHECK(encoded(metadata, 0) == std::string(4, '\0'));

  FetchRequest fetch;
  fetch.replica_state.replica_id = BrokerId(1);
  CHECK(fetch.check_encodable(15).has_value());
  CHECK_FALSE(fetch.check_encodable(14).has_value());
}

TEST_CASE("Messages: tagged fields at their default take no room", "[protocol]") {
  FetchResponse answer;
  const std::size_t plain = answer.encoded_size(16);
  Arena arena;
  auto& endpoint = answer.node_endpoints.add(arena);
  endpoint.node_id = BrokerId(1);
  endpoint.host = "h";
  CHECK(answer.encoded_size(16) > plain);
  CHECK(answer.encoded_size(15) == plain);
  const std::string frame = encoded(answer, 16);
  Reader r(as_bytes(frame));
  FetchResponse back;
  REQUIRE(back.decode(r, 16, arena).has_value());
  CHECK(back == answer);
}

TEST_CASE("Messages: a nullable struct is there or not", "[protocol]") {
  Arena arena;
  DescribeTopicPartitionsRequest request;
  CHECK_FALSE(request.cursor);
  for (const bool there : {false, true}) {
    if (there) request.cursor.emplace().topic_name = "t";
    const std::string frame = encoded(request, 0);
    Reader r(as_bytes(frame));
    DescribeTopicPartitionsRequest back;
    REQUIRE(back.decode(r, 0, arena).has_value());
    CHECK(back == request);
  }
}

TEST_CASE("Messages: equality looks into arrays, bytes and records", "[protocol]") {
  Arena arena;
  ProduceRequest a, b;
  CHECK(a == b);
  auto& p = a.topic_data.add(arena).partition_data.add(arena);
  auto& q = b.topic_data.add(arena).partition_data.add(arena);
  const std::string one = "records", same = "records";
  p.records = Records(as_bytes(one));
  q.records = Records(as_bytes(same));
  CHECK(a == b);
  q.records = Records::make_null();
  CHECK_FALSE(a == b);
  SaslAuthenticateRequest x, y;
  x.auth_bytes = as_bytes(one);
  y.auth_bytes = as_bytes(same);
  CHECK(x == y);
  y.auth_bytes = as_bytes("other");
  CHECK_FALSE(x == y);
}

TEST_CASE("Messages: printing names fields and hides secrets and payloads", "[protocol]") {
  Arena arena;
  SaslAuthenticateRequest sasl;
  sasl.auth_bytes = as_bytes("\0user\0pass");
  CHECK(to_string(sasl) == "SaslAuthenticateRequest(auth_bytes=<hidden>)");

  AlterUserScramCredentialsRequest scram;
  auto& up = scram.upsertions.add(arena);
  up.name = "ann";
  up.salt = as_bytes("salt");
  up.salted_password = as_bytes("secret");
  CHECK(to_string(scram) ==
        "AlterUserScramCredentialsRequest(deletions=[], upsertions=[ScramCredentialUpsertion(name='ann', mechanism=0, iterations=0, "
        "salt=<hidden>, salted_password=<hidden>)])");

  CreateDelegationTokenResponse token;
  token.hmac = as_bytes("hmac-bytes");
  CHECK(to_string(token).find("hmac=<hidden>") != std::string::npos);

  IncrementalAlterConfigsRequest configs;
  auto& config = configs.resources.add(arena).configs.add(arena);
  config.name = "ssl.keystore.password";
  config.value = "hunter2";
  CHECK(to_string(configs).find("hunter2") == std::string::npos);
  CHECK(to_string(configs).find("ssl.keystore.password") != std::string::npos);

  ProduceRequest produce;
  produce.acks = -1;
  auto& topic = produce.topic_data.add(arena);
  topic.name = "it's\n";
  topic.partition_data.add(arena).records = Records(as_bytes("12345"));
  CHECK(fmt::format("{}", produce) ==
        "ProduceRequest(transactional_id=null, acks=-1, timeout_ms=0, topic_data=[TopicProduceData(name='it\\'s\\x0a', "
        "topic_id=AAAAAAAAAAAAAAAAAAAAAA, partition_data=[PartitionProduceData(index=0, records=<5 bytes>)])])");
}

TEST_CASE("Messages: decoders survive every cut of a frame", "[protocol]") {
  Arena arena;
  FetchRequest request;
  request.cluster_id = "c";
  request.rack_id = "rack";
  auto& topic = request.topics.add(arena);
  topic.topic = "topic";
  topic.partitions.add(arena);
  topic.partitions.add(arena).replica_directory_id = Uuid{1, 2};
  request.forgotten_topics_data.add(arena).partitions.push_back(arena, 3);
  for (std::int16_t version = FetchRequest::kMinVersion; version <= FetchRequest::kMaxVersion; ++version) {
    const std::string frame = encoded(request, version);
    for (std::size_t n = 0; n < frame.size(); ++n) {
      const std::string cut = frame.substr(0, n);
      Reader r(as_bytes(cut));
      FetchRequest back;
      CHECK_FALSE(back.decode(r, version, arena).has_value());
    }
  }
}

}  // namespace
}  // namespace moldau::protocol
