#include "server/logging_levels.h"

#include <catch2/catch.hpp>

#include "protocol/base/log.h"

using namespace moldau;

TEST_CASE("logging.level: levels in any case, one for all, then single categories", "[logging]") {
  CHECK(server::apply_logging_levels({"WARN", "storage:Debug"}).empty());
  CHECK(logger(LogCategory::network).level() == spdlog::level::warn);
  CHECK(logger(LogCategory::storage).level() == spdlog::level::debug);
  CHECK(server::apply_logging_levels({"info", "nobody:debug"}).size() == 1);
  CHECK(logger(LogCategory::storage).level() == spdlog::level::info);
}
