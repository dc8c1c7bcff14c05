// The broker's configuration as an immutable snapshot: Kafka 3.9's KafkaConfig.
//
// A snapshot is made whole from merged key and value texts and never changes; a dynamic change makes a new one (config/dynamic_config.h).
// Members of BrokerProperties are the keys themselves (num_partitions is num.partitions); the members here are what several keys say together.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_properties.h"
#include "config/listeners.h"
#include "config/log_config.h"

namespace moldau::config {

/// Key to text, as the sources give them.
using Settings = std::map<std::string, std::string, std::less<>>;

struct BrokerConfig : BrokerProperties {
  std::vector<std::string> data_dirs;              ///< log.dirs, else log.dir
  std::vector<Endpoint> endpoints;                 ///< listeners
  std::vector<Endpoint> advertised_endpoints;      ///< advertised.listeners, else listeners; with advertised_auto the hosts are the server's to fill
  bool advertised_auto = false;                    ///< advertised.listeners=auto
  std::string inter_broker_listener;               ///< name of the listener between brokers
  std::optional<Endpoint> http_endpoint;           ///< http.listeners; none: off
  bool http_chosen = false;                        ///< http.listeners was set: its port is a must
  std::map<std::string, std::int32_t> max_connections_overrides;  ///< address to limit (max.connections.per.ip.overrides)
  std::int32_t send_buffer_bytes = -1;             ///< socket.send.buffer.bytes; -1 (the system's own tuning) also when it is not set
  std::int32_t receive_buffer_bytes = -1;          ///< socket.receive.buffer.bytes, likewise
  LogConfig log_defaults;                          ///< what a topic without keys of its own has
  Settings listener_overrides;                     ///< listener.name.* as given

  friend bool operator==(const BrokerConfig&, const BrokerConfig&) = default;

  /// io.threads, or the machine's cores when it is 0; at least 1.
  std::int32_t io_thread_count() const;
  /// max.connections of one listener (upper-case name), without the broker's own limit; nullopt: no limit of its own.
  std::optional<std::int32_t> listener_max_connections(std::string_view listener_name) const;
  std::optional<std::int32_t> listener_max_connection_creation_rate(std::string_view listener_name) const;
};

using BrokerConfigPtr = std::shared_ptr<const BrokerConfig>;

/// A snapshot from merged settings; keys it does not know are passed over. Throws ConfigError (config/value.h) with the first bad key; rules over several keys
/// are checked apart (config/cross_checks.h).
BrokerConfig make_broker_config(const Settings& settings);

}  // namespace moldau::config
