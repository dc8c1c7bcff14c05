// DeleteTopics (key 20, v0-6): by name, since v6 by id too. Kafka 3.9 KafkaApis.handleDeleteTopicsRequest.
#include "protocol/messages/delete_topics.h"

#include <string>
#include <vector>

#include "config/dynamic_config.h"
#include "replication/admin/topic_admin.h"
#include "replication/metadata/metadata_cache.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteTopicsResponse> handle_delete_topics(RequestContext& ctx, const protocol::DeleteTopicsRequest& req) {
  auto& arena = ctx.arena();
  const auto version = ctx.api_version;
  if (!ctx.topics().is_controller()) co_return error_response(req, ErrorCode::not_controller, arena);
  if (!ctx.config().current()->delete_topic_enable)
    co_return error_response(req, version < 3 ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled, arena);

  protocol::DeleteTopicsResponse response;
  const auto image = ctx.metadata().image();
  for (const auto& name : req.topic_names) response.responses.add(arena).name = arena.dup(name);
  for (const auto& topic : req.topics) {
    if (topic.name && !topic.topic_id.is_zero()) co_return error_response(req, ErrorCode::invalid_request, arena, "Topic name and topic ID can not both be specified.");
    auto& to = response.responses.add(arena);
    to.topic_id = topic.topic_id;
    if (topic.topic_id.is_zero()) {
      if (topic.name) to.name = arena.dup(*topic.name);
    } else if (const auto* known = image->topic(topic.topic_id)) {
      to.name = arena.dup(known->name());
    } else {
      to.error_code = ErrorCode::unknown_topic_id;
    }
  }

  std::vector<std::string> names;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < response.responses.size(); ++i) {
    auto& to = response.responses[i];
    if (to.error_code != ErrorCode::none) continue;
    if (!to.name || image->topic(*to.name) == nullptr) {
      to.error_code = ErrorCode::unknown_topic_or_partition;
      continue;
    }
    names.emplace_back(*to.name);
    places.push_back(i);
  }
  const auto outcomes = co_await ctx.topics().delete_topics(std::move(names), Millis(req.timeout_ms));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    response.responses[places[i]].error_code = outcomes[i].error;
    response.responses[places[i]].error_message = borrowed(arena, outcomes[i].message);
  }
  co_return response;
}

}  // namespace moldau::server
