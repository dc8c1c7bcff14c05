#include "config/describe.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/unit/config/golden.h"

using namespace moldau::config;

namespace {

const Settings kStatic = {{"broker.id", "0"},
                          {"node.id", "0"},
                          {"listeners", "PLAINTEXT://127.0.0.1:23192"},
                          {"num.network.threads", "3"},
                          {"num.io.threads", "8"},
                          {"socket.send.buffer.bytes", "102400"},
                          {"socket.receive.buffer.bytes", "102400"},
                          {"socket.request.max.bytes", "104857600"},
                          {"log.dirs", "/tmp/cfg-peer/kafka-0/data"},
                          {"num.partitions", "1"},
                          {"num.recovery.threads.per.data.dir", "1"},
                          {"offsets.topic.replication.factor", "1"},
                          {"transaction.state.log.replication.factor", "1"},
                          {"transaction.state.log.min.isr", "1"},
                          {"log.retention.check.interval.ms", "300000"},
                          {"zookeeper.connect", "127.0.0.1:23181"},
                          {"zookeeper.connection.timeout.ms", "18000"},
                          {"group.initial.rebalance.delay.ms", "0"},
                          {"log.retention.hours", "48"},
                          {"log.flush.interval.ms", "5000"},
                          {"log.cleaner.min.cleanable.ratio", "0.60"},
                          {"ssl.keystore.password", "secret"},
                          {"my.plugin.key", "abc"},
                          {"log.roll.hours", "24"},
                          {"unclean.leader.election.interval.ms", "300001"},
                          {"broker.rack", "r1"}};
const Settings kClusterDefault = {{"log.retention.ms", "100000"}, {"log.segment.bytes", "1000000"}, {"background.threads", "12"}, {"plugin.default", "x"}};
const Settings kBroker = {{"log.retention.ms", "7200000"},
                          {"log.cleaner.min.cleanable.ratio", "0.50"},
                          {"log.cleanup.policy", "compact, delete"},
                          {"listener.name.plaintext.max.connections", "5"},
                          {"plugin.broker", "y"}};
const Settings kTopic = {{"segment.bytes", "100000"}, {"cleanup.policy", "compact"}, {"retention.ms", "5000"}, {"min.cleanable.dirty.ratio", "0.30"}};

std::string source_name(ConfigSource source) {
  switch (source) {
    case ConfigSource::topic: return "DYNAMIC_TOPIC_CONFIG";
    case ConfigSource::dynamic_broker: return "DYNAMIC_BROKER_CONFIG";
    case ConfigSource::dynamic_default_broker: return "DYNAMIC_DEFAULT_BROKER_CONFIG";
    case ConfigSource::static_broker: return "STATIC_BROKER_CONFIG";
    case ConfigSource::default_value: return "DEFAULT_CONFIG";
    case ConfigSource::dynamic_broker_logger: return "DYNAMIC_BROKER_LOGGER_CONFIG";
  }
  return "?";
}

/// One line in the golden file's form.
std::string line_of(const ConfigEntry& entry) {
  constexpr std::array<std::string_view, 10> kTypes = {"UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"};
  std::string synonyms;
  for (const auto& synonym : entry.synonyms)
    synonyms += (synonyms.empty() ? "" : " ") + synonym.name + "=" + synonym.value.value_or("<null>") + "@" + source_name(synonym.source);
  return entry.name + "\t" + entry.value.value_or("<null>") + "\t" + source_name(entry.source) + "\t" + (entry.sensitive ? "true" : "false") + "\t" +
         (entry.read_only ? "true" : "false") + "\t" + std::string(kTypes.at(static_cast<std::size_t>(entry.type))) + "\t" + synonyms;
}

std::map<std::string, std::string> lines_of(const std::vector<ConfigEntry>& entries) {
  std::map<std::string, std::string> lines;
  for (const auto& entry : entries) lines[entry.name] = line_of(entry);
  return lines;
}

std::map<std::string, std::string> golden_lines(const std::string& resource) {
  std::map<std::string, std::string> lines;
  for (const auto& row : test::read_golden("describe.tsv")) {
    if (row[0] != resource) continue;
    std::string line;
    for (std::size_t i = 1; i < row.size(); ++i) line += (i == 1 ? "" : "\t") + row[i];
    lines[row[1]] = line;
  }
  REQUIRE_FALSE(lines.empty());
  return lines;
}

void compare(std::map<std::string, std::string> ours, std::map<std::string, std::string> theirs) {
  for (auto* lines : {&ours, &theirs}) lines->erase("log.dir");  // DIFFERS: our default is `data`
  for (const auto& [name, line] : theirs) {
    CAPTURE(name);
    REQUIRE(ours.contains(name));
    CHECK(ours.at(name) == line);
  }
  for (const auto& [name, line] : ours) {
    CAPTURE(name);
    CHECK(theirs.contains(name));
  }
}

}  // namespace

TEST_CASE("Describe: broker, cluster default and topic answer as Apache Kafka 3.9.2 did", "[config]") {
  DynamicConfig config(kStatic);
  CHECK(config.apply(DynamicScope::cluster_default, kClusterDefault).empty());
  CHECK(config.apply(DynamicScope::broker, kBroker).empty());
  const auto layers = config.layers();
  compare(lines_of(describe_topic(*layers, kTopic)), golden_lines("TOPIC:t1"));
  compare(lines_of(describe_broker(*layers)), golden_lines("BROKER:0"));
  compare(lines_of(describe_cluster_default(*layers)), golden_lines("BROKER:"));
}

TEST_CASE("Describe: keys of our own show when they are set", "[config]") {
  const auto has = [](const Settings& settings) {
    const auto entries = describe_broker(*DynamicConfig(settings).layers());
    return std::any_of(entries.begin(), entries.end(), [](const ConfigEntry& entry) { return entry.name == "io.threads"; });
  };
  CHECK_FALSE(has({}));
  CHECK(has({{"io.threads", "2"}}));
}
