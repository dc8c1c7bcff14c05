// CreateTopics (key 19, v0-7): v1 validate_only, v4 defaults (-1), v5 what was created, v7 topic ids. Kafka 3.9 KafkaApis.handleCreateTopicsRequest.
#include "protocol/messages/create_topics.h"

#include <map>
#include <string>
#include <vector>

#include "replication/admin/topic_admin.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using Result = CreateTopicsResponse::CreatableTopicResult;

replication::TopicSpec spec_of(const CreateTopicsRequest::CreatableTopic& topic) {
  replication::TopicSpec spec;
  spec.name = topic.name;
  spec.partitions = topic.num_partitions;
  spec.replication_factor = topic.replication_factor;
  for (const auto& a : topic.assignments) {
    if (spec.assignments.size() > replication::kMaxPartitionsPerRequest) break;  // refused for what it has
    spec.assignments.emplace_back(a.partition_index, std::vector<BrokerId>(a.broker_ids.begin(), a.broker_ids.end()));
  }
  for (const auto& c : topic.configs) spec.configs.emplace_back(std::string(c.name), owned(c.value));
  return spec;
}

void write(RequestContext& ctx, const replication::CreatedTopic& from, Result& to) {
  auto& arena = ctx.arena();
  to.error_code = from.error;
  to.error_message = borrowed(arena, from.message);
  to.topic_id = from.id;
  to.num_partitions = from.partitions;
  to.replication_factor = from.replication_factor;
  to.configs.emplace();
  if (ctx.api_version < 5) return;
  for (const auto& e : from.configs) {
    auto& config = to.configs->add(arena);
    config.name = arena.dup(e.name);
    config.value = borrowed(arena, e.value);
    config.read_only = e.read_only;
    config.config_source = static_cast<std::int8_t>(e.source);
    config.is_sensitive = e.sensitive;
  }
}

}  // namespace

Awaitable<CreateTopicsResponse> handle_create_topics(RequestContext& ctx, const CreateTopicsRequest& req) {
  auto& arena = ctx.arena();
  CreateTopicsResponse response;
  response.topics.reserve(arena, req.topics.size());
  for (const auto& topic : req.topics) response.topics.add(arena).name = arena.dup(topic.name);
  if (!ctx.topics().is_controller()) {
    for (auto& topic : response.topics) topic.error_code = ErrorCode::not_controller;
    co_return response;
  }
  std::map<std::string_view, int> count;
  for (const auto& topic : req.topics) ++count[topic.name];
  std::vector<replication::TopicSpec> specs;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < req.topics.size(); ++i) {
    if (count[req.topics[i].name] > 1) {
      response.topics[i].error_code = ErrorCode::invalid_request;
      response.topics[i].error_message = "Found multiple entries for this topic.";
      continue;
    }
    specs.push_back(spec_of(req.topics[i]));
    places.push_back(i);
  }
  const auto created = co_await ctx.topics().create_topics(std::move(specs), Millis(req.timeout_ms), req.validate_only);
  for (std::size_t i = 0; i < created.size(); ++i) write(ctx, created[i], response.topics[places[i]]);
  co_return response;
}

}  // namespace moldau::server
