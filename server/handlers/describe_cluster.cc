// DescribeCluster (key 60, v0-2): nodes, controller and id of the cluster. v1 endpoint type (KIP-919), v2 fenced brokers (never here).
// Kafka 3.9 AuthHelper.computeDescribeClusterResponse.
#include "protocol/messages/describe_cluster.h"

#include <fmt/format.h>

#include "replication/metadata/metadata_cache.h"
#include "server/handlers/advertised_endpoint.h"
#include "server/handlers/authorized_operations.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DescribeClusterResponse> handle_describe_cluster(RequestContext& ctx, const protocol::DescribeClusterRequest& req) {
  auto& arena = ctx.arena();
  protocol::DescribeClusterResponse response;
  constexpr std::int8_t kBrokers = 1;
  constexpr std::int8_t kControllers = 2;
  if (req.endpoint_type != kBrokers) {
    const bool known = req.endpoint_type == kControllers;
    response.error_code = ctx.api_version == 0 ? ErrorCode::invalid_request : known ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
    response.error_message = known ? std::string_view("The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
                                   : arena.dup(fmt::format("Unsupported endpoint type {}", static_cast<int>(req.endpoint_type)));
    co_return response;
  }
  const auto image = ctx.metadata().image();
  bool controller_listed = false;
  const auto controller = image->controller_id().value_or(kNoBroker);
  for (const auto& [id, broker] : image->brokers()) {
    const auto* endpoint = broker.endpoint(ctx.connection().listener);
    if (endpoint == nullptr) continue;
    const auto address = advertised_endpoint(ctx, id, *endpoint);
    auto& to = response.brokers.add(arena);
    to.broker_id = id;
    to.host = arena.dup(address.host);
    to.port = address.port;
    if (broker.rack) to.rack = arena.dup(*broker.rack);
    controller_listed = controller_listed || id == controller;
  }
  response.controller_id = controller_listed ? controller : kNoBroker;
  response.cluster_id = ctx.cluster_id();
  if (req.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  co_return response;
}

}  // namespace moldau::server
