#include "config/listeners.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "config/value.h"

namespace moldau::config {
namespace {

constexpr std::array<std::string_view, 4> kProtocolNames = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

std::optional<SecurityProtocol> protocol_of(std::string_view name) {
  for (std::size_t i = 0; i < kProtocolNames.size(); ++i)
    if (kProtocolNames[i] == name) return static_cast<SecurityProtocol>(i);
  return std::nullopt;
}

struct HostPort {
  std::string host;
  std::int32_t port;
};

/// host:port, [v6]:port or :port.
std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '%' || c == '.' || c == '_' || c == ':'; };
  if (!std::all_of(host.begin(), host.end(), fits)) return std::nullopt;
  const auto digits = text.substr(colon + 1);
  std::int32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < 0 || port > 65535) return std::nullopt;
  return HostPort{std::string(host), port};
}

Endpoint parse_endpoint(std::string_view key, std::string_view text, const ListenerProtocolMap& protocols) {
  const auto separator = text.find("://");
  const auto address = separator == std::string_view::npos ? std::nullopt : parse_host_port(text.substr(separator + 3));
  if (!address)
    throw ConfigError("Invalid value " + std::string(text) + " for configuration " + std::string(key) + ": Unable to parse " + std::string(text) +
                      " to a broker endpoint; write NAME://host:port with a port from 0 to 65535");
  const auto name = to_upper(trim(text.substr(0, separator)));
  const auto protocol = protocols.find(name);
  if (protocol == protocols.end())
    throw ConfigError("Invalid value " + std::string(text) + " for configuration " + std::string(key) + ": No security protocol defined for listener " + name +
                      "; add " + name + ":PLAINTEXT to listener.security.protocol.map");
  return {name, protocol->second, address->host, address->port};
}

/// Kafka 3.9: two listeners may share a port only as one IPv4 and one IPv6 address.
bool one_v4_and_one_v6(const Endpoint& a, const Endpoint& b) {
  const auto v6 = [](const Endpoint& e) { return e.host.find(':') != std::string::npos; };
  const auto v4 = [](const Endpoint& e) {
    return !e.host.empty() && std::all_of(e.host.begin(), e.host.end(), [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
  };
  return (v4(a) && v6(b)) || (v6(a) && v4(b));
}

void check_distinct(std::string_view key, std::string_view text, const std::vector<Endpoint>& endpoints, bool ports) {
  const auto complain = [&](const std::string& reason) {
    throw ConfigError("Invalid value " + std::string(text) + " for configuration " + std::string(key) + ": " + reason);
  };
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    for (std::size_t j = i + 1; j < endpoints.size(); ++j) {
      const auto& a = endpoints[i];
      const auto& b = endpoints[j];
      const bool pair = one_v4_and_one_v6(a, b);
      if (a.listener_name == b.listener_name && !(pair && a.port == b.port)) complain("Each listener must have a different name, listeners: " + std::string(text));
      if (ports && a.port != 0 && a.port == b.port && !pair)
        complain("Each listener must have a different port unless exactly one listener has an IPv4 address and the other IPv6 address, listeners: " + std::string(text));
    }
}

}  // namespace

std::string_view to_string(SecurityProtocol protocol) { return kProtocolNames.at(static_cast<std::size_t>(protocol)); }

std::string Endpoint::connection_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return listener_name + "://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

ListenerProtocolMap parse_listener_protocol_map(std::string_view text) {
  ListenerProtocolMap map;
  for (const auto& entry : split_list(text)) {
    if (entry.empty()) continue;
    const auto colon = entry.rfind(':');
    const auto name = to_upper(trim(std::string_view(entry).substr(0, colon)));
    const auto protocol = colon == std::string::npos ? std::nullopt : protocol_of(to_upper(trim(std::string_view(entry).substr(colon + 1))));
    if (!protocol)
      throw ConfigError("Invalid value " + entry + " for configuration listener.security.protocol.map: Invalid security protocol; write NAME:PROTOCOL with one of "
                        "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
    map[name] = *protocol;
  }
  return map;
}

std::vector<Endpoint> parse_listeners(std::string_view key, std::string_view text, const ListenerProtocolMap& protocols, bool require_distinct_ports) {
  std::vector<Endpoint> endpoints;
  for (const auto& entry : split_list(text))
    if (!entry.empty()) endpoints.push_back(parse_endpoint(key, entry, protocols));
  check_distinct(key, text, endpoints, require_distinct_ports);
  return endpoints;
}

Endpoint parse_http_listener(std::string_view text) {
  auto address = trim(text);
  constexpr std::string_view kScheme = "http://";
  if (to_lower(address.substr(0, kScheme.size())) == kScheme) address.remove_prefix(kScheme.size());
  while (address.ends_with('/')) address.remove_suffix(1);
  const auto host_port = parse_host_port(address);
  if (!host_port)
    throw ConfigError("Invalid value " + std::string(text) + " for configuration http.listeners: write http://host:port with a port from 0 to 65535, or leave it empty to switch HTTP off");
  return {"HTTP", SecurityProtocol::plaintext, host_port->host, host_port->port};
}

}  // namespace moldau::config
