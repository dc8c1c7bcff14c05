// What DescribeConfigs answers: every key with value, source and synonyms. Kafka 3.9 ConfigHelper, of which the order of sources and the gaps in the synonyms
// (a key whose synonym was set shows none) are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/dynamic_config.h"

namespace moldau::config {

/// Numbers of DescribeConfigsResponse.
enum class ConfigSource : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_value = 5,
  dynamic_broker_logger = 6
};

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;  ///< null when the key is sensitive
  ConfigSource source = ConfigSource::default_value;
  friend bool operator==(const ConfigSynonym&, const ConfigSynonym&) = default;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::default_value;
  bool is_default = false;
  bool sensitive = false;
  bool read_only = false;
  std::int8_t type = 0;  ///< ConfigType of the protocol; 0: unknown
  std::string documentation;
  std::vector<ConfigSynonym> synonyms;
};

/// A broker by its id: every key, and the unknown ones that were set (without their values: they may be secrets).
std::vector<ConfigEntry> describe_broker(const ConfigLayers& layers);

/// The cluster's default (broker resource with an empty name): what is set there.
std::vector<ConfigEntry> describe_cluster_default(const ConfigLayers& layers);

/// A topic with these settings of its own; values that do not parse show as the default.
std::vector<ConfigEntry> describe_topic(const ConfigLayers& layers, const Settings& topic_settings);

}  // namespace moldau::config
