#include "replication/store/znodes.h"

#include <catch2/catch.hpp>

using namespace moldau;
using namespace moldau::replication;
using namespace moldau::replication::znodes;

// Each JSON below was read from the ZooKeeper of an Apache Kafka 3.9.2 broker (zookeeper-shell get).

TEST_CASE("znodes: a broker's registration, as Apache Kafka writes it", "[store]") {
  const std::string plain =
      R"({"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},)"
      R"("endpoints":["PLAINTEXT://127.0.0.1:24192"],"jmx_port":-1,"port":24192,"host":"127.0.0.1","version":5,"timestamp":"1795281015846"})";
  const std::string racked =
      R"({"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT","CTL":"PLAINTEXT"},)"
      R"("endpoints":["PLAINTEXT://127.0.0.1:24193","CTL://127.0.0.1:24194"],"rack":"r1","jmx_port":-1,"port":24193,"host":"127.0.0.1","version":5,"timestamp":"1795281673994"})";
  for (const auto& json : {plain, racked}) {
    const auto broker = decode_broker(BrokerId(1), json);
    REQUIRE(broker.has_value());
    CHECK(encode(*broker) == json);
  }
  const auto broker = decode_broker(BrokerId(1), racked);
  CHECK(broker->rack == "r1");
  CHECK(broker->endpoints[1].listener == "CTL");
  CHECK(broker->endpoints[1].port == 24194);
}

