#include "replication/admin/broker_loggers.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace moldau;
using namespace moldau::replication;

namespace {

std::string level_of(const std::string& name) {
  for (const auto& [logger, level] : broker_loggers())
    if (logger == name) return level;
  return "?";
}

}  // namespace

TEST_CASE("broker loggers: levels in Kafka's words, changed and taken back", "[admin]") {
  REQUIRE(check_broker_logger("storage", "DEBUG").has_value());
  set_broker_logger("storage", "DEBUG");
  CHECK(level_of("storage") == "DEBUG");
  set_broker_logger("storage", std::nullopt);
  CHECK(level_of("storage") == level_of("root"));
  CHECK(check_broker_logger("nobody", "INFO").error().message == "Logger nobody does not exist!");
  CHECK(check_broker_logger("storage", "LOUD").error().message ==
        "Cannot set the log level of storage to LOUD as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN");
  CHECK(check_broker_logger("root", std::nullopt).error().code == ErrorCode::invalid_request);
}

TEST_CASE("broker loggers: Apache Kafka's names stand for our categories", "[admin]") {
  const auto all = broker_loggers();
  CHECK(std::is_sorted(all.begin(), all.end()));
  for (const auto* name : {"root", "kafka", "org.apache.kafka", "kafka.server.KafkaApis", "kafka.controller.KafkaController", "kafka.server.ReplicaManager", "state.change.logger",
                           "kafka.request.logger", "kafka.network.RequestChannel$", "kafka.log.LogCleaner", "kafka.coordinator.group.GroupCoordinator", "request", "storage"}) {
    INFO(name);
    CHECK(level_of(name) == "INFO");
    CHECK(check_broker_logger(name, "DEBUG").has_value());
  }
  set_broker_logger("kafka.server.KafkaApis", "DEBUG");
  CHECK(level_of("request") == "DEBUG");
  CHECK(level_of("kafka.server.KafkaApis") == "DEBUG");
  CHECK(level_of("storage") == "INFO");
  CHECK(level_of("root") == "INFO");
  set_broker_logger("kafka", "WARN");
  CHECK(level_of("request") == "WARN");
  CHECK(level_of("storage") == "WARN");
  CHECK(level_of("root") == "INFO");
  set_broker_logger("kafka", std::nullopt);
  CHECK(level_of("storage") == "INFO");
  set_broker_logger("root", "ERROR");
  CHECK(level_of("kafka.controller.KafkaController") == "ERROR");
  set_broker_logger("root", "INFO");
  CHECK_FALSE(check_broker_logger("kafka.nobody", "INFO").has_value());
}
