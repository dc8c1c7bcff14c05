// Metadata (key 3, v0-13): brokers, topics and who leads their partitions; creates unknown topics where that is allowed. v1 controller, v2 cluster id, v4
// allow_auto_topic_creation, v5 offline replicas, v7 leader epochs, v8 authorized operations, v10 topic ids, v12 topics by id.
// Kafka 3.9 KafkaApis.handleTopicMetadataRequest, ZkMetadataCache.getTopicMetadata.
#include <algorithm>
#include <set>
#include <string>
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
using Topic = MetadataResponse::MetadataResponseTopic;

/// How long the answer waits for the leaders of topics that were just created. DIFFERS: Apache Kafka answers LEADER_NOT_AVAILABLE at once.
constexpr Millis kCreationWait{5000};

/// One topic into the answer.
class TopicWriter {
 public:
  TopicWriter(RequestContext& ctx, const MetadataImage& image, const MetadataRequest& req)
      : ctx_(ctx), image_(image), operations_(req.include_topic_authorized_operations ? kTopicOperations : Topic{}.topic_authorized_operations) {
    for (const auto& [id, broker] : image.brokers())
      if (broker.endpoint(ctx.connection().listener) != nullptr) reachable_.insert(id);
    all_reachable_ = reachable_.size() == image.brokers().size();
  }

  void write(Topic& out, const replication::TopicMetadata& topic) {
    auto& arena = ctx_.arena();
    out.name = arena.dup(topic.name());
    out.topic_id = topic.id();
    out.is_internal = topic.is_internal();
    out.topic_authorized_operations = operations_;
    out.partitions.reserve(arena, topic.partitions().size());
    for (const auto& p : topic.partitions()) {
      auto& to = out.partitions.add(arena);
      to.partition_index = p.partition;
      to.leader_epoch = p.leader_epoch;
      to.replica_nodes = nodes(p.replicas);
      to.isr_nodes = nodes(p.isr);
      to.offline_replicas = Array<BrokerId>::copy(arena, p.offline_replicas);
      if (!reachable_.contains(p.leader)) {
        to.leader_id = kNoBroker;
        const bool no_listener = image_.broker(p.leader) != nullptr && ctx_.api_version >= 6;
        to.error_code = no_listener ? ErrorCode::listener_not_found : ErrorCode::leader_not_available;
      } else {
        to.leader_id = p.leader;
        // v0 hides what cannot be reached, and says so.
        if (to.replica_nodes.size() < p.replicas.size() || to.isr_nodes.size() < p.isr.size()) to.error_code = ErrorCode::replica_not_available;
      }
    }
  }

  void write_error(Topic& out, std::string_view name, TopicId id, ErrorCode error) {
    out.error_code = error;
    out.name = ctx_.arena().dup(name);
    out.topic_id = id;
    out.is_internal = replication::is_internal_topic(name);
    out.topic_authorized_operations = operations_;
  }

 private:
  Array<BrokerId> nodes(std::span<const BrokerId> ids) {
    auto& arena = ctx_.arena();
    if (ctx_.api_version > 0 || all_reachable_) return Array<BrokerId>::copy(arena, ids);
    Array<BrokerId> out;
    for (const auto id : ids)
      if (reachable_.contains(id)) out.push_back(arena, id);
    return out;
  }

  RequestContext& ctx_;
  const MetadataImage& image_;
  const std::int32_t operations_;
  std::set<BrokerId> reachable_;
  bool all_reachable_ = false;
};

bool is_all_topics(const MetadataRequest& req, std::int16_t version) { return !req.topics || (version == 0 && req.topics->empty()); }

/// Names that are asked for and are not there, each once.
std::vector<std::string> missing_topics(const MetadataRequest& req, const MetadataImage& image) {
  std::set<std::string_view> missing;
  for (const auto& topic : *req.topics)
    if (topic.name && image.topic(*topic.name) == nullptr) missing.insert(*topic.name);
  return {missing.begin(), missing.end()};
}

