#include "server/broker_settings.h"

#include <netdb.h>
#include <unistd.h>

#include <array>
#include <string>

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
  made.producer_id_expiration_ms = config.producer_id_expiration_ms;
  made.producer_id_expiration_check_ms = config.producer_id_expiration_check_interval_ms;
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
  made.per_ip_overrides = {config.max_connections_overrides.begin(), config.max_connections_overrides.end()};
  return made;
}

std::vector<ListenerConfig> make_listener_configs(const config::BrokerConfig& config) {
  std::vector<ListenerConfig> made;
  for (const auto& endpoint : config.endpoints)
    made.push_back({endpoint.listener_name, std::string(config::to_string(endpoint.security_protocol)), endpoint.host, static_cast<std::uint16_t>(endpoint.port)});
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
