// DeleteGroups (key 42, v0-2): empty groups go, with their offsets (KIP-229).
#include "protocol/messages/delete_groups.h"

#include <unordered_set>

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteGroupsResponse> handle_delete_groups(RequestContext& ctx, const protocol::DeleteGroupsRequest& req) {
  protocol::DeleteGroupsResponse response;
  std::unordered_set<std::string_view> seen;
  for (const auto& id : req.groups_names) {
    if (!seen.insert(id).second) continue;
    const auto error = co_await ctx.groups().delete_group(std::string(id));
    auto& result = response.results.add(ctx.arena());
    result.group_id = id;
    result.error_code = error;
  }
  co_return response;
}

}  // namespace moldau::server