void write_brokers(RequestContext& ctx, const MetadataImage& image, MetadataResponse& response) {
  auto& arena = ctx.arena();
  response.brokers.reserve(arena, image.brokers().size());
  for (const auto& [id, broker] : image.brokers()) {
    const auto* endpoint = broker.endpoint(ctx.connection().listener);
    if (endpoint == nullptr) continue;
    const auto address = advertised_endpoint(ctx, id, *endpoint);
    auto& to = response.brokers.add(arena);
    to.node_id = id;
    to.host = arena.dup(address.host);
    to.port = address.port;
    if (broker.rack) to.rack = arena.dup(*broker.rack);
  }
}

void write_by_id(RequestContext& ctx, const MetadataRequest& req, const MetadataImage& image, TopicWriter& writer, MetadataResponse& response) {
  std::set<TopicId> seen;
  for (const auto& asked : *req.topics) {
    if (asked.topic_id.is_zero() || !seen.insert(asked.topic_id).second) continue;
    auto& to = response.topics.add(ctx.arena());
    if (const auto* topic = image.topic(asked.topic_id)) {
      writer.write(to, *topic);
      continue;
    }
    writer.write_error(to, "", asked.topic_id, ErrorCode::unknown_topic_id);
    to.name.reset();
    to.topic_authorized_operations = Topic{}.topic_authorized_operations;  // nobody's: there is no name to authorize
  }
}

}  // namespace

Awaitable<MetadataResponse> handle_metadata(RequestContext& ctx, const MetadataRequest& req) {
  const auto version = ctx.api_version;
  const bool all = is_all_topics(req, version);
  bool by_id = false;
  if (!all) {
    for (const auto& topic : *req.topics) {
      if (version < 12 && (!topic.name || !topic.topic_id.is_zero())) co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
      by_id = by_id || !topic.topic_id.is_zero();
    }
  }

  auto& metadata = ctx.metadata();
  auto image = metadata.image();
  std::vector<std::string> missing;
  std::vector<ErrorCode> errors;
  if (!all && !by_id) {
    missing = missing_topics(req, *image);
    const bool may_create = !missing.empty() && req.allow_auto_topic_creation && ctx.config().current()->auto_create_topics_enable;
    if (may_create) {
      errors = co_await ctx.topics().auto_create(missing, kCreationWait);
      image = metadata.image();
    } else {
      for (const auto& name : missing)
        errors.push_back(replication::invalid_topic_name(name) ? ErrorCode::invalid_topic_exception : ErrorCode::unknown_topic_or_partition);
    }
  }

  MetadataResponse response;
  TopicWriter writer(ctx, *image, req);
  auto& arena = ctx.arena();
  if (all) {
    response.topics.reserve(arena, image->topic_count());
    image->for_each_topic([&](const replication::TopicMetadata& topic) { writer.write(response.topics.add(arena), topic); });
  } else if (by_id) {
    write_by_id(ctx, req, *image, writer, response);
  } else {
    std::set<std::string_view> seen;
    response.topics.reserve(arena, req.topics->size());
    for (const auto& asked : *req.topics) {
      if (!asked.name || !seen.insert(*asked.name).second) continue;
      auto& to = response.topics.add(arena);
      if (const auto* topic = image->topic(*asked.name)) {
        writer.write(to, *topic);
        continue;
      }
      const auto it = std::lower_bound(missing.begin(), missing.end(), *asked.name);
      auto error = it != missing.end() && *it == *asked.name ? errors[static_cast<std::size_t>(it - missing.begin())] : ErrorCode::unknown_topic_or_partition;
      if (error == ErrorCode::none) error = ErrorCode::leader_not_available;  // it was there for a moment
      writer.write_error(to, *asked.name, TopicId{}, error);
    }
  }
  write_brokers(ctx, *image, response);
  response.cluster_id = ctx.cluster_id();
  const auto controller = image->controller_id();
  response.controller_id = controller && image->broker(*controller) != nullptr ? *controller : kNoBroker;
  if (version >= 8 && version <= 10 && req.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  co_return response;
}

}  // namespace moldau::server
