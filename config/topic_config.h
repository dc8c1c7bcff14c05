// Topic configuration: from a topic's own keys over the broker's to the effective LogConfig. Kafka 3.9 LogConfig.fromProps, ServerTopicConfigSynonyms.
#pragma once

#include <optional>
#include <string>

#include "config/broker_config.h"
#include "config/log_config.h"
#include "config/property_table.h"
#include "config/value.h"

namespace moldau::config {

/// The value a topic without the key has: the first set broker key of the row times its factor, else the row's own default.
Value topic_default(const BrokerProperties& broker, const PropertyDef& def);

/// Effective configuration of a topic with keys of its own (from /config/topics/<name>). Unknown keys are passed over. Throws ConfigError on a bad value.
LogConfig make_log_config(const BrokerProperties& broker, const Settings& topic_settings);

/// Why a change of settings is refused; the handler makes an error code of kind.
struct SettingsError {
  enum class Kind : std::uint8_t { invalid_request, invalid_config };
  Kind kind = Kind::invalid_config;
  bool bad_value = false;  ///< a value does not parse: AlterConfigs puts `Invalid config value for resource ConfigResource(type=TOPIC, name='t'): ` before it
  std::string message;
};

/// Kafka 3.9 LogConfig.validate: unknown keys, types and ranges, min.compaction.lag.ms <= max.compaction.lag.ms, tiered storage. nullopt: good.
std::optional<SettingsError> validate_topic_settings(const BrokerProperties& broker, const Settings& topic_settings);

}  // namespace moldau::config
