// IncrementalAlterConfigs (key 44, v0-1): SET, DELETE, APPEND and SUBTRACT of single keys (KIP-339), of topics, brokers and broker loggers (KIP-412).
// Kafka 3.9 ConfigAdminManager, ZkAdminManager.incrementalAlterConfigs.
#include "protocol/messages/incremental_alter_configs.h"

#include <string>
#include <utility>
#include <vector>

#include "server/handlers/config_alteration.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using Resource = protocol::IncrementalAlterConfigsRequest::AlterConfigsResource;

std::vector<config::Alteration> alterations_of(const Resource& asked) {
  std::vector<config::Alteration> alterations;
  for (const auto& c : asked.configs) {
    config::Alteration alteration;
    alteration.name = c.name;
    alteration.value = owned(c.value);
    alteration.operation = static_cast<config::AlterOperation>(c.config_operation);
    alterations.push_back(std::move(alteration));
  }
  return alterations;
}

}  // namespace

Awaitable<protocol::IncrementalAlterConfigsResponse> handle_incremental_alter_configs(RequestContext& ctx,
                                                                                      const protocol::IncrementalAlterConfigsRequest& req) {
  protocol::IncrementalAlterConfigsResponse response;
  const RepeatedResources repeated(req.resources);
  for (const auto& asked : req.resources) {
    auto done = repeated.check(asked);
    if (done) {
      auto alterations = alterations_of(asked);
      auto resource = resource_of(asked);
      done = co_await ctx.configs().incremental_alter(std::move(resource), std::move(alterations), req.validate_only);
    }
    answer_alteration(ctx.arena(), asked, done, response.responses.add(ctx.arena()));
  }
  co_return response;
}

}  // namespace moldau::server
