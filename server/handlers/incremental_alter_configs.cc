// IncrementalAlterConfigs (key 44, v0-1): SET, DELETE, APPEND and SUBTRACT of single keys (KIP-339), of topics, brokers and broker loggers (KIP-412).
// Kafka 3.9 ConfigAdminManager, ZkAdminManager.incrementalAlterConfigs.
#include "protocol/messages/incremental_alter_configs.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "replication/admin/config_admin.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::IncrementalAlterConfigsResponse> handle_incremental_alter_configs(RequestContext& ctx, const protocol::IncrementalAlterConfigsRequest& req) {
  auto& arena = ctx.arena();
  protocol::IncrementalAlterConfigsResponse response;
  std::map<std::pair<std::int8_t, std::string_view>, int> count;
  for (const auto& r : req.resources) ++count[{r.resource_type, r.resource_name}];
  for (const auto& asked : req.resources) {
    Status done;
    std::vector<config::Alteration> ops;
    for (const auto& c : asked.configs) {
      if (c.config_operation < 0 || c.config_operation > 3)
        done = Error(ErrorCode::invalid_request, fmt::format("Unknown operation {} for key {}", static_cast<int>(c.config_operation), c.name));
      config::Alteration op;
      op.name = c.name;
      op.value = owned(c.value);
      op.operation = static_cast<config::AlterOperation>(c.config_operation);
      ops.push_back(std::move(op));
    }
    if (count[{asked.resource_type, asked.resource_name}] > 1) {
      done = Error(ErrorCode::invalid_request, "Each resource must appear at most once.");
    } else if (done) {
      replication::ConfigResource resource;
      resource.type = static_cast<replication::ConfigResourceType>(asked.resource_type);
      resource.name = asked.resource_name;
      done = co_await ctx.configs().incremental_alter(std::move(resource), std::move(ops), req.validate_only);
    }
    auto& to = response.responses.add(arena);
    to.resource_type = asked.resource_type;
    to.resource_name = arena.dup(asked.resource_name);
    to.error_message.reset();
    if (done) continue;
    to.error_code = done.error().code;
    to.error_message = arena.dup(done.error().message);
  }
  co_return response;
}

}  // namespace moldau::server
