#include "server/takeover/topic_configs_file.h"

#include <catch2/catch.hpp>

#include "made_up_kafka.h"

using namespace moldau;
using namespace moldau::server;

namespace {

Result<TopicConfigs> parse(std::string_view text, const std::string& name) { return parse_topic_configs(text, name, config::make_broker_config({})); }

}  // namespace

TEST_CASE("Topic configs: what kafka-configs --describe prints", "[takeover]") {
  const auto topics = parse(
      "Dynamic configs for topic t1 are:\n"
      "  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}\n"
      "  retention.ms=60000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=60000}\n"
      "Dynamic configs for topic plain are:\n"
      "All configs for topic all are:\n"
      "  compression.type=producer sensitive=false synonyms={DEFAULT_CONFIG:compression.type=producer}\n"
      "  segment.bytes=104857600 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.bytes=104857600, DEFAULT_CONFIG:log.segment.bytes=1073741824}\n",
      "configs.txt");
  REQUIRE(topics);
  REQUIRE(topics->size() == 3);
  CHECK(topics->at("t1") == config::Settings{{"cleanup.policy", "compact,delete"}, {"retention.ms", "60000"}});
  CHECK(topics->at("plain").empty());
  CHECK(topics->at("all") == config::Settings{{"segment.bytes", "104857600"}});
}

TEST_CASE("Topic configs: YAML", "[takeover]") {
  const auto topics = parse("my.topic:\n  cleanup.policy: [compact, delete]\n  retention:\n    ms: 5\nplain: {}\nempty:\n", "configs.yaml");
  REQUIRE(topics);
  REQUIRE(topics->size() == 3);
  CHECK(topics->at("my.topic") == config::Settings{{"cleanup.policy", "compact,delete"}, {"retention.ms", "5"}});
  CHECK(topics->at("plain").empty());
  CHECK(topics->at("empty").empty());
}

TEST_CASE("Topic configs: what is wrong is named", "[takeover]") {
  const auto refusal = [](std::string_view text, const std::string& name) {
    const auto topics = parse(text, name);
    REQUIRE_FALSE(topics);
    return topics.error().message;
  };
  CHECK_THAT(refusal("Topic: t1\tTopicId: x\n", "c.txt"), Catch::Contains("c.txt:1: no topic before it"));
  CHECK_THAT(refusal("Dynamic configs for topic t are:\nnonsense\n", "c.txt"), Catch::Contains("c.txt:2: not a line"));
  CHECK_THAT(refusal("Dynamic configs for topic t are:\n  no.such.key=1 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:no.such.key=1}\n", "c.txt"), Catch::Contains("topic t: "));
  CHECK_THAT(refusal("t:\n  retention.ms: soon\n", "c.yaml"), Catch::Contains("c.yaml: topic t: ") && Catch::Contains("retention.ms"));
  CHECK_THAT(refusal("t: 5\n", "c.yml"), Catch::Contains("line 1") && Catch::Contains("keys and values"));
  CHECK_THAT(refusal("- a\n", "c.yml"), Catch::Contains("line 1"));
}
