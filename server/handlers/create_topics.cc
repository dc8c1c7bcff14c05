// CreateTopics (key 19, v0-7): the controller creates topics (KIP-4, KIP-525, KIP-516).
#include <algorithm>
#include <map>

#include "protocol/messages/create_topics.h"
#include "replication/admin/topic_admin.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;

constexpr std::string_view kTwice = "Found multiple entries for this topic.";

replication::TopicSpec to_spec(const CreateTopicsRequest::CreatableTopic& topic) {
  replication::TopicSpec spec;
  spec.name = topic.name;
  spec.partitions = topic.num_partitions;
  spec.replication_factor = topic.replication_factor;
  for (const auto& a : topic.assignments) spec.assignments.emplace_back(a.partition_index, std::vector<BrokerId>(a.broker_ids.begin(), a.broker_ids.end()));
  for (const auto& c : topic.configs) spec.configs.emplace_back(std::string(c.name), c.value ? std::optional<std::string>(std::string(*c.value)) : std::nullopt);
  return spec;
}

void fill(Arena& arena, const replication::CreatedTopic& created, CreateTopicsResponse::CreatableTopicResult& answer) {
  answer.error_code = created.error;
  answer.error_message = created.message ? std::optional(arena.dup(*created.message)) : std::nullopt;
  answer.topic_id = created.id;
  answer.num_partitions = created.partitions;
  answer.replication_factor = created.replication_factor;
  for (const auto& entry : created.configs) {
    auto& c = answer.configs->add(arena);
    c.name = arena.dup(entry.name);
    c.value = entry.value ? std::optional(arena.dup(*entry.value)) : std::nullopt;
    c.read_only = entry.read_only;
    c.config_source = static_cast<std::int8_t>(entry.source);
    c.is_sensitive = entry.sensitive;
  }
}

}  // namespace

Awaitable<CreateTopicsResponse> handle_create_topics(RequestContext& ctx, const CreateTopicsRequest& req) {
  if (!ctx.topics().is_controller()) co_return error_response(req, ErrorCode::not_controller, ctx.arena());
  CreateTopicsResponse response;
  std::map<std::string_view, int> times;
  for (const auto& topic : req.topics) ++times[topic.name];
  std::vector<replication::TopicSpec> specs;
  std::vector<std::size_t> slots;
  for (const auto& topic : req.topics) {
    auto& answer = response.topics.add(ctx.arena());
    answer.name = topic.name;
    if (times[topic.name] > 1) {
      answer.error_code = ErrorCode::invalid_request;
      answer.error_message = kTwice;
      continue;
    }
    specs.push_back(to_spec(topic));
    slots.push_back(response.topics.size() - 1);
  }
  const auto created = co_await ctx.topics().create_topics(std::move(specs), Millis(req.timeout_ms), req.validate_only);
  for (std::size_t i = 0; i < created.size(); ++i) fill(ctx.arena(), created[i], response.topics[slots[i]]);
  co_return response;
}

}  // namespace moldau::server
