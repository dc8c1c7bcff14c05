#include "server/start_report.h"

#include <catch2/catch.hpp>

#include "config/load.h"

using namespace moldau;

namespace {

std::vector<std::string> report(std::vector<std::string> overrides, std::optional<std::uint16_t> http_port) {
  config::LoadRequest request;
  request.overrides = std::move(overrides);
  request.use_default_file = false;
  const auto loaded = config::load(request);
  REQUIRE(loaded.ok());
  return server::start_report(*loaded.config, BrokerId(7), [](std::string_view) { return std::uint16_t{4711}; }, http_port);
}

}  // namespace

TEST_CASE("Start report: says what is, not what the defaults are", "[server]") {
  const auto lines = report({"listeners=PLAINTEXT://:0", "advertised.listeners=auto", "log.dirs=/a,/b/../c"}, 8081);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "Kafka clients connect to localhost:4711; they are told the address by which they came (advertised.listeners=auto)");
  CHECK(lines[1] == "one broker, id 7, with embedded metadata (no ZooKeeper); data in /a, /c");
  CHECK(lines[2] == "health and metrics at http://localhost:8081: /healthz, /readyz, /metrics");
  CHECK_THAT(lines[3], Catch::Contains("kcat -b localhost:4711 "));
}

TEST_CASE("Start report: several listeners, HTTP that stepped aside or is off", "[server]") {
  const std::string map = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,HOST:PLAINTEXT";
  const auto lines = report({map, "listeners=PLAINTEXT://10.0.0.1:9092,HOST://[::1]:29092", "advertised.listeners=PLAINTEXT://kafka:9092,HOST://localhost:29092"}, std::nullopt);
  CHECK(lines[0] == "Kafka clients connect to 10.0.0.1:9092 (PLAINTEXT), [::1]:29092 (HOST); they are told kafka:9092, localhost:29092");
  CHECK(lines[2] == "no health and metrics: the port of http.listeners was taken");
  CHECK_THAT(lines[3], Catch::Contains("kcat -b 10.0.0.1:9092 "));
  CHECK(report({"http.listeners="}, std::nullopt)[2] == "no health and metrics: http.listeners is empty");
}
