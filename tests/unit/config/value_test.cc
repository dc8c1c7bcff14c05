#include "config/value.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace moldau::config;
using Catch::Matchers::Message;

namespace {
const PropertyDef& broker(std::string_view name) { return *find_broker_property(name); }
const PropertyDef& topic(std::string_view name) { return *find_topic_property(name); }
}  // namespace

TEST_CASE("Value: parses Kafka's types", "[config]") {
  CHECK(parse_value(broker("log.segment.bytes"), " 1000 ") == Value(std::int64_t{1000}));
  CHECK(parse_value(broker("log.segment.bytes"), "+1000") == Value(std::int64_t{1000}));
  CHECK(parse_value(broker("log.cleaner.enable"), "TRUE") == Value(true));
  CHECK(parse_value(broker("log.cleaner.io.buffer.load.factor"), "1e-1") == Value(0.1));
  CHECK(parse_value(broker("log.cleanup.policy"), " compact , delete ") == Value(std::vector<std::string>{"compact", "delete"}));
  CHECK(parse_value(broker("log.cleanup.policy"), "") == Value(std::vector<std::string>{}));
  CHECK(parse_value(broker("log.retention.ms"), "9223372036854775807") == Value(std::numeric_limits<std::int64_t>::max()));
  CHECK(parse_value(broker("compression.gzip.level"), "-1") == Value(std::int64_t{-1}));
  CHECK(parse_value(broker("inter.broker.protocol.version"), "2.8") == Value(std::string("2.8")));
  CHECK(parse_value(broker("inter.broker.protocol.version"), "3.9-IV0") == Value(std::string("3.9-IV0")));
}

// The texts were read from a running Apache Kafka 3.9.2 (AlterConfigs).
TEST_CASE("Value: refuses in Kafka's words", "[config]") {
  const auto fails = [](const PropertyDef& def, std::string_view text, const std::string& message) {
    INFO(text);
    CHECK_THROWS_MATCHES(parse_value(def, text), ConfigError, Message(message));
  };
  fails(broker("log.segment.bytes"), "1", "Invalid value 1 for configuration log.segment.bytes: Value must be at least 14");
  fails(broker("log.segment.bytes"), "x", "Invalid value x for configuration log.segment.bytes: Not a number of type INT");
  fails(broker("log.segment.bytes"), "2147483648", "Invalid value 2147483648 for configuration log.segment.bytes: Not a number of type INT");
  fails(broker("unclean.leader.election.enable"), "maybe",
        "Invalid value maybe for configuration unclean.leader.election.enable: Expected value to be either true or false");
  fails(topic("segment.bytes"), "1.5", "Invalid value 1.5 for configuration segment.bytes: Not a number of type INT");
  fails(topic("segment.bytes"), "", "Invalid value  for configuration segment.bytes: Not a number of type INT");
  fails(topic("flush.ms"), "9223372036854775808", "Invalid value 9223372036854775808 for configuration flush.ms: Not a number of type LONG");
  fails(topic("cleanup.policy"), "x", "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete");
  fails(topic("compression.gzip.level"), "10", "Invalid value 10 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1");
  fails(topic("compression.gzip.level"), "0", "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1");
  fails(topic("min.cleanable.dirty.ratio"), "1.5", "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  fails(topic("message.format.version"), "9.9", "Invalid value 9.9 for configuration message.format.version: Version 9.9 is not a valid version");
  fails(topic("retention.ms"), "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  fails(topic("leader.replication.throttled.replicas"), "x",
        "Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of "
        "replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...");
  CHECK_NOTHROW(parse_value(topic("leader.replication.throttled.replicas"), "*"));
  CHECK_NOTHROW(parse_value(topic("leader.replication.throttled.replicas"), "0:1,1:2"));
}

TEST_CASE("Value: prints doubles as Java does", "[config]") {
  CHECK(java_double(0.5) == "0.5");
  CHECK(java_double(1) == "1.0");
  CHECK(java_double(0) == "0.0");
  CHECK(java_double(1234567) == "1234567.0");
  CHECK(java_double(1e7) == "1.0E7");
  CHECK(java_double(0.0001) == "1.0E-4");
  CHECK(java_double(0.05) == "0.05");
  CHECK(java_double(std::numeric_limits<double>::max()) == "1.7976931348623157E308");
}

TEST_CASE("Password: prints hidden", "[config]") {
  std::ostringstream out;
  out << Password("secret");
  CHECK(out.str() == "[hidden]");
  CHECK(Password("secret").reveal() == "secret");
}
