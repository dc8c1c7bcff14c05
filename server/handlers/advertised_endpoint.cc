#include "server/handlers/advertised_endpoint.h"

#include <charconv>

#include "config/dynamic_config.h"
#include "replication/metadata/metadata_cache.h"
#include "server/network/local_network.h"

namespace moldau::server {
namespace {

/// advertised.listeners.auto.external: host or host:port.
NodeAddress parse_external(std::string_view text, std::int32_t own_port) {
  const auto colon = text.rfind(':');
  std::int32_t port = own_port;
  if (colon == std::string_view::npos || text.find(':') != colon) return {text, own_port};  // no port, or a bare IPv6 address
  const auto digits = text.substr(colon + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), port).ec != std::errc()) return {text, own_port};
  return {text.substr(0, colon), port};
}

}  // namespace

NodeAddress advertised_endpoint(RequestContext& ctx, BrokerId broker, const replication::BrokerEndpoint& endpoint) {
  const NodeAddress stored{endpoint.host, endpoint.port};
  if (broker != ctx.metadata().self()) return stored;
  const auto config = ctx.config().current();
  if (!config->advertised_auto) return stored;
  // Brokers of a cluster find each other by what the znodes say.
  const bool clustered = config->zookeeper_connect && !config->zookeeper_connect->empty();
  if (clustered && endpoint.listener == config->inter_broker_listener) return stored;
  const auto& connection = ctx.connection();
  switch (local_network().place_of(connection.peer_host)) {
    case PeerPlace::this_machine:
    case PeerPlace::gateway:  // through a published port of a container
      return {"localhost", endpoint.port};
    case PeerPlace::subnet:
      return {ctx.arena().dup(connection.local_host), endpoint.port};
    case PeerPlace::elsewhere:
      break;
  }
  if (config->advertised_listeners_auto_external) {
    const auto external = parse_external(*config->advertised_listeners_auto_external, endpoint.port);
    return {ctx.arena().dup(external.host), external.port};
  }
  return {ctx.arena().dup(connection.local_host), endpoint.port};
}

}  // namespace moldau::server
