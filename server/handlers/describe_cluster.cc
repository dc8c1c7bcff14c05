// DescribeCluster (key 60, v0-2): brokers and controller (KIP-700).
#include "protocol/messages/describe_cluster.h"
#include "replication/metadata/metadata_cache.h"
#include "server/handlers/advertised_endpoint.h"
#include "server/handlers/authorized_operations.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

constexpr std::int8_t kBrokers = 1;
constexpr std::int8_t kControllers = 2;

}  // namespace

Awaitable<protocol::DescribeClusterResponse> handle_describe_cluster(RequestContext& ctx, const protocol::DescribeClusterRequest& req) {
  protocol::DescribeClusterResponse response;
  if (req.endpoint_type != kBrokers) {
    const bool controllers = req.endpoint_type == kControllers;
    response.error_code = controllers ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
    response.error_message = controllers ? std::string_view("The request was sent to an endpoint of the wrong type.") : std::string_view("This endpoint type is not supported yet.");
    co_return response;
  }
  const auto image = ctx.metadata().image();
  response.cluster_id = ctx.cluster_id();
  response.controller_id = image->controller_id().value_or(kNoBroker);
  if (req.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  for (const auto& [id, broker] : image->brokers()) {
    const auto* endpoint = broker.endpoint(ctx.connection().listener);
    if (endpoint == nullptr) continue;
    const auto address = advertised_endpoint(ctx, id, *endpoint);
    auto& node = response.brokers.add(ctx.arena());
    node.broker_id = id;
    node.host = ctx.arena().dup(address.host);
    node.port = address.port;
    if (broker.rack) node.rack = ctx.arena().dup(*broker.rack);
  }
  co_return response;
}

}  // namespace moldau::server
