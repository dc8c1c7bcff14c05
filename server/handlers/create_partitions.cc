// CreatePartitions (key 37, v0-3): more partitions for a topic (KIP-195).
#include <map>

#include "protocol/messages/create_partitions.h"
#include "replication/admin/topic_admin.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::CreatePartitionsResponse> handle_create_partitions(RequestContext& ctx, const protocol::CreatePartitionsRequest& req) {
  if (!ctx.topics().is_controller()) co_return error_response(req, ErrorCode::not_controller, ctx.arena());
  std::map<std::string_view, int> times;
  for (const auto& topic : req.topics) ++times[topic.name];
  protocol::CreatePartitionsResponse response;
  std::vector<replication::NewPartitionsSpec> specs;
  for (const auto& topic : req.topics) {
    if (times[topic.name] > 1) continue;
    replication::NewPartitionsSpec spec;
    spec.topic = topic.name;
    spec.count = topic.count;
    if (topic.assignments) {
      spec.assignments.emplace();
      for (const auto& a : *topic.assignments) spec.assignments->emplace_back(a.broker_ids.begin(), a.broker_ids.end());
    }
    specs.push_back(std::move(spec));
  }
  for (const auto& [name, count] : times) {
    if (count < 2) continue;
    auto& answer = response.results.add(ctx.arena());
    answer.name = name;
    answer.error_code = ErrorCode::invalid_request;
    answer.error_message = "Duplicate topic in request.";
  }
  for (const auto& outcome : co_await ctx.topics().create_partitions(std::move(specs), Millis(req.timeout_ms), req.validate_only)) {
    auto& answer = response.results.add(ctx.arena());
    answer.name = ctx.arena().dup(outcome.name);
    answer.error_code = outcome.error;
    if (outcome.message) answer.error_message = ctx.arena().dup(*outcome.message);
  }
  co_return response;
}

}  // namespace moldau::server
