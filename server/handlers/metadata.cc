// Metadata (key 3, v0-13): brokers, topics and who leads their partitions (KIP-4, KIP-516, KIP-700). Unknown topics are created when the client, the
// request and auto.create.topics.enable allow it.
#include <algorithm>
#include <vector>

#include "config/dynamic_config.h"
#include "protocol/messages/metadata.h"
#include "replication/admin/topic_admin.h"
#include "replication/admin/topic_names.h"
#include "replication/metadata/metadata_cache.h"
#include "server/handlers/advertised_endpoint.h"
#include "server/handlers/authorized_operations.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using protocol::MetadataRequest;
using protocol::MetadataResponse;
using replication::MetadataImage;

/// How long a first Metadata waits for the leaders of a topic that it created.
constexpr Millis kAutoCreateWait{5000};

void add_brokers(RequestContext& ctx, const MetadataImage& image, MetadataResponse& response) {
  for (const auto& [id, broker] : image.brokers()) {
    const auto* endpoint = broker.endpoint(ctx.connection().listener);
    if (endpoint == nullptr) continue;
    const auto address = advertised_endpoint(ctx, id, *endpoint);
    auto& node = response.brokers.add(ctx.arena());
    node.node_id = id;
    node.host = ctx.arena().dup(address.host);
    node.port = address.port;
    if (broker.rack) node.rack = ctx.arena().dup(*broker.rack);
  }
}

/// A view of ids that lie in the image; only Metadata v0 leaves out those without an endpoint on the listener.
Array<BrokerId> visible(RequestContext& ctx, const MetadataImage& image, std::span<const BrokerId> ids) {
  if (ctx.api_version > 0) return Array<BrokerId>::copy(ctx.arena(), ids);
  Array<BrokerId> kept;
  for (const auto id : ids)
    if (image.endpoint(id, ctx.connection().listener) != nullptr) kept.push_back(ctx.arena(), id);
  return kept;
}

ErrorCode partition_error(RequestContext& ctx, const MetadataImage& image, const replication::PartitionMetadata& partition,
                          const MetadataResponse::MetadataResponsePartition& answer) {
  if (image.endpoint(partition.leader, ctx.connection().listener) == nullptr) {
    const bool alive = image.broker(partition.leader) != nullptr;
    return alive && ctx.api_version >= 6 ? ErrorCode::listener_not_found : ErrorCode::leader_not_available;
  }
  if (answer.replica_nodes.size() < partition.replicas.size() || answer.isr_nodes.size() < partition.isr.size()) return ErrorCode::replica_not_available;
  return ErrorCode::none;
}

void add_topic(RequestContext& ctx, const MetadataImage& image, const replication::TopicMetadata& topic, bool operations, MetadataResponse& response) {
  auto& answer = response.topics.add(ctx.arena());
  answer.name = ctx.arena().dup(topic.name());
  answer.topic_id = topic.id();
  answer.is_internal = topic.is_internal();
  if (operations) answer.topic_authorized_operations = kTopicOperations;
  answer.partitions.reserve(ctx.arena(), topic.partitions().size());
  for (const auto& partition : topic.partitions()) {
    auto& p = answer.partitions.add(ctx.arena());
    p.partition_index = partition.partition;
    p.leader_epoch = partition.leader_epoch;
    p.replica_nodes = visible(ctx, image, partition.replicas);
    p.isr_nodes = visible(ctx, image, partition.isr);
    p.offline_replicas = Array<BrokerId>::copy(ctx.arena(), partition.offline_replicas);
    p.error_code = partition_error(ctx, image, partition, p);
    const bool without_leader = p.error_code == ErrorCode::leader_not_available || p.error_code == ErrorCode::listener_not_found;
    p.leader_id = without_leader ? kNoBroker : partition.leader;
  }
}

void add_error(RequestContext& ctx, std::string_view name, ErrorCode code, bool operations, MetadataResponse& response) {
  auto& answer = response.topics.add(ctx.arena());
  answer.error_code = code;
  answer.name = ctx.arena().dup(name);
  answer.is_internal = replication::is_internal_topic(name);
  if (operations) answer.topic_authorized_operations = kTopicOperations;
}

bool asks_for_all(const MetadataRequest& req, std::int16_t version) { return !req.topics || (version == 0 && req.topics->empty()); }

/// Creates what is missing and allowed to be created; one error a name that is still missing afterwards.
Awaitable<std::vector<std::pair<std::string, ErrorCode>>> create_missing(RequestContext& ctx, std::vector<std::string> missing, bool allowed) {
  std::vector<std::pair<std::string, ErrorCode>> failed;
  for (auto& name : missing) {
    ErrorCode error = ErrorCode::unknown_topic_or_partition;
    if (replication::invalid_topic_name(name)) {
      error = ErrorCode::invalid_topic_exception;
    } else if (allowed) {
      error = co_await ctx.topics().auto_create(name, kAutoCreateWait);
    }
    if (error != ErrorCode::none) failed.emplace_back(std::move(name), error);
  }
  co_return failed;
}

}  // namespace

Awaitable<MetadataResponse> handle_metadata(RequestContext& ctx, const MetadataRequest& req) {
  const bool all = asks_for_all(req, ctx.api_version);
  const auto by_id = [](const MetadataRequest::MetadataRequestTopic& t) { return !t.topic_id.is_zero(); };
  if (!all && ctx.api_version < 12) {  // names only: ids and null names are for v12 on
    for (const auto& t : *req.topics)
      if (!t.name || by_id(t)) co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
  }
  std::vector<std::pair<std::string, ErrorCode>> failed;
  if (!all) {
    std::vector<std::string> missing;
    const auto image = ctx.metadata().image();
    for (const auto& t : *req.topics)
      if (!by_id(t) && t.name && image->topic(*t.name) == nullptr && std::find(missing.begin(), missing.end(), *t.name) == missing.end()) missing.emplace_back(*t.name);
    if (!missing.empty()) {
      const bool allowed = req.allow_auto_topic_creation && ctx.config().current()->auto_create_topics_enable;
      failed = co_await create_missing(ctx, std::move(missing), allowed);
    }
  }

  const auto image = ctx.metadata().image();
  const bool operations = req.include_topic_authorized_operations;
  MetadataResponse response;
  response.cluster_id = ctx.cluster_id();
  response.controller_id = image->controller_id().value_or(kNoBroker);
  if (req.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  add_brokers(ctx, *image, response);
  if (all) {
    response.topics.reserve(ctx.arena(), image->topic_count());
    image->for_each_topic([&](const replication::TopicMetadata& topic) { add_topic(ctx, *image, topic, operations, response); });
    co_return response;
  }
  for (const auto& t : *req.topics) {
    const auto* topic = by_id(t) ? image->topic(t.topic_id) : t.name ? image->topic(*t.name) : nullptr;
    if (topic != nullptr) {
      add_topic(ctx, *image, *topic, operations, response);
    } else if (by_id(t)) {
      auto& answer = response.topics.add(ctx.arena());
      answer.error_code = ErrorCode::unknown_topic_id;
      answer.name.reset();
      answer.topic_id = t.topic_id;
    } else {
      const auto name = t.name.value_or("");
      const auto known = std::find_if(failed.begin(), failed.end(), [&](const auto& f) { return f.first == name; });
      add_error(ctx, name, known == failed.end() ? ErrorCode::leader_not_available : known->second, operations, response);
    }
  }
  co_return response;
}

}  // namespace moldau::server
