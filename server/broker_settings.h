// From the broker's configuration to the narrow settings that its parts take.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "replication/metadata/metadata_image.h"
#include "server/network/connection_quotas.h"
#include "server/network/socket_server.h"
#include "storage/cleaner/cleaner_config.h"
#include "storage/log/log_manager.h"

namespace moldau::server {

storage::LogManagerConfig make_log_manager_config(const config::BrokerConfig& config);
/// A single node opens its port while logs are still being recovered; a broker of a cluster registers when all are loaded, as the controller gives leaders by who
/// is registered.
bool serves_while_recovering(const config::BrokerConfig& config);
storage::CleanerConfig make_cleaner_config(const config::BrokerConfig& config);
SocketServerConfig make_socket_server_config(const config::BrokerConfig& config);
ConnectionQuotaConfig make_connection_quota_config(const config::BrokerConfig& config);
std::vector<ListenerConfig> make_listener_configs(const config::BrokerConfig& config);
/// What goes into /brokers/ids/N: always a concrete address. `bound_port` gives the port of a listener that was configured with port 0.
std::vector<replication::BrokerEndpoint> make_advertised_endpoints(const config::BrokerConfig& config,
                                                                   const std::function<std::uint16_t(std::string_view listener)>& bound_port);

}  // namespace moldau::server
