// DeleteTopics (key 20, v0-6): by name, since v6 by id too (KIP-516).
#include <algorithm>
#include <vector>

#include "config/dynamic_config.h"
#include "protocol/messages/delete_topics.h"
#include "replication/admin/topic_admin.h"
#include "replication/metadata/metadata_cache.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteTopicsResponse> handle_delete_topics(RequestContext& ctx, const protocol::DeleteTopicsRequest& req) {
  if (!ctx.topics().is_controller()) co_return error_response(req, ErrorCode::not_controller, ctx.arena());
  if (!ctx.config().current()->delete_topic_enable)
    co_return error_response(req, ctx.api_version < 3 ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled, ctx.arena());
  for (const auto& topic : req.topics)
    if (topic.name && !topic.topic_id.is_zero()) co_return error_response(req, ErrorCode::invalid_request, ctx.arena(), "Topic name and topic ID can not both be specified.");

  protocol::DeleteTopicsResponse response;
  const auto image = ctx.metadata().image();
  std::vector<std::string> names;
  const auto add = [&](std::optional<std::string_view> name, TopicId id) {
    if (!id.is_zero()) {
      const auto* topic = image->topic(id);
      name = topic == nullptr ? std::nullopt : std::optional<std::string_view>(topic->name());
    }
    auto& answer = response.responses.add(ctx.arena());
    answer.topic_id = id;
    answer.name = name ? std::optional(ctx.arena().dup(*name)) : std::nullopt;
    if (!name) {
      answer.error_code = id.is_zero() ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id;
      return;
    }
    if (std::find(names.begin(), names.end(), *name) == names.end()) names.emplace_back(*name);
  };
  for (const auto& topic : req.topics) add(topic.name, topic.topic_id);
  for (const auto name : req.topic_names) add(name, TopicId{});

  const auto outcomes = co_await ctx.topics().delete_topics(std::move(names), Millis(req.timeout_ms));
  for (auto& answer : response.responses) {
    if (!answer.name) continue;
    for (const auto& outcome : outcomes) {
      if (outcome.name != *answer.name) continue;
      answer.error_code = outcome.error;
      if (outcome.message) answer.error_message = ctx.arena().dup(*outcome.message);
    }
  }
  co_return response;
}

}  // namespace moldau::server
