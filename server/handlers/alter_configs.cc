// AlterConfigs (key 33, v0-2): replaces all keys of a topic or broker. Kafka 3.9 ConfigAdminManager, ZkAdminManager.alterConfigs.
#include "protocol/messages/alter_configs.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "replication/admin/config_admin.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::AlterConfigsResponse> handle_alter_configs(RequestContext& ctx, const protocol::AlterConfigsRequest& req) {
  auto& arena = ctx.arena();
  protocol::AlterConfigsResponse response;
  std::map<std::pair<std::int8_t, std::string_view>, int> count;
  for (const auto& r : req.resources) ++count[{r.resource_type, r.resource_name}];
  for (const auto& asked : req.resources) {
    Status done;
    if (count[{asked.resource_type, asked.resource_name}] > 1) {
      done = Error(ErrorCode::invalid_request, "Each resource must appear at most once.");
    } else {
      replication::ConfigResource resource;
      resource.type = static_cast<replication::ConfigResourceType>(asked.resource_type);
      resource.name = asked.resource_name;
      std::vector<std::pair<std::string, std::optional<std::string>>> entries;
      for (const auto& c : asked.configs) entries.emplace_back(std::string(c.name), owned(c.value));
      done = co_await ctx.configs().alter(std::move(resource), std::move(entries), req.validate_only);
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
