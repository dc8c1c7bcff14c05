#include "config/property_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "config/property_rows.h"
#include "tests/unit/config/golden.h"

using namespace moldau::config;

namespace {

std::string mode_name(DynamicMode mode) {
  return mode == DynamicMode::read_only ? "read-only" : mode == DynamicMode::per_broker ? "per-broker" : "cluster";
}
std::string importance_name(Importance importance) {
  return importance == Importance::high ? "HIGH" : importance == Importance::medium ? "MEDIUM" : "LOW";
}

/// Kafka's words for the row's bounds; the two validators that print as prose or a long list have their own marks.
std::string validator_name(const PropertyDef& def) {
  std::string all;
  for (const auto value : def.values) all += (all.empty() ? "" : ", ") + std::string(value);
  if (def.ignore_case) return "(case insensitive) [" + all + "]";
  if (!all.empty()) return "[" + all + "]";
  if (def.check == Check::metadata_version) return "<versions>";
  if (def.check == Check::throttled_replicas) return "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
  if (def.check == Check::non_empty) return "non-empty string";
  if (def.check == Check::non_null) return "non-null string";
  if (def.also.set) return def.max.set ? "[1,...,9] or -1" : "<text>";
  if (!def.min.set) return "<null>";
  return "[" + std::string(def.min.text) + ",..." + (def.max.set ? "," + std::string(def.max.text) : "") + "]";
}

}  // namespace

TEST_CASE("Property table: is Kafka 3.9.2's, row by row", "[config]") {
  std::set<std::string> broker_names;
  std::size_t topics = 0;
  for (const auto& row : test::read_golden("config_defs.tsv")) {
    INFO(row[1]);
    const bool topic = row[0] == "topic";
    const auto* def = topic ? find_topic_property(row[1]) : find_broker_property(row[1]);
    REQUIRE(def != nullptr);
    CHECK(type_name(def->type) == row[2]);
    const auto default_text = def->has_default ? std::string(def->default_text) : "<null>";
    if (row[1] != "log.dir") CHECK(default_text == row[3]);  // DIFFERS: ours is `data`
    if (row[4] != "non-empty list") CHECK(validator_name(*def) == row[4]);
    CHECK(importance_name(def->importance) == row[5]);
    CHECK((def->internal ? "true" : "false") == row[6]);
    if (topic) {
      ++topics;
    } else {
      CHECK(mode_name(def->dynamic) == row[7]);
      broker_names.insert(row[1]);
    }
  }
  CHECK(topics == topic_properties().size());
  for (const auto& def : broker_properties()) {
    INFO(def.name);
    CHECK(def.own != broker_names.contains(std::string(def.name)));
  }
}

TEST_CASE("Property table: a default snapshot holds the rows' defaults", "[config]") {
  const BrokerProperties defaults;
  for (const auto& def : broker_properties()) {
    INFO(def.name);
    const auto text = to_text(read(defaults, def));
    CHECK(text.has_value() == def.has_default);
    if (text) CHECK(*text == def.default_text);
    CHECK_FALSE(def.doc.empty());
  }
}

TEST_CASE("Property table: listener overrides", "[config]") {
  const auto plain = parse_listener_override("listener.name.external.ssl.keystore.location");
  REQUIRE(plain.base != nullptr);
  CHECK(plain.base->name == "ssl.keystore.location");
  CHECK(plain.listener == "external");
  CHECK(plain.mechanism.empty());
  const auto mechanism = parse_listener_override("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config");
  REQUIRE(mechanism.base != nullptr);
  CHECK(mechanism.base->name == "sasl.jaas.config");
  CHECK(mechanism.mechanism == "scram-sha-256");
  CHECK(parse_listener_override("listener.name.x.max.connections").base != nullptr);
  CHECK(parse_listener_override("listener.name.x.log.dirs").base == nullptr);
  CHECK(parse_listener_override("listener.name.x").base == nullptr);
  CHECK(parse_listener_override("listener.name..ssl.protocol").base == nullptr);
}

TEST_CASE("Property table: nearest name", "[config]") {
  CHECK(nearest_broker_property("log.retention.hour").name == "log.retention.hours");
  CHECK(nearest_broker_property("log.retention.hour").distance == 1);
  CHECK(nearest_broker_property("log.dris").name == "log.dirs");
  CHECK(nearest_broker_property("advertised.listener").name == "advertised.listeners");
  CHECK(nearest_broker_property("confluent.metrics.reporter.bootstrap").name.empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
}
