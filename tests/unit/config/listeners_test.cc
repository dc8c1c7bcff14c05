#include "config/listeners.h"

#include <catch2/catch.hpp>

#include "config/broker_config.h"
#include "config/value.h"

using namespace moldau::config;

namespace {
std::vector<Endpoint> parse(std::string_view text) {
  return parse_listeners("listeners", text, parse_listener_protocol_map("PLAINTEXT:PLAINTEXT,SSL:SSL,EXTERNAL:SASL_SSL"), true);
}
}  // namespace

TEST_CASE("Listeners: names, hosts and ports", "[config]") {
  const auto list = parse(" PLAINTEXT://:9092, external://host-1.example:9093 ,SSL://[::1]:9094,");
  REQUIRE(list.size() == 3);
  CHECK(list[0] == Endpoint{"PLAINTEXT", SecurityProtocol::plaintext, "", 9092});
  CHECK(list[1] == Endpoint{"EXTERNAL", SecurityProtocol::sasl_ssl, "host-1.example", 9093});
  CHECK(list[2] == Endpoint{"SSL", SecurityProtocol::ssl, "::1", 9094});
  CHECK(list[2].connection_string() == "SSL://[::1]:9094");
  CHECK(parse("PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092").size() == 2);
  CHECK(parse("PLAINTEXT://a:0,SSL://a:0").size() == 2);
}

TEST_CASE("Listeners: what is refused", "[config]") {
  CHECK_THROWS_WITH(parse("PLAINTEXT:9092"), Catch::Contains("Unable to parse PLAINTEXT:9092 to a broker endpoint"));
  CHECK_THROWS_WITH(parse("PLAINTEXT://a:99999"), Catch::Contains("Unable to parse"));
  CHECK_THROWS_WITH(parse("INTERNAL://:1"), Catch::Contains("No security protocol defined for listener INTERNAL"));
  CHECK_THROWS_WITH(parse("PLAINTEXT://a:1,PLAINTEXT://a:2"), Catch::Contains("different name"));
  CHECK_THROWS_WITH(parse("PLAINTEXT://a:1,SSL://a:1"), Catch::Contains("different port"));
  CHECK_THROWS_WITH(parse_listener_protocol_map("A:B"), Catch::Contains("Invalid security protocol"));
  CHECK_THROWS_WITH(parse_listener_protocol_map("A"), Catch::Contains("Invalid security protocol"));
}

TEST_CASE("Listeners: HTTP", "[config]") {
  CHECK(parse_http_listener("http://0.0.0.0:8080/").port == 8080);
  CHECK(parse_http_listener("127.0.0.1:1").host == "127.0.0.1");
  CHECK_THROWS_WITH(parse_http_listener("8080"), Catch::Contains("http.listeners"));
}

TEST_CASE("BrokerConfig: what several keys say together", "[config]") {
  const auto plain = make_broker_config({});
  CHECK(plain.data_dirs == std::vector<std::string>{"data"});
  CHECK(plain.endpoints.front() == Endpoint{"PLAINTEXT", SecurityProtocol::plaintext, "", 9092});
  CHECK(plain.advertised_endpoints == plain.endpoints);
  CHECK(plain.inter_broker_listener == "PLAINTEXT");
  CHECK(plain.http_endpoint->port == 8080);
  CHECK(plain.io_thread_count() >= 1);
  CHECK(plain.log_defaults == LogConfig{});

  const auto set = make_broker_config({{"log.dirs", "/a, /b"}, {"log.dir", "/c"}, {"node.id", "7"}, {"http.listeners", ""}, {"io.threads", "3"},
                                       {"advertised.listeners", "AUTO"}, {"max.connections.per.ip.overrides", "127.0.0.1:5,::1:6"},
                                       {"listener.name.plaintext.max.connections", "9"}});
  CHECK(set.data_dirs == std::vector<std::string>{"/a", "/b"});
  CHECK(set.broker_id == 7);
  CHECK_FALSE(set.http_endpoint);
  CHECK(set.io_thread_count() == 3);
  CHECK(set.advertised_auto);
  CHECK(set.advertised_endpoints == set.endpoints);
  CHECK(set.max_connections_overrides.at("::1") == 6);
  CHECK(set.listener_max_connections("PLAINTEXT") == 9);
  CHECK_FALSE(set.listener_max_connections("SSL"));
}
