// Which address a client is told for a broker. Usually what the broker advertises; with advertised.listeners=auto the address by which this client came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replication/metadata/metadata_image.h"
#include "server/handlers/request_context.h"

namespace moldau::server {

struct AdvertisedAddress {
  std::string_view host;  ///< In the request's arena or in the image.
  std::int32_t port = 0;
};

/// The address of a broker's endpoint for this connection. Only our own endpoint is rewritten, and in a cluster never on the inter-broker listener.
AdvertisedAddress advertised_address(RequestContext& ctx, BrokerId broker, const replication::BrokerEndpoint& endpoint);

/// What advertised.listeners=auto tells one client (DESIGN.md): from this machine or from the default gateway (a published port): localhost; from one of our
/// subnets: the address it came to; others: `external` (host or host:port) when it is set, else the address it came to.
struct AutoAddress {
  std::string host;
  std::int32_t port = 0;
};
struct ClientRoute {
  std::string_view peer_host;
  std::string_view local_host;
  std::int32_t local_port = 0;
  std::int32_t advertised_port = 0;
  std::optional<std::string_view> external;
  bool peer_is_gateway = false;
  bool peer_in_subnet = false;
};
AutoAddress choose_auto_address(const ClientRoute& route);

}  // namespace moldau::server
