#include "config/topic_config.h"

#include <algorithm>
#include <limits>

#include "config/property_rows.h"

namespace moldau::config {
namespace {

constexpr std::string_view kDifferenceKey = "message.timestamp.difference.max.ms";

std::int64_t difference_max_ms(const BrokerProperties& broker, const Settings& topic_settings) {
  const auto& def = *find_topic_property(kDifferenceKey);
  const auto at = topic_settings.find(kDifferenceKey);
  return std::get<std::int64_t>(at == topic_settings.end() ? topic_default(broker, def) : parse_value(def, at->second));
}

/// The old symmetric limit counts where the new ones are left at their default. Kafka 3.9 LogConfig.getMessageTimestampBeforeMaxMs.
void apply_timestamp_difference(LogConfig& config, std::int64_t difference) {
  constexpr auto kUnlimited = std::numeric_limits<std::int64_t>::max();
  if (config.message_timestamp_before_max_ms == kUnlimited) config.message_timestamp_before_max_ms = difference;
  if (config.message_timestamp_after_max_ms == kUnlimited) config.message_timestamp_after_max_ms = difference;
}

std::optional<std::string> check_tiered_storage(const Settings& topic_settings) {
  const auto at = topic_settings.find("remote.storage.enable");
  if (at != topic_settings.end() && to_lower(trim(at->second)) == "true")
    return "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.";
  return std::nullopt;
}

}  // namespace

void apply_cleanup_policy(LogConfig& to, const Value& value) {
  const auto& list = std::get<std::vector<std::string>>(value);
  to.cleanup_compact = std::find(list.begin(), list.end(), "compact") != list.end();
  to.cleanup_delete = std::find(list.begin(), list.end(), "delete") != list.end();
}

void apply_compression_type(LogConfig& to, const Value& value) {
  const auto& name = std::get<std::string>(value);
  to.compression_type = name == "uncompressed" ? CompressionSetting::uncompressed
                        : name == "gzip"       ? CompressionSetting::gzip
                        : name == "snappy"     ? CompressionSetting::snappy
                        : name == "lz4"        ? CompressionSetting::lz4
                        : name == "zstd"       ? CompressionSetting::zstd
                                               : CompressionSetting::producer;
}

void apply_timestamp_type(LogConfig& to, const Value& value) {
  to.message_timestamp_type = std::get<std::string>(value) == "LogAppendTime" ? TimestampType::log_append_time : TimestampType::create_time;
}

Value topic_default(const BrokerProperties& broker, const PropertyDef& def) {
  for (const auto& source : def.sources) {
    auto value = read(broker, *find_broker_property(source.broker_key));
    if (std::holds_alternative<std::monostate>(value)) continue;
    auto* number = std::get_if<std::int64_t>(&value);
    if (number != nullptr && def.name == "retention.ms" && *number < 0) return std::int64_t{-1};
    if (number != nullptr) *number *= source.factor;
    return value;
  }
  return default_value(def);
}

LogConfig make_log_config(const BrokerProperties& broker, const Settings& topic_settings) {
  LogConfig config;
  for (const auto& def : topic_properties()) {
    const auto at = topic_settings.find(def.name);
    assign(config, def, at == topic_settings.end() ? topic_default(broker, def) : parse_value(def, at->second));
  }
  apply_timestamp_difference(config, difference_max_ms(broker, topic_settings));
  return config;
}

std::optional<SettingsError> validate_topic_settings(const BrokerProperties& broker, const Settings& topic_settings) {
  using Kind = SettingsError::Kind;
  for (const auto& [name, text] : topic_settings)
    if (find_topic_property(name) == nullptr) return SettingsError{Kind::invalid_config, false, "Unknown topic config name: " + name};
  try {
    const auto config = make_log_config(broker, topic_settings);
    if (config.min_compaction_lag_ms > config.max_compaction_lag_ms)
      return SettingsError{Kind::invalid_config, false,
                           "conflict topic config setting min.compaction.lag.ms (" + std::to_string(config.min_compaction_lag_ms) +
                               ") > max.compaction.lag.ms (" + std::to_string(config.max_compaction_lag_ms) + ")"};
  } catch (const ConfigError& error) {
    return SettingsError{Kind::invalid_config, true, error.what()};
  }
  if (auto reason = check_tiered_storage(topic_settings)) return SettingsError{Kind::invalid_config, true, std::move(*reason)};
  return std::nullopt;
}

}  // namespace moldau::config
