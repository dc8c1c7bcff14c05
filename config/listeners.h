// Listener lists: `NAME://host:port,...` and the map from listener name to security protocol. Kafka 3.9 EndPoint, SocketServerConfigs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::config {

enum class SecurityProtocol : std::int8_t { plaintext = 0, ssl = 1, sasl_plaintext = 2, sasl_ssl = 3 };

std::string_view to_string(SecurityProtocol protocol);

struct Endpoint {
  std::string listener_name;  ///< upper case
  SecurityProtocol security_protocol = SecurityProtocol::plaintext;
  std::string host;           ///< empty: every address (listeners); IPv6 without brackets
  std::int32_t port = 0;      ///< 0: any free port

  /// `NAME://host:port`, IPv6 in brackets.
  std::string connection_string() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

using ListenerProtocolMap = std::map<std::string, SecurityProtocol>;

/// Parses `NAME:PROTOCOL,...`. Throws ConfigError.
ListenerProtocolMap parse_listener_protocol_map(std::string_view text);

/// Parses a listener list and checks that names and ports are unique; require_distinct_ports is false for advertised listeners.
/// key names the configuration in messages. Throws ConfigError.
std::vector<Endpoint> parse_listeners(std::string_view key, std::string_view text, const ListenerProtocolMap& protocols, bool require_distinct_ports);

/// `http://host:port` or `host:port` of http.listeners. Throws ConfigError.
Endpoint parse_http_listener(std::string_view text);

}  // namespace moldau::config
