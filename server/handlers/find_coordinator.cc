// FindCoordinator (key 10, v0-6): the broker that leads a group's partition of __consumer_offsets, which is created when it is not there. v1 key types, v4
// several keys (KIP-699), v6 share groups (KRaft only). Kafka 3.9 KafkaApis.getCoordinator.
#include "protocol/messages/find_coordinator.h"

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "replication/admin/topic_admin.h"
#include "replication/metadata/metadata_cache.h"
#include "server/coordinator/runtime/partition_for.h"
#include "server/handlers/advertised_endpoint.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using protocol::FindCoordinatorRequest;
using protocol::FindCoordinatorResponse;

constexpr std::int8_t kGroup = 0;
constexpr std::int8_t kTransaction = 1;
constexpr std::int8_t kShare = 2;
constexpr std::int16_t kFirstWithShareGroups = 6;
constexpr std::string_view kNoTransactions = "Transactions are not supported by this broker yet.";
/// Kafka 3.9 Errors.INVALID_REQUEST.
constexpr std::string_view kNoSuchKeyType =
    "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs "
    "for more details.";
/// DIFFERS: Apache Kafka answers COORDINATOR_NOT_AVAILABLE while the topic is being created.
constexpr Millis kCreationWait{5000};

struct Coordinator {
  ErrorCode error = ErrorCode::none;
  std::string_view message;
  BrokerId node = kNoBroker;
  std::string_view host;
  std::int32_t port = -1;
};

Coordinator coordinator_of(RequestContext& ctx, const replication::MetadataImage& image, std::string_view group) {
  Coordinator out;
  out.error = ErrorCode::coordinator_not_available;
  const auto* topic = image.topic(replication::kGroupMetadataTopic);
  if (topic == nullptr || topic->partitions().empty()) return out;
  const auto* partition = topic->partition(coordinator_partition_for(group, static_cast<std::int32_t>(topic->partitions().size())));
  if (partition == nullptr) return out;
  const auto* endpoint = image.endpoint(partition->leader, ctx.connection().listener);
  if (endpoint == nullptr) return out;
  const auto address = advertised_endpoint(ctx, partition->leader, *endpoint);
  out.error = ErrorCode::none;
  out.node = partition->leader;
  out.host = ctx.arena().dup(address.host);
  out.port = address.port;
  return out;
}

/// What the answer says of an error when the version has room for a text (v0-3: "NONE" too, as Apache Kafka does).
std::string_view text_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::none: return "NONE";
    case ErrorCode::coordinator_not_available: return "The coordinator is not available.";
    default: return to_string(error);
  }
}

}  // namespace

Awaitable<FindCoordinatorResponse> handle_find_coordinator(RequestContext& ctx, const FindCoordinatorRequest& req) {
  auto& arena = ctx.arena();
  const bool batch = ctx.api_version >= 4;
  if (req.key_type == kTransaction)
    MOLDAU_LOG(transaction, warn, "'{}' looks for a transaction coordinator: transactions are not supported yet, answered INVALID_REQUEST", log_text(ctx.client_id));
  auto image = ctx.metadata().image();
  if (req.key_type == kGroup && image->topic(replication::kGroupMetadataTopic) == nullptr) {
    static_cast<void>(co_await ctx.topics().auto_create(std::string(replication::kGroupMetadataTopic), kCreationWait));  // its error shows as a missing topic
    image = ctx.metadata().image();
  }
  const auto find = [&](std::string_view key) {
    if (req.key_type == kGroup) return coordinator_of(ctx, *image, key);
    Coordinator refused;
    if (req.key_type == kShare && ctx.api_version >= kFirstWithShareGroups) {  // there is none without KRaft
      refused.error = ErrorCode::coordinator_not_available;
      return refused;
    }
    refused.error = ErrorCode::invalid_request;
    refused.message = req.key_type == kTransaction ? kNoTransactions : kNoSuchKeyType;
    return refused;
  };

  FindCoordinatorResponse response;
  if (!batch) {
    const auto found = find(req.key);
    response.error_code = found.error;
    response.error_message = found.message.empty() ? text_of(found.error) : found.message;
    response.node_id = found.node;
    response.host = found.host;
    response.port = found.port;
    co_return response;
  }
  for (const auto& key : req.coordinator_keys) {
    const auto found = find(key);
    auto& to = response.coordinators.add(arena);
    to.key = arena.dup(key);
    to.node_id = found.node;
    to.host = found.host;
    to.port = found.port;
    to.error_code = found.error;
    to.error_message = found.message;
  }
  co_return response;
}

}  // namespace moldau::server
