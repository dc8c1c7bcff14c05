// AlterConfigs (key 33, v0-2): replaces all keys of a topic or broker. Kafka 3.9 ConfigAdminManager, ZkAdminManager.alterConfigs.
#include "protocol/messages/alter_configs.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/handlers/config_alteration.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::AlterConfigsResponse> handle_alter_configs(RequestContext& ctx, const protocol::AlterConfigsRequest& req) {
  protocol::AlterConfigsResponse response;
  const RepeatedResources repeated(req.resources);
  for (const auto& asked : req.resources) {
    auto done = repeated.check(asked);
    if (done) {
      auto resource = resource_of(asked);
      std::vector<std::pair<std::string, std::optional<std::string>>> entries;
      for (const auto& c : asked.configs) entries.emplace_back(std::string(c.name), owned(c.value));
      done = co_await ctx.configs().alter(std::move(resource), std::move(entries), req.validate_only);
    }
    answer_alteration(ctx.arena(), asked, done, response.responses.add(ctx.arena()));
  }
  co_return response;
}

}  // namespace moldau::server
