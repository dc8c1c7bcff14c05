#include "config/dynamic_config.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using namespace moldau::config;

namespace {
std::string verdict(const DynamicConfig& config, DynamicScope scope, const Settings& settings) {
  const auto error = config.validate(scope, settings);
  return error ? error->message : "good";
}
}  // namespace

// The texts were read from a running Apache Kafka 3.9.2 (IncrementalAlterConfigs).
TEST_CASE("DynamicConfig: which changes are refused, in Kafka's words", "[config]") {
  const DynamicConfig config(Settings{});
  constexpr auto kBroker = DynamicScope::broker;
  constexpr auto kCluster = DynamicScope::cluster_default;
  CHECK(verdict(config, kBroker, {{"log.dirs", "/x"}}) == "Cannot update these configs dynamically: Set(log.dirs)");
  CHECK(verdict(config, kCluster, {{"num.partitions", "3"}}) == "Cannot update these configs dynamically: Set(num.partitions)");
  CHECK(verdict(config, kCluster, {{"advertised.listeners", "PLAINTEXT://x:1"}}) ==
        "Cannot update these configs at default cluster level, broker id must be specified: Set(advertised.listeners)");
  CHECK(verdict(config, kCluster, {{"listener.name.external.ssl.keystore.location", "/x"}}) ==
        "Cannot update these configs at default cluster level, broker id must be specified: Set(listener.name.external.ssl.keystore.location)");
  CHECK(verdict(config, kBroker, {{"ssl.keystore.location", "/x"}}) ==
        "These security configs can be dynamically updated only per-listener using the listener prefix: Set(ssl.keystore.location)");
  CHECK(verdict(config, kBroker, {{"num.io.threads", "100"}}) ==
        "Dynamic thread count update validation failed for num.io.threads=100, value should not be greater than double the current value 8");
  CHECK(verdict(config, kBroker, {{"num.io.threads", "1"}}) ==
        "Dynamic thread count update validation failed for num.io.threads=1, value should be at least half the current value 8");
  CHECK(verdict(config, kCluster, {{"num.io.threads", "16"}}) == "good");
  CHECK(verdict(config, kBroker, {{"num.replica.fetchers", "5"}}) ==
        "Dynamic thread count update validation failed for num.replica.fetchers=5, value should not be greater than double the current value 1");
  CHECK(verdict(config, kBroker, {{"log.cleaner.threads", "9"}}) == "Log cleaner threads cannot be increased to more than double the current value 1");
  CHECK(verdict(config, kBroker, {{"log.cleaner.threads", "0"}}) == "Log cleaner threads should be at least 1");
  CHECK(verdict(config, kBroker, {{"log.segment.bytes", "1"}}) == "Invalid value 1 for configuration log.segment.bytes: Value must be at least 14");
  CHECK(verdict(config, kBroker, {{"log.retention.ms", "0"}}) == "log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  CHECK(verdict(config, kBroker, {{"my.own.key", "x"}}) == "good");
  CHECK(verdict(config, kBroker, {{"listener.name.plaintext.max.connections", "5"}}) == "good");
  CHECK(verdict(config, kBroker, {{"listener.name.plaintext.max.connection.creation.rate", "0"}}) ==
        "Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connection.creation.rate 0 for configuration Invalid dynamic configuration");
  CHECK_THAT(verdict(config, kCluster, {{"max.connections", "0"}}), Catch::Contains("Invalid max.connections 0"));
  CHECK(verdict(config, kBroker, {{"listener.name.other.max.connections", "0"}}) == "good");  // there is no such listener
  CHECK_THAT(verdict(config, kBroker, {{"listener.name.plaintext.max.connections", "x"}}), Catch::Contains("listener.name.plaintext.max.connections: Not a number"));
  CHECK(verdict(config, kBroker, {{"listeners", "PLAINTEXT://:1"}}) == "good");
  CHECK(verdict(config, kBroker, {{"listeners", "PLAINTEXT://:9092,SSL://:9093"}}) != "good");
  CHECK_THAT(verdict(config, kBroker, {{"listeners", "OTHER://:1"}}), Catch::Contains("OTHER"));
  CHECK_THAT(verdict(config, kBroker, {{"advertised.listeners", "SSL://x:1"}}), Catch::Contains("advertised.listeners"));
  CHECK_THAT(verdict(config, kBroker, {{"listeners", ""}}), Catch::Contains("listeners must name at least one listener"));
  CHECK_THAT(verdict(config, kBroker, {{"principal.builder.class", "x"}}), Catch::Contains("plug-ins"));
  CHECK_THAT(verdict(config, kBroker, {{"listener.name.x.ssl.keystore.location", "/x"}}), Catch::Contains("not there yet"));
  CHECK_THAT(verdict(config, kCluster, {{"max.connections.per.ip.overrides", "a"}}), Catch::Contains("max.connections.per.ip.overrides"));
}

TEST_CASE("DynamicConfig: the broker's own settings over the cluster's over the file's", "[config]") {
  DynamicConfig config(Settings{{"log.retention.hours", "2"}, {"log.segment.bytes", "1000"}});
  const auto before = config.current();
  CHECK(before->log_defaults.retention_ms == 7200000);
  CHECK(config.apply(DynamicScope::cluster_default, {{"log.retention.ms", "100"}, {"log.segment.bytes", "2000"}}).empty());
  CHECK(config.current()->log_defaults.retention_ms == 100);
  CHECK(config.apply(DynamicScope::broker, {{"log.retention.ms", "200"}}).empty());
  CHECK(config.current()->log_defaults.retention_ms == 200);
  CHECK(config.current()->log_defaults.segment_bytes == 2000);
  CHECK(before->log_defaults.retention_ms == 7200000);  // a snapshot never changes
  CHECK(config.apply(DynamicScope::broker, {}).empty());
  CHECK(config.apply(DynamicScope::cluster_default, {}).empty());
  CHECK(*config.current() == *before);
}

TEST_CASE("DynamicConfig: what the store holds and is not good is passed over", "[config]") {
  DynamicConfig config(Settings{});
  const auto passed_over = config.apply(DynamicScope::broker, {{"log.segment.bytes", "x"}, {"log.dirs", "/x"}, {"log.retention.ms", "5"}});
  CHECK(passed_over.size() == 2);
  CHECK(config.current()->log_retention_ms == 5);
  CHECK(config.layers()->broker == Settings{{"log.retention.ms", "5"}});
  CHECK(config.apply(DynamicScope::broker, {{"log.retention.ms", "0"}}).size() == 1);
  CHECK(config.current()->log_retention_ms == 5);
}

TEST_CASE("DynamicConfig: listeners hear of changes until they unregister", "[config]") {
  DynamicConfig config(Settings{});
  int calls = 0;
  std::int32_t seen = 0;
  {
    const auto registration = config.on_change([&](const BrokerConfig& before, const BrokerConfig& after) {
      ++calls;
      CHECK(before.log_segment_bytes != after.log_segment_bytes);
      seen = after.log_segment_bytes;
      CHECK(config.current()->log_segment_bytes == seen);
    });
    CHECK(config.apply(DynamicScope::broker, {{"log.segment.bytes", "5000"}}).empty());
    CHECK(config.apply(DynamicScope::broker, {{"log.segment.bytes", "5000"}}).empty());  // no change, no call
  }
  CHECK(config.apply(DynamicScope::broker, {{"log.segment.bytes", "6000"}}).empty());
  CHECK(calls == 1);
  CHECK(seen == 5000);
}

TEST_CASE("DynamicConfig: listeners come and go, but their protocol stays", "[config]") {
  DynamicConfig config(Settings{{"listeners", "PLAINTEXT://:9092,A://:9093"}, {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,A:PLAINTEXT,B:PLAINTEXT"}});
  CHECK(verdict(config, DynamicScope::broker, {{"listeners", "PLAINTEXT://:9092,B://:9094"}}) == "good");
  CHECK_THAT(verdict(config, DynamicScope::broker, {{"listeners", "A://:9093"}}), Catch::Contains("inter.broker.listener.name"));
  CHECK(verdict(config, DynamicScope::broker, {{"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,A:SSL"}}) != "good");
  CHECK(config.apply(DynamicScope::broker, {{"listeners", "PLAINTEXT://:9092,B://:9094"}}).empty());
  CHECK(config.current()->endpoints.back().listener_name == "B");
  CHECK(config.apply(DynamicScope::broker, {}).empty());
  CHECK(config.current()->endpoints.back().listener_name == "A");
}

TEST_CASE("DynamicConfig: readers always see a whole snapshot", "[config]") {
  DynamicConfig config(Settings{});
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!stop) {
      const auto now = config.current();
      if (now->log_segment_bytes != now->log_defaults.segment_bytes) ++torn;
    }
  });
  for (int i = 0; i < 200; ++i) CHECK(config.apply(DynamicScope::broker, {{"log.segment.bytes", std::to_string(1000 + i)}}).empty());
  stop = true;
  reader.join();
  CHECK(torn == 0);
}
