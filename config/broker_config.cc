#include "config/broker_config.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "config/property_rows.h"
#include "config/topic_config.h"
#include "config/value.h"

namespace moldau::config {
namespace {

/// broker.id and node.id are one id (Kafka 3.9 KafkaConfig.populateSynonyms); broker.id wins.
void unite_ids(BrokerConfig& config, const Settings& settings) {
  if (settings.contains("broker.id")) {
    config.node_id = config.broker_id;
  } else if (settings.contains("node.id")) {
    config.broker_id = config.node_id;
  }
}

/// log.dir counts where log.dirs is not set; a log.dirs that is set and empty names none, which is an error (Kafka 3.9 KafkaConfig.logDirs).
void resolve_data_dirs(BrokerConfig& config) {
  auto dirs = split_list(config.log_dirs ? std::string_view(*config.log_dirs) : std::string_view(config.log_dir));
  std::erase(dirs, "");
  config.data_dirs = std::move(dirs);
}

/// DIFFERS: Kafka's default of 100 KiB switches off Linux's own tuning and makes every large transfer wake up more often; it counts only when somebody asks for it.
void resolve_socket_buffers(BrokerConfig& config, const Settings& settings) {
  if (settings.contains("socket.send.buffer.bytes")) config.send_buffer_bytes = config.socket_send_buffer_bytes;
  if (settings.contains("socket.receive.buffer.bytes")) config.receive_buffer_bytes = config.socket_receive_buffer_bytes;
}

void resolve_listeners(BrokerConfig& config) {
  const auto protocols = parse_listener_protocol_map(config.listener_security_protocol_map);
  config.endpoints = parse_listeners("listeners", config.listeners, protocols, true);
  const auto advertised = trim(config.advertised_listeners ? std::string_view(*config.advertised_listeners) : std::string_view());
  config.advertised_auto = to_lower(advertised) == "auto";
  config.advertised_endpoints = !config.advertised_listeners || config.advertised_auto
                                    ? config.endpoints
                                    : parse_listeners("advertised.listeners", advertised, protocols, false);
  config.inter_broker_listener =
      to_upper(config.inter_broker_listener_name.value_or("").empty() ? config.security_inter_broker_protocol : *config.inter_broker_listener_name);
  if (!trim(config.http_listeners).empty()) config.http_endpoint = parse_http_listener(config.http_listeners);
}

/// `address:count,...`; an IPv6 address may hold colons, the count is behind the last.
void resolve_connection_overrides(BrokerConfig& config) {
  for (const auto& entry : split_list(config.max_connections_per_ip_overrides)) {
    if (entry.empty()) continue;
    const auto colon = entry.rfind(':');
    const auto digits = colon == std::string::npos ? std::string_view() : trim(std::string_view(entry).substr(colon + 1));
    std::int32_t limit = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
      throw ConfigError("Invalid value " + entry + " for configuration max.connections.per.ip.overrides: write address:count");
    config.max_connections_overrides[entry.substr(0, colon)] = limit;
  }
}

std::optional<std::int32_t> listener_int(const Settings& overrides, std::string_view listener_name, std::string_view key) {
  const auto name = "listener.name." + to_lower(listener_name) + "." + std::string(key);
  const auto at = overrides.find(name);
  if (at == overrides.end()) return std::nullopt;
  return static_cast<std::int32_t>(std::get<std::int64_t>(parse_value(*find_broker_property(key), at->second, name)));
}

}  // namespace

std::int32_t BrokerConfig::io_thread_count() const {
  return io_threads > 0 ? io_threads : std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
}

std::optional<std::int32_t> BrokerConfig::listener_max_connections(std::string_view listener_name) const {
  return listener_int(listener_overrides, listener_name, "max.connections");
}

std::optional<std::int32_t> BrokerConfig::listener_max_connection_creation_rate(std::string_view listener_name) const {
  return listener_int(listener_overrides, listener_name, "max.connection.creation.rate");
}

BrokerConfig make_broker_config(const Settings& settings) {
  BrokerConfig config;
  for (const auto& [name, text] : settings) {
    if (const auto* def = find_broker_property(name)) {
      assign(config, *def, parse_value(*def, text));
    } else if (const auto override = parse_listener_override(name); override.base != nullptr) {
      parse_value(*override.base, text, name);
      config.listener_overrides[name] = text;
    }
  }
  unite_ids(config, settings);
  resolve_data_dirs(config);
  resolve_listeners(config);
  resolve_connection_overrides(config);
  resolve_socket_buffers(config, settings);
  config.http_chosen = settings.contains("http.listeners");
  config.log_defaults = make_log_config(config, {});
  return config;
}

}  // namespace moldau::config
