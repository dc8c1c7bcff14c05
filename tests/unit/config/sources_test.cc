#include "config/sources.h"

#include <catch2/catch.hpp>

#include "config/value.h"

using namespace moldau::config;

namespace {

std::vector<std::string> flat(const std::vector<FileEntry>& entries) {
  std::vector<std::string> out;
  for (const auto& entry : entries) out.push_back(std::to_string(entry.line) + " " + entry.key + "=" + entry.value);
  return out;
}
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("Properties: the forms of java.util.Properties", "[config]") {
  CHECK(flat(parse_properties("# comment\n  ! another\n\na=1\nb : 2\nc 3\nd\n  e = x y  \nf==v\n")) ==
        Lines{"4 a=1", "5 b=2", "6 c=3", "7 d=", "8 e=x y  ", "9 f==v"});
  CHECK(flat(parse_properties("a=one,\\\n   two,\\\r\n\tthree\nb=2")) == Lines{"1 a=one,two,three", "4 b=2"});
  CHECK(flat(parse_properties("a=end\\\\\nb=2")) == Lines{"1 a=end\\", "2 b=2"});
  CHECK(flat(parse_properties("a\\ b\\=c\\:d=v")) == Lines{"1 a b=c:d=v"});
  CHECK(flat(parse_properties("a=\\u00e9\\u20AC\\ud83d\\ude00\\t\\n\\q")) == Lines{"1 a=\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\t\nq"});
  CHECK(flat(parse_properties("a=x\\\n# not a comment\nb=1")) == Lines{"1 a=x# not a comment", "3 b=1"});
  CHECK(flat(parse_properties("a=1\rb=2\r\nc=3")) == Lines{"1 a=1", "2 b=2", "3 c=3"});
  CHECK(flat(parse_properties("")).empty());
  CHECK(flat(parse_properties("a=1\\")) == Lines{"1 a=1"});
  CHECK(flat(parse_properties("a\\")) == Lines{"1 a="});
}

TEST_CASE("YAML: nested and flat, lists and nulls", "[config]") {
  CHECK(flat(parse_yaml("log.dirs: /a\nlog:\n  retention:\n    hours: 24\n    ms: ~\nlisteners: [PLAINTEXT://:9092, 'X://:1']\nzookeeper.connect: \"\"\n")) ==
        Lines{"1 log.dirs=/a", "4 log.retention.hours=24", "6 listeners=PLAINTEXT://:9092,X://:1", "7 zookeeper.connect="});
  CHECK(parse_yaml("").empty());
  CHECK_THROWS_AS(parse_yaml("- a\n- b\n"), ConfigError);
  CHECK_THROWS_WITH(parse_yaml("a: 1\nb: [x, {y: 1}]\n"), Catch::Contains("line 2"));
  CHECK_THROWS_WITH(parse_yaml("log.dirs: a\nlog:\n  dirs: b\n"), Catch::Contains("line 3: log.dirs is there twice, first in line 1"));
  CHECK_THROWS_WITH(parse_yaml("a: [1\n"), Catch::Contains("line"));
}

TEST_CASE("Environment: names to keys, as the images do it", "[config]") {
  CHECK(environment_key("KAFKA_ADVERTISED_LISTENERS", "x") == "advertised.listeners");
  CHECK(environment_key("KAFKA_CFG_LOG_RETENTION_HOURS", "1") == "log.retention.hours");
  CHECK(environment_key("KAFKA_LISTENER_NAME_SASL__SSL_SSL_CLIENT_AUTH", "x") == "listener.name.sasl_ssl.ssl.client.auth");
  CHECK(environment_key("KAFKA_LISTENER_NAME_EXTERNAL_SCRAM___SHA___512_SASL_JAAS_CONFIG", "x") == "listener.name.external.scram-sha-512.sasl.jaas.config");
  CHECK(environment_key("KAFKA_LISTENER_NAME_EXTERNAL_SCRAM-SHA-512_SASL_JAAS_CONFIG", "x") == "listener.name.external.scram-sha-512.sasl.jaas.config");
  CHECK(environment_key("KAFKA_CFG_LISTENER_NAME_SASL_SSL_SSL_CLIENT_AUTH", "x") == "listener.name.sasl_ssl.ssl.client.auth");
  CHECK(environment_key("KAFKA_ZOOKEEPER_CLIENT_CNXN_SOCKET", "x") == "zookeeper.clientCnxnSocket");
  CHECK(environment_key("KAFKA_CFG_ZOOKEEPER_CLIENTCNXNSOCKET", "x") == "zookeeper.clientCnxnSocket");
  CHECK(environment_key("CLUSTER_ID", "x") == "cluster.id");
  CHECK(environment_key("PATH", "x").empty());
  CHECK(environment_key("KAFKA_HEAP_OPTS", "-Xmx1G").empty());
  CHECK(environment_key("KAFKA_PORT", "tcp://10.0.0.1:9092").empty());
  CHECK(environment_key("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1").empty());
  CHECK(environment_key("KAFKA_SERVICE_HOST", "10.0.0.1").empty());
  CHECK(environment_key("KAFKA_NAME", "/app/kafka").empty());
  CHECK(environment_key("KAFKA_TOPIC", "events").empty());
  CHECK(environment_key("KAFKA_SOMETHING_ODD", "x") == "something.odd");
}

TEST_CASE("Environment: values as the images write them", "[config]") {
  CHECK(environment_value("  a\n") == "a");
  CHECK(environment_value("a \\\n   b") == "a b");
  CHECK(environment_value("a\nb") == "a b");
  CHECK(environment_value(" ").empty());
}