TEST_CASE("znodes: registrations of all versions are read, broken ones refused", "[store]") {
  const auto v1 = decode_broker(BrokerId(3), R"({"version":1,"host":"h","port":9092,"jmx_port":9999,"timestamp":"2233345666"})");
  REQUIRE(v1.has_value());
  CHECK(v1->endpoints == std::vector<BrokerEndpoint>{{"PLAINTEXT", "h", 9092, 0}});
  CHECK(v1->jmx_port == 9999);
  const auto v3 = decode_broker(BrokerId(3), R"({"version":3,"host":"h","port":9092,"jmx_port":-1,"timestamp":"1","endpoints":["PLAINTEXT://h:9092","SSL://[::1]:9093"],"rack":"x"})");
  REQUIRE(v3.has_value());
  CHECK(v3->endpoints[1] == BrokerEndpoint{"SSL", "::1", 9093, 1});
  const auto v4 = decode_broker(BrokerId(3), R"({"version":4,"listener_security_protocol_map":{"A":"SASL_SSL"},"endpoints":["A://h:1"],"host":null,"port":-1,"new_key":[1]})");
  REQUIRE(v4.has_value());
  CHECK(v4->endpoints[0].security_protocol == 3);
  for (const char* bad : {"", "{", "[]", "{}", R"({"version":5})", R"({"version":5,"endpoints":[1]})", R"({"version":5,"endpoints":["A://h"],"listener_security_protocol_map":{}})",
                          R"({"version":5,"endpoints":["A://h:1"],"listener_security_protocol_map":{"A":"NOPE"}})"})
    CHECK_FALSE(decode_broker(BrokerId(3), bad).has_value());
}

TEST_CASE("znodes: a broker without a plaintext listener has no host", "[store]") {
  BrokerRegistration broker;
  broker.endpoints.push_back({"SSL", "h", 9093, 1});
  CHECK(encode(broker).find(R"("port":-1,"host":null)") != std::string::npos);
}

TEST_CASE("znodes: a topic's assignment", "[store]") {
  const std::string json = R"({"partitions":{"0":[0],"1":[0]},"topic_id":"3YPvGd0sQVmKgtaM_JjR3w","adding_replicas":{},"removing_replicas":{},"version":3})";
  const auto topic = decode_topic(json);
  REQUIRE(topic.has_value());
  CHECK(topic->partitions.size() == 2);
  CHECK(topic->topic_id.to_string() == "3YPvGd0sQVmKgtaM_JjR3w");
  CHECK(encode(*topic) == json);
  const auto moving = decode_topic(R"({"version":3,"topic_id":"3YPvGd0sQVmKgtaM_JjR3w","partitions":{"0":[1,2,3]},"adding_replicas":{"0":[3]},"removing_replicas":{"0":[1]}})");
  REQUIRE(moving.has_value());
  CHECK(moving->partitions.at(0).is_being_reassigned());
  CHECK(encode(*moving) == R"({"partitions":{"0":[1,2,3]},"topic_id":"3YPvGd0sQVmKgtaM_JjR3w","adding_replicas":{"0":[3]},"removing_replicas":{"0":[1]},"version":3})");
  const auto old = decode_topic(R"({"version":1,"partitions":{"10":[4]}})");
  REQUIRE(old.has_value());
  CHECK(old->topic_id.is_zero());
  CHECK(old->partitions.contains(10));
  CHECK_FALSE(decode_topic(R"({"partitions":{"x":[1]}})").has_value());
  CHECK_FALSE(decode_topic(R"({"partitions":{"0":["a"]}})").has_value());
}

TEST_CASE("znodes: a partition's state", "[store]") {
  const std::string json = R"({"controller_epoch":1,"leader":0,"version":1,"leader_epoch":0,"isr":[0]})";
  const auto state = decode_state(json);
  REQUIRE(state.has_value());
  CHECK(encode(*state) == json);
  const auto recovering = decode_state(R"({"version":1,"leader":2,"leader_epoch":7,"isr":[2],"controller_epoch":3,"leader_recovery_state":1})");
  REQUIRE(recovering.has_value());
  CHECK(recovering->recovering);
  CHECK(decode_state(encode(*recovering)).value() == *recovering);
  CHECK_FALSE(decode_state(R"({"leader":2})").has_value());
  CHECK_FALSE(decode_state("not json").has_value());
}

TEST_CASE("znodes: controller, feature, cluster id", "[store]") {
  const std::string controller = R"({"version":2,"brokerid":0,"timestamp":"1795281016028","kraftControllerEpoch":-1})";
  CHECK(encode(*decode_controller(controller)) == controller);
  CHECK(decode_controller(R"({"version":1,"brokerid":5,"timestamp":"1"})")->kraft_controller_epoch == -1);
  CHECK(decode_epoch("17").value() == 17);
  CHECK_FALSE(decode_epoch("x").has_value());
  const std::string feature = R"({"features":{},"version":2,"status":1})";
  CHECK(encode(*decode_feature(feature)) == feature);
  CHECK(decode_feature(R"({"version":1,"status":0,"features":{"f":{"min_version_level":1,"max_version_level":3}}})")->finalized.at("f") == 3);
  CHECK_FALSE(decode_feature(R"({"version":9,"status":1})").has_value());
  const std::string cluster = R"({"version":"1","id":"XjJOCGn7SJ6OJdYbMgWysQ"})";
  CHECK(encode_cluster_id(*decode_cluster_id(cluster)) == cluster);
}

TEST_CASE("znodes: configurations and their notifications", "[store]") {
  const std::string config = R"({"version":1,"config":{"cleanup.policy":"compact","max.message.bytes":"2000","retention.ms":"1000"}})";
  CHECK(encode_config(*decode_config(config)) == config);
  CHECK(decode_config("")->empty());
  CHECK(decode_config(R"({"version":1,"config":{"a":5}})")->at("a") == "5");
  CHECK(encode_config({{"quote", "a\"b\\c\n"}}) == R"({"version":1,"config":{"quote":"a\"b\\c\n"}})");
  const std::string change = R"({"version":2,"entity_path":"brokers/<default>"})";
  CHECK(encode_config_change(*decode_config_change(change)) == change);
  CHECK(*decode_config_change(R"({"version":1,"entity_type":"topics","entity_name":"t"})") == "topics/t");
  CHECK_FALSE(decode_config_change(R"({"version":3,"entity_path":"topics/t"})").has_value());
}

TEST_CASE("znodes: producer id blocks", "[store]") {
  CHECK_FALSE(decode_producer_id_block("").value().has_value());
  const std::string json = R"({"version":1,"broker":1,"block_start":"0","block_end":"999"})";
  const auto block = decode_producer_id_block(json);
  REQUIRE((block.has_value() && block->has_value()));
  CHECK((*block)->last == 999);
  CHECK(encode(**block) == json);
}

TEST_CASE("znodes: what old tools leave for the controller", "[store]") {
  CHECK(decode_partitions(R"({"version":1,"partitions":[{"topic":"t","partition":3}]})")->front() == TopicPartition{"t", 3});
  CHECK(encode_partitions({{"t", 3}}) == R"({"version":1,"partitions":[{"topic":"t","partition":3}]})");
  const auto moves = decode_reassignments(R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]})");
  REQUIRE(moves.has_value());
  CHECK(moves->begin()->second == std::vector<BrokerId>{BrokerId(1), BrokerId(2)});
  CHECK(*decode_log_dir_event(encode_log_dir_event(BrokerId(4))) == BrokerId(4));
}

TEST_CASE("znodes: names in paths are percent-encoded as Kafka's Sanitizer does it", "[store]") {
  CHECK(sanitize("us er*") == "us%20er%2A");
  CHECK(sanitize("<default>") == "%3Cdefault%3E");
  CHECK(desanitize(sanitize("Ünï code+/%")) == "Ünï code+/%");
}
