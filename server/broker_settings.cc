#include "server/broker_settings.h"

#include <netdb.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include <boost/asio/ip/address.hpp>

#include "protocol/base/log.h"

namespace moldau::server {
namespace {

/// The machine's full name, as Java's getCanonicalHostName gives it; "localhost" when it has none.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  std::string full(name.data());
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) == 0 && found != nullptr) {
    if (found->ai_canonname != nullptr) full = found->ai_canonname;
    ::freeaddrinfo(found);
  }
  return full;
}

/// Every address of a host, as the network names peers; a name is looked up (blocking), as Kafka does with max.connections.per.ip.overrides.
std::vector<std::string> addresses_of(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  if (const auto literal = boost::asio::ip::make_address(host, error); !error) return {literal.to_string()};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  std::vector<std::string> addresses;
  for (const auto* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) addresses.emplace_back(text.data());
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

storage::LogManagerConfig make_log_manager_config(const config::BrokerConfig& config) {
  storage::LogManagerConfig made;
  made.log_dirs = config.data_dirs;
  made.recovery_threads_per_dir = config.num_recovery_threads_per_data_dir;
  made.retention_check_interval_ms = config.log_retention_check_interval_ms;
  made.flush_check_interval_ms = config.log_flush_scheduler_interval_ms;
  made.recovery_point_checkpoint_ms = config.log_flush_offset_checkpoint_interval_ms;
  made.log_start_checkpoint_ms = config.log_flush_start_offset_checkpoint_interval_ms;
  made.high_watermark_checkpoint_ms = config.replica_high_watermark_checkpoint_interval_ms;
  made.initial_task_delay_ms = config.log_initial_task_delay_ms;
  made.min_free_bytes = config.log_dir_min_free_bytes;
  made.producer_id_expiration_ms = config.producer_id_expiration_ms;
  made.producer_id_expiration_check_ms = config.producer_id_expiration_check_interval_ms;
  return made;
}

bool serves_while_recovering(const config::BrokerConfig& config) { return config.zookeeper_connect.value_or("").empty(); }

storage::CleanerConfig make_cleaner_config(const config::BrokerConfig& config) {
  storage::CleanerConfig made;
  made.threads = config.log_cleaner_threads;
  made.dedupe_buffer_bytes = config.log_cleaner_dedupe_buffer_size;
  made.load_factor = config.log_cleaner_io_buffer_load_factor;
  made.io_buffer_bytes = config.log_cleaner_io_buffer_size;
  made.max_io_bytes_per_second = config.log_cleaner_io_max_bytes_per_second;
  made.backoff_ms = config.log_cleaner_backoff_ms;
  return made;
}

SocketServerConfig make_socket_server_config(const config::BrokerConfig& config) {
  SocketServerConfig made;
  made.limits.max_request_bytes = config.socket_request_max_bytes;
  made.queued_max_request_bytes = config.queued_max_request_bytes;
  made.max_idle = std::chrono::milliseconds(config.connections_max_idle_ms);
  made.backlog = config.socket_listen_backlog_size;
  return made;
}

ConnectionQuotaConfig make_connection_quota_config(const config::BrokerConfig& config) {
  ConnectionQuotaConfig made;
  made.max_connections = config.max_connections;
  made.max_connections_per_ip = config.max_connections_per_ip;
  made.creation_rate = config.max_connection_creation_rate;
  made.inter_broker_listener = config.inter_broker_listener;
  made.windows = {config.quota_window_num, std::chrono::seconds(config.quota_window_size_seconds)};
  for (const auto& [host, limit] : config.max_connections_overrides) {
    const auto addresses = addresses_of(host);
    if (addresses.empty()) MOLDAU_LOG(config, warn, "max.connections.per.ip.overrides: {} has no address and is passed over", host);
    for (const auto& address : addresses) made.per_ip_overrides[address] = limit;
  }
  for (const auto& endpoint : config.endpoints) {
    // What a listener does not set itself it has from the broker (Kafka 3.9 valuesWithPrefixOverride).
    auto& limits = made.listeners[endpoint.listener_name];
    limits.max_connections = config.listener_max_connections(endpoint.listener_name).value_or(config.max_connections);
    limits.creation_rate = config.listener_max_connection_creation_rate(endpoint.listener_name).value_or(config.max_connection_creation_rate);
  }
  return made;
}

std::vector<ListenerConfig> make_listener_configs(const config::BrokerConfig& config) {
  std::vector<ListenerConfig> made;
  for (const auto& endpoint : config.endpoints) {
    ListenerConfig listener;
    listener.name = endpoint.listener_name;
    listener.security_protocol = config::to_string(endpoint.security_protocol);
    listener.host = endpoint.host;
    listener.port = static_cast<std::uint16_t>(endpoint.port);
    listener.send_buffer_bytes = config.send_buffer_bytes;
    listener.receive_buffer_bytes = config.receive_buffer_bytes;
    made.push_back(std::move(listener));
  }
  return made;
}

std::vector<replication::BrokerEndpoint> make_advertised_endpoints(const config::BrokerConfig& config,
                                                                   const std::function<std::uint16_t(std::string_view listener)>& bound_port) {
  std::vector<replication::BrokerEndpoint> made;
  for (const auto& endpoint : config.advertised_endpoints) {
    replication::BrokerEndpoint e;
    e.listener = endpoint.listener_name;
    e.host = endpoint.host.empty() ? host_name() : endpoint.host;
    e.port = endpoint.port == 0 ? bound_port(endpoint.listener_name) : endpoint.port;
    e.security_protocol = static_cast<std::int16_t>(endpoint.security_protocol);
    made.push_back(std::move(e));
  }
  return made;
}

}  // namespace moldau::server
