// The rows of the configuration table as data: what Kafka calls ConfigDef.ConfigKey, with our columns beside it.
//
// The rows are generated from config/properties/*.toml and never change while the process lives; everything here is free of state and of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace moldau::config {

enum class PropertyType : std::uint8_t { boolean, string, int32, int16, int64, real, list, class_name, password };
enum class DynamicMode : std::uint8_t { read_only, per_broker, cluster };
enum class Importance : std::uint8_t { high, medium, low };
/// used: has its effect. not_needed: Kafka has it, we do without. later: no effect yet. refused: may not be set to anything of meaning.
enum class Support : std::uint8_t { used, not_needed, later, refused };
enum class RefusedWhen : std::uint8_t { never, non_empty, non_default, is_true };
enum class Check : std::uint8_t { none, non_empty, non_null, metadata_version, throttled_replicas };

struct Bound {
  bool set = false;
  double value = 0;
  std::string_view text;
};

/// Where a topic key takes its default from: value of the broker key times factor (log.retention.hours: 3600000).
struct TopicSource {
  std::string_view broker_key;
  std::int64_t factor = 1;
};

struct PropertyDef {
  std::string_view name;
  PropertyType type;
  bool has_default;               ///< false: Kafka's null
  std::string_view default_text;  ///< as Kafka prints it
  Bound min, max, also;           ///< also: one value outside of the range
  std::span<const std::string_view> values;
  bool ignore_case;
  Check check;
  DynamicMode dynamic;
  Importance importance;
  bool internal;  ///< not shown by tools
  bool own;       ///< Kafka has no such key
  Support support;
  RefusedWhen refused_when;
  std::string_view note;   ///< why it is not used, and what to do
  std::string_view doc;
  std::string_view topic;  ///< the topic key that overrides it
  std::span<const std::string_view> synonyms;  ///< keys of less weight that say the same
  std::span<const TopicSource> sources;        ///< topic rows only

  bool sensitive() const { return type == PropertyType::password; }
};

/// All rows, sorted by name.
std::span<const PropertyDef> broker_properties();
std::span<const PropertyDef> topic_properties();

/// Exact name; nullptr when there is none.
const PropertyDef* find_broker_property(std::string_view name);
const PropertyDef* find_topic_property(std::string_view name);

/// `listener.name.<listener>.[<mechanism>.]<key>`: the override of a key for one listener. Kafka 3.9 DynamicBrokerConfig.
struct ListenerOverride {
  const PropertyDef* base = nullptr;  ///< nullptr: not such a name
  std::string_view listener;
  std::string_view mechanism;  ///< sasl.* only, else empty
};
ListenerOverride parse_listener_override(std::string_view name);

/// The row for a name, listener overrides included.
const PropertyDef* resolve_broker_property(std::string_view name);

struct Nearest {
  std::string_view name;  ///< empty: nothing is near
  std::size_t distance = 0;
};
/// The known broker key with the smallest edit distance, at most a third of the name's length.
Nearest nearest_broker_property(std::string_view name);
/// Insertions, deletions, substitutions and swaps of neighbours that lead from a to b.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Type names as in Kafka's messages and DescribeConfigs (INT, LONG, ...).
std::string_view type_name(PropertyType type);
/// The ConfigType number of DescribeConfigs (BOOLEAN 1 ... PASSWORD 9).
std::int8_t config_type_id(PropertyType type);

}  // namespace moldau::config
