#include "config/load.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/effective.h"

using namespace moldau::config;

namespace {

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "moldau-config-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

LoadResult load_file(const std::string& name, const std::string& text, std::vector<std::string> overrides = {}, Environment environment = {}) {
  const Folder folder;
  LoadRequest request;
  request.config_file = folder.write(name, text);
  request.overrides = std::move(overrides);
  request.environment = std::move(environment);
  return load(request);
}

LoadResult load_overrides(std::vector<std::string> overrides, Environment environment = {}) {
  LoadRequest request;
  request.overrides = std::move(overrides);
  request.environment = std::move(environment);
  request.use_default_file = false;
  return load(request);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += text + "\n";
  return out;
}

}  // namespace

TEST_CASE("Load: later sources win, and each value knows where it is from", "[config]") {
  const auto result = load_file("server.properties", "num.partitions=2\nlog.retention.hours=5\nlog.segment.bytes=1000\n", {"num.partitions=4"},
                                {{"KAFKA_LOG_RETENTION_HOURS", "6"}, {"KAFKA_NUM_PARTITIONS", "3"}});
  REQUIRE(result.ok());
  CHECK(result.config->num_partitions == 4);
  CHECK(result.settings.at("num.partitions").origin.text == "--override");
  CHECK(result.config->log_defaults.retention_ms == 6 * 3600000LL);
  CHECK(result.settings.at("log.retention.hours").origin.text == "KAFKA_LOG_RETENTION_HOURS");
  CHECK(result.config->log_segment_bytes == 1000);
  CHECK(result.settings.at("log.segment.bytes").origin.text == "server.properties:3");
}

TEST_CASE("Load: unknown keys", "[config]") {
  CHECK_THAT(joined(load_file("moldau.yaml", "log.retention.hour: 1\n").errors),
             Catch::Contains("moldau.yaml:1: unknown key log.retention.hour; did you mean log.retention.hours?"));
  CHECK_THAT(joined(load_overrides({"nonsense=1"}).errors), Catch::Contains("--override: unknown key nonsense"));
  CHECK_THAT(joined(load_overrides({"nonsense"}).errors), Catch::Contains("write --override key=value"));
  CHECK_THAT(joined(load_file("server.properties", "log.dris=/x\n").errors), Catch::Contains("did you mean log.dirs?"));
  const auto plugin = load_file("server.properties", "my.plugin.key=1\n");
  CHECK(plugin.ok());
  CHECK_THAT(joined(plugin.warnings), Catch::Contains("server.properties:1: unknown key my.plugin.key is ignored"));
  const auto environment = load_overrides({}, {{"KAFKA_LOG_DRIS", "/x"}, {"HOME", "/root"}});
  CHECK(environment.ok());
  CHECK_THAT(joined(environment.warnings), Catch::Contains("KAFKA_LOG_DRIS: unknown key log.dris is ignored; did you mean log.dirs?"));
  CHECK_THAT(joined(load_overrides({}, {{"KAFKA_LISTENER_NAME_X_SCRAM_SHA_256_SASL_JAAS_CONFIG", "x"}}).warnings), Catch::Contains("scram-sha-256"));
}

TEST_CASE("Load: an unchanged server.properties says what to do about ZooKeeper", "[config]") {
  const std::string stock =
      "broker.id=0\nnum.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nlog.dirs=/tmp/kafka-logs\nnum.partitions=1\n"
      "offsets.topic.replication.factor=1\nlog.retention.hours=168\nzookeeper.connect=localhost:2181\nzookeeper.connection.timeout.ms=18000\n"
      "group.initial.rebalance.delay.ms=0\n";
  const auto refused = load_file("server.properties", stock);
  CHECK_FALSE(refused.ok());
  REQUIRE(refused.errors.size() == 1);
  CHECK_THAT(refused.errors.front(), Catch::StartsWith("server.properties:9: zookeeper.connect=localhost:2181"));
  CHECK_THAT(refused.errors.front(), Catch::Contains("--override zookeeper.connect="));
  const auto single = load_file("server.properties", stock, {"zookeeper.connect="});
  CHECK(single.ok());
  CHECK(single.config->broker_id == 0);
  CHECK_THAT(joined(single.warnings), !Catch::Contains("num.io.threads"));  // the default needs no word
}

