// The address that a client is told for a broker: what the broker advertises, or with advertised.listeners=auto the address by which the client came.
#pragma once

#include <cstdint>
#include <string_view>

#include "replication/metadata/metadata_image.h"
#include "server/handlers/request_context.h"

namespace moldau::server {

struct NodeAddress {
  std::string_view host;  ///< In the request's arena, or the image's.
  std::int32_t port = -1;
};

/// `endpoint` is the broker's on the request's listener. `image` must live as long as the answer.
NodeAddress advertised_endpoint(RequestContext& ctx, BrokerId broker, const replication::BrokerEndpoint& endpoint);

}  // namespace moldau::server
