// FindCoordinator (key 10, v0-6): which broker coordinates a group; batched since v4 (KIP-699). Creates __consumer_offsets when it is missing.
#include "protocol/base/log.h"
#include "protocol/messages/find_coordinator.h"
#include "replication/admin/topic_admin.h"
#include "replication/metadata/metadata_cache.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/advertised_endpoint.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

constexpr std::int8_t kGroupType = 0;
constexpr std::int8_t kTransactionType = 1;
constexpr Millis kCreationWait{5000};
constexpr std::string_view kNoTransactions = "Transactions are not supported by this broker yet.";
constexpr std::string_view kNotAvailable = "The coordinator is not available.";
constexpr std::string_view kUnknownType = "Unknown coordinator type.";

struct Coordinator {
  ErrorCode error = ErrorCode::none;
  std::string_view message;
  BrokerId node = kNoBroker;
  NodeAddress address{"", -1};
};

Coordinator find(RequestContext& ctx, const replication::MetadataImage& image, std::string_view group) {
  const auto* partition = image.partition({GroupCoordinator::kTopic, ctx.groups().partition_for(group)});
  const auto* endpoint = partition == nullptr ? nullptr : image.endpoint(partition->leader, ctx.connection().listener);
  if (endpoint == nullptr) return {ErrorCode::coordinator_not_available, kNotAvailable, kNoBroker, {"", -1}};
  const auto address = advertised_endpoint(ctx, partition->leader, *endpoint);
  return {ErrorCode::none, {}, partition->leader, {ctx.arena().dup(address.host), address.port}};
}

}  // namespace

Awaitable<protocol::FindCoordinatorResponse> handle_find_coordinator(RequestContext& ctx, const protocol::FindCoordinatorRequest& req) {
  Coordinator refused;
  if (req.key_type == kTransactionType) {
    // DIFFERS: transactions come later; until then their producers are told at once.
    MOLDAU_LOG(transaction, warn, "'{}' looks for a transaction coordinator: transactions are not supported yet, answered INVALID_REQUEST", ctx.client_id);
    refused.error = ErrorCode::invalid_request;
    refused.message = kNoTransactions;
  } else if (req.key_type != kGroupType) {
    refused.error = ErrorCode::invalid_request;
    refused.message = kUnknownType;
  } else if (!ctx.metadata().contains(GroupCoordinator::kTopic)) {
    const auto created = co_await ctx.topics().auto_create(std::string(GroupCoordinator::kTopic), kCreationWait);
    if (created != ErrorCode::none) MOLDAU_LOG(group, warn, "{} is not there yet: {}", GroupCoordinator::kTopic, to_string(created));
  }
  const auto image = ctx.metadata().image();
  const auto answer = [&](std::string_view key) { return refused.error == ErrorCode::none ? find(ctx, *image, key) : refused; };

  protocol::FindCoordinatorResponse response;
  if (ctx.api_version >= 4) {
    for (const auto key : req.coordinator_keys) {
      const auto found = answer(key);
      auto& c = response.coordinators.add(ctx.arena());
      c.key = key;
      c.error_code = found.error;
      c.error_message = found.message;
      c.node_id = found.node;
      c.host = found.address.host;
      c.port = found.address.port;
    }
    co_return response;
  }
  const auto found = answer(req.key);
  response.error_code = found.error;
  response.error_message = found.error == ErrorCode::none ? std::string_view("NONE") : found.message;
  response.node_id = found.node;
  response.host = found.address.host;
  response.port = found.address.port;
  co_return response;
}

}  // namespace moldau::server