TEST_CASE("Load: what is not there yet refuses or warns", "[config]") {
  const auto refuses = [](const std::string& setting) {
    INFO(setting);
    const auto result = load_overrides({setting});
    CHECK_FALSE(result.ok());
    CHECK_THAT(joined(result.errors), Catch::Contains(setting.substr(0, setting.find('='))));
  };
  refuses("authorizer.class.name=kafka.security.authorizer.AclAuthorizer");
  refuses("create.topic.policy.class.name=x.Y");
  refuses("alter.config.policy.class.name=x.Y");
  refuses("principal.builder.class=x.Y");
  refuses("client.quota.callback.class=x.Y");
  refuses("sasl.server.callback.handler.class=x.Y");
  refuses("remote.log.storage.system.enable=true");
  refuses("security.inter.broker.protocol=SSL");
  refuses("listeners=SSL://:9093");
  refuses("listeners=PLAINTEXT://:9092,SASL_SSL://:9093");
  refuses("group.coordinator.rebalance.protocols=classic,consumer");
  CHECK(load_overrides({"authorizer.class.name="}).ok());
  CHECK(load_overrides({"remote.log.storage.system.enable=false"}).ok());
  CHECK_THAT(joined(load_overrides({"num.io.threads=16"}).warnings), Catch::Contains("num.io.threads=16 is not needed here"));
  CHECK_THAT(joined(load_overrides({"transaction.max.timeout.ms=1000"}).warnings), Catch::Contains("has no effect yet"));
  CHECK(load_overrides({"log.cleaner.min.cleanable.ratio=0.50"}).warnings.empty());
}

