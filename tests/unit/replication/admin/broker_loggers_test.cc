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
