// CreatePartitions (key 37, v0-3): more partitions for existing topics. Kafka 3.9 KafkaApis.handleCreatePartitionsRequest.
#include "protocol/messages/create_partitions.h"

#include <map>
#include <string>
#include <vector>

#include "replication/admin/topic_admin.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

replication::NewPartitionsSpec spec_of(const protocol::CreatePartitionsRequest::CreatePartitionsTopic& topic) {
  replication::NewPartitionsSpec spec;
  spec.topic = topic.name;
  spec.count = topic.count;
  if (!topic.assignments) return spec;
  spec.assignments.emplace();
  for (const auto& a : *topic.assignments) {
    if (spec.assignments->size() > replication::kMaxPartitionsPerRequest) break;  // refused for what it has
    spec.assignments->emplace_back(a.broker_ids.begin(), a.broker_ids.end());
  }
  return spec;
}

}  // namespace

Awaitable<protocol::CreatePartitionsResponse> handle_create_partitions(RequestContext& ctx, const protocol::CreatePartitionsRequest& req) {
  auto& arena = ctx.arena();
  if (!ctx.topics().is_controller()) co_return error_response(req, ErrorCode::not_controller, arena);
  protocol::CreatePartitionsResponse response;
  std::map<std::string_view, int> count;
  for (const auto& topic : req.topics) ++count[topic.name];
  std::vector<replication::NewPartitionsSpec> specs;
  for (const auto& [name, n] : count) {
    if (n == 1) continue;
    auto& to = response.results.add(arena);
    to.name = arena.dup(name);
    to.error_code = ErrorCode::invalid_request;
    to.error_message = "Duplicate topic in request.";
  }
  for (const auto& topic : req.topics)
    if (count[topic.name] == 1) specs.push_back(spec_of(topic));
  const auto outcomes = co_await ctx.topics().create_partitions(std::move(specs), Millis(req.timeout_ms), req.validate_only);
  for (const auto& outcome : outcomes) {
    auto& to = response.results.add(arena);
    to.name = arena.dup(outcome.name);
    to.error_code = outcome.error;
    to.error_message = borrowed(arena, outcome.message);
  }
  co_return response;
}

}  // namespace moldau::server