TEST_CASE("Load: rules over several keys", "[config]") {
  const auto fails = [](std::vector<std::string> settings, const std::string& message) {
    CHECK_THAT(joined(load_overrides(std::move(settings)).errors), Catch::Contains(message));
  };
  fails({"advertised.listeners=PLAINTEXT://0.0.0.0:9092"}, "--override: advertised.listeners cannot use the nonroutable meta-address 0.0.0.0");
  fails({"listeners="}, "listeners must name at least one listener");
  fails({"listeners=PLAINTEXT://:1,A://:2"}, "No security protocol defined for listener A");
  fails({"listeners=A://:2", "listener.security.protocol.map=A:PLAINTEXT"},
        "inter.broker.listener.name must be a listener name defined in advertised.listeners");
  fails({"listeners=A://:2", "listener.security.protocol.map=PLAINTEXT:PLAINTEXT"}, "No security protocol defined for listener A");
  fails({"advertised.listeners=B://x:1", "listener.security.protocol.map=B:PLAINTEXT,PLAINTEXT:PLAINTEXT"}, "equal to or a subset");
  fails({"replica.fetch.wait.max.ms=40000"}, "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms");
  fails({"replica.lag.time.max.ms=100"}, "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms");
  fails({"offsets.commit.required.acks=4"}, "offsets.commit.required.acks must be greater or equal -1");
  fails({"queued.max.request.bytes=1000"}, "queued.max.request.bytes must be larger or equal to socket.request.max.bytes");
  fails({"log.retention.ms=0"}, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  fails({"broker.id=2000"}, "reserved.broker.max.id");
  fails({"max.connections.per.ip=0"}, "max.connections.per.ip can be set to zero only if");
  fails({"log.dirs=/a,/a"}, "log.dirs names /a twice");
  fails({"logging.level=loud"}, "logging.level");
  fails({"logging.level=info,nobody:debug"}, "there is no such category; there are server, network");
  fails({"num.partitions=\"3\""}, "leave them out");
  CHECK(load_overrides({"listeners=A://:2", "listener.security.protocol.map=A:PLAINTEXT", "inter.broker.listener.name=A"}).ok());
}

TEST_CASE("Load: a default counts where nothing else sets the key", "[config]") {
  LoadRequest request;
  request.use_default_file = false;
  request.defaults = {"advertised.listeners=auto"};
  auto result = load(request);
  REQUIRE(result.ok());
  CHECK(result.config->advertised_auto);
  CHECK(result.settings.at("advertised.listeners").origin.text == "--default");
  request.overrides = {"advertised.listeners=PLAINTEXT://kafka:9092"};
  CHECK_FALSE(load(request).config->advertised_auto);
  request.overrides.clear();
  request.environment = {{"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"}};
  CHECK_FALSE(load(request).config->advertised_auto);
  request.environment.clear();
  const Folder folder;
  request.config_file = folder.write("server.properties", "advertised.listeners=PLAINTEXT://kafka:9092\n");
  CHECK_FALSE(load(request).config->advertised_auto);
  request.defaults = {"log.dris=/x"};
  CHECK_THAT(joined(load(request).errors), Catch::Contains("--default: unknown key log.dris; did you mean log.dirs?"));
}

TEST_CASE("Load: http.listeners counts as chosen only when somebody sets it", "[config]") {
  CHECK_FALSE(load_overrides({}).config->http_chosen);
  CHECK(load_overrides({"http.listeners=http://0.0.0.0:8080"}).config->http_chosen);
}

TEST_CASE("Load: words for what is often wrong", "[config]") {
  CHECK_THAT(joined(load_file("server.properties", "log.retention.hours=7 # a week\n").errors), Catch::Contains("(comments need their own line)"));
  CHECK_THAT(joined(load_overrides({"num.partitions="}).errors), Catch::Contains("the value is empty: ''"));
  CHECK_THAT(joined(load_overrides({"listeners=PLAINTEXT://:70000"}).errors), Catch::Contains("a port from 0 to 65535"));
  CHECK_THAT(joined(load_overrides({"http.listeners=http://:70000"}).errors), Catch::Contains("a port from 0 to 65535"));
  CHECK_THAT(joined(load_file("x.yaml", "log:\n\tdirs: /x\n").errors), Catch::Contains("x.yaml: line 2: there is a tab before the key"));
  CHECK_THAT(joined(load_overrides({"broker.id=1", "node.id=2"}).warnings), Catch::Contains("node.id=2 differs from broker.id=1 (--override)"));
  for (const std::string key : {"port", "host.name"}) CHECK_THAT(joined(load_file("server.properties", key + "=1\n").warnings), Catch::Contains(": write listeners=PLAINTEXT://"));
  for (const std::string key : {"advertised.port", "advertised.host.name"})
    CHECK_THAT(joined(load_file("server.properties", key + "=1\n").warnings), Catch::Contains(": write advertised.listeners=PLAINTEXT://HOST:PORT"));
}

TEST_CASE("Load: listeners that clients can't use, and an address without auto, are told", "[config]") {
  const std::vector<std::string> two = {"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,HOST:PLAINTEXT", "listeners=PLAINTEXT://:9092,HOST://:29092",
                                        "advertised.listeners=PLAINTEXT://kafka:9092"};
  CHECK_THAT(joined(load_overrides(two).warnings), Catch::Contains("advertised.listeners leaves out HOST of listeners"));
  CHECK(load_overrides(two).ok());
  CHECK_THAT(joined(load_overrides({"advertised.listeners.auto.external=example.com"}).warnings), Catch::Contains("has no effect without advertised.listeners=auto"));
  CHECK(load_overrides({"advertised.listeners.auto.external=example.com", "advertised.listeners=auto"}).warnings.empty());
}

TEST_CASE("Load: lists that must name something are not empty", "[config]") {
  for (const std::string key : {"log.dirs", "log.dir", "listeners", "advertised.listeners"})
    for (const std::string value : {"", " ", ",", " , ,"}) {
      INFO(key << "=" << value);
      const auto result = load_overrides({key + "=" + value});
      CHECK_FALSE(result.ok());
      REQUIRE(result.errors.size() == 1);
      CHECK_THAT(result.errors.front(), Catch::Contains("--override: ") && Catch::Contains(key) && Catch::Contains("at least one"));
      CHECK(result.errors.front().find('\n') == std::string::npos);
    }
  CHECK(load_overrides({"log.dirs=/a", "log.dir="}).ok());  // log.dir does not count then
  CHECK(load_overrides({"log.dir=/b"}).config->data_dirs == std::vector<std::string>{"/b"});
}

// Values and verdicts: Apache Kafka 3.9.2's KafkaConfig.fromProps, extractLogConfigMap and listeners, asked for each.
TEST_CASE("Load: odd values are taken and refused as Apache Kafka does", "[config]") {
  for (const auto* good : {"num.partitions=+3",
                           "num.partitions= 3 ",
                           "log.retention.hours=-2",
                           "log.retention.ms=-2",
                           "log.retention.bytes=-5",
                           "log.cleanup.policy=",
                           "log.cleanup.policy=compact,compact",
                           "log.cleaner.min.cleanable.ratio=0.5f",
                           "log.cleaner.min.cleanable.ratio=.5",
                           "log.cleaner.min.cleanable.ratio=NaN",
                           "log.cleaner.io.max.bytes.per.second=Infinity",
                           "log.cleaner.io.max.bytes.per.second=1e400",
                           "log.cleaner.io.max.bytes.per.second=0x1p3",
                           "auto.create.topics.enable=TRUE",
                           "auto.create.topics.enable= true ",
                           "default.replication.factor=0",
                           "max.connections=0",
                           "max.connections.per.ip.overrides=127.0.0.1:-1",
                           "max.connections.per.ip.overrides=,",
                           "queued.max.request.bytes=0",
                           "connections.max.idle.ms=-1",
                           "group.min.session.timeout.ms=9999999",
                           "log.flush.interval.ms=-1",
                           "inter.broker.protocol.version=2.8",
                           "listeners=plaintext://:9092",
                           "listeners=PLAINTEXT://:9092, ",
                           "socket.receive.buffer.bytes=0",
                           "compression.gzip.level=-1"}) {
    INFO(good);
    CHECK(joined(load_overrides({good}).errors).empty());
  }
  for (const auto* bad : {"num.partitions=",
                          "num.partitions=0",
                          "num.partitions=-1",
                          "num.partitions=3.0",
                          "num.partitions=1_000",
                          "num.partitions=0x10",
                          "num.partitions=2147483648",
                          "num.partitions=3k",
                          "log.segment.bytes=1g",
                          "log.segment.bytes=13",
                          "log.retention.hours=7d",
                          "log.retention.ms=",
                          "log.retention.minutes=0",
                          "log.roll.hours=0",
                          "log.cleanup.policy=Compact",
                          "log.cleanup.policy=compact,",
                          "log.cleaner.min.cleanable.ratio=1.5",
                          "log.cleaner.min.cleanable.ratio=nan",
                          "log.cleaner.io.max.bytes.per.second=inf",
                          "log.cleaner.io.max.bytes.per.second=0x10",
                          "log.cleaner.io.max.bytes.per.second=--1",
                          "compression.type=GZIP",
                          "compression.type=",
                          "compression.gzip.level=0",
                          "compression.zstd.level=23",
                          "auto.create.topics.enable=yes",
                          "auto.create.topics.enable=",
                          "message.max.bytes=-1",
                          "min.insync.replicas=0",
                          "offsets.topic.replication.factor=40000",
                          "max.connections=-1",
                          "max.connections.per.ip=0",
                          "max.connections.per.ip.overrides=a",
                          "max.connections.per.ip.overrides=127.0.0.1:x",
                          "socket.request.max.bytes=0",
                          "queued.max.request.bytes=10",
                          "connections.max.idle.ms=50",
                          "broker.id=-2",
                          "broker.id=abc",
                          "replica.lag.time.max.ms=499",
                          "log.message.timestamp.type=createtime",
                          "log.flush.interval.messages=0",
                          "log.index.size.max.bytes=3",
                          "inter.broker.protocol.version=9.9",
                          "inter.broker.listener.name=FOO",
                          "listener.security.protocol.map=",
                          "listener.security.protocol.map=PLAINTEXT",
                          "listener.security.protocol.map=PLAINTEXT:FOO",
                          "num.io.threads=0",
                          "fetch.max.bytes=1023",
                          "listeners=PLAINTEXT://",
                          "listeners=PLAINTEXT://my host:9092",
                          "listeners=PLAINTEXT:9092",
                          "listeners=PLAINTEXT://host:9092,PLAINTEXT://host:9093"}) {
    INFO(bad);
    const auto errors = load_overrides({bad}).errors;
    REQUIRE(errors.size() == 1);
    CHECK_THAT(errors.front(), Catch::Contains(std::string(bad).substr(0, std::string_view(bad).find('='))));
  }
  CHECK(load_overrides({"log.retention.ms=-2"}).config->log_defaults.retention_ms == -1);
  CHECK(load_overrides({"log.retention.hours=-2"}).config->log_defaults.retention_ms == -1);
}

TEST_CASE("Load: socket buffers count when somebody asks for them", "[config]") {
  CHECK(load_overrides({}).config->send_buffer_bytes == -1);
  CHECK(load_overrides({}).config->receive_buffer_bytes == -1);
  const auto set = load_overrides({"socket.send.buffer.bytes=102400", "socket.receive.buffer.bytes=-1"});
  CHECK(set.config->send_buffer_bytes == 102400);
  CHECK(set.config->receive_buffer_bytes == -1);
}

TEST_CASE("Load: the environment of the images", "[config]") {
  const auto derived = load_overrides({}, {{"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092"},
                                           {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"},
                                           {"KAFKA_LOG_DIRS", ""}});
  REQUIRE(derived.ok());
  CHECK(derived.settings.at("listeners").value == "PLAINTEXT://0.0.0.0:29092,PLAINTEXT_HOST://0.0.0.0:9092");
  CHECK(derived.config->data_dirs.front() == "data");
  CHECK(load_overrides({}, {{"KAFKA_ADVERTISED_LISTENERS", "auto"}}).config->endpoints.front().port == 9092);
  CHECK(load_overrides({}, {{"KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", ""}}).config->ssl_endpoint_identification_algorithm.empty());
}

TEST_CASE("Load: KRaft files for a single node", "[config]") {
  const auto single = load_overrides({}, {{"KAFKA_PROCESS_ROLES", "broker,controller"},
                                          {"KAFKA_NODE_ID", "1"},
                                          {"KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"},
                                          {"KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"},
                                          {"KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"},
                                          {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
                                          {"CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"}});
  INFO(joined(single.errors));
  REQUIRE(single.ok());
  CHECK(single.config->broker_id == 1);
  CHECK(single.config->endpoints.size() == 1);
  CHECK(single.config->cluster_id == "4L6g3nShT-eMCtK--X86sw");
  CHECK_THAT(joined(load_overrides({"process.roles=controller"}).errors), Catch::Contains("process.roles=controller"));
  CHECK_THAT(joined(load_overrides({"process.roles=broker,controller", "controller.quorum.voters=1@a:1,2@b:1"}).errors),
             Catch::Contains("controller.quorum.voters names several controllers"));
}

TEST_CASE("Load: files that are not there or not good", "[config]") {
  LoadRequest request;
  request.config_file = "/nonexistent/moldau.yaml";
  CHECK_THAT(joined(load(request).errors), Catch::Contains("cannot read"));
  CHECK_THAT(joined(load_file("moldau.yml", "a: [1\n").errors), Catch::Contains("moldau.yml: line"));
  CHECK_THAT(joined(load_file("x.yaml", "num:\n  partitions: many\n").errors),
             Catch::Contains("x.yaml:2: Invalid value many for configuration num.partitions"));
}

TEST_CASE("Effective configuration: says where from, hides secrets", "[config]") {
  const auto loaded = load_overrides({"num.partitions=3", "ssl.keystore.password=topsecret"});
  const auto text = print_effective(loaded, EffectiveFormat::text, false);
  CHECK_THAT(text, Catch::Contains("num.partitions=3  # --override"));
  CHECK_THAT(text, Catch::Contains("ssl.keystore.password=[hidden]"));
  const auto json = print_effective(loaded, EffectiveFormat::json, true);
  CHECK_THAT(json, Catch::Contains(R"("num.partitions":{"value":"3","origin":"--override"})"));
  CHECK_THAT(json, Catch::Contains(R"("log.retention.ms":{"value":null,"origin":"default"})"));
  CHECK_THAT(text + json, !Catch::Contains("topsecret"));
  CHECK_THAT(joined(loaded.warnings), !Catch::Contains("topsecret"));
}

TEST_CASE("Effective configuration: ends with a verdict", "[config]") {
  const auto text = [](const LoadResult& loaded) { return print_effective(loaded, EffectiveFormat::text, false); };
  CHECK_THAT(text(load_overrides({"log.dirs=/data", "num.io.threads=16"})), Catch::EndsWith("\nok: single node, listens on PLAINTEXT://:9092, data in /data, 1 warning\n"));
  CHECK_THAT(text(load_overrides({"nonsense=1", "num.partitions=x"})), Catch::EndsWith("\n2 errors, would not start\n"));
  CHECK_THAT(text(load_overrides({})), Catch::StartsWith("nothing is set: no moldau.yaml in "));
}
