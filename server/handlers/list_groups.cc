// ListGroups (key 16, v0-5): the groups that this broker coordinates. v4 state filter (KIP-518), v5 type filter (KIP-848).
#include "protocol/messages/list_groups.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::ListGroupsResponse> handle_list_groups(RequestContext& ctx, const protocol::ListGroupsRequest& req) {
  const std::vector<std::string_view> states(req.states_filter.begin(), req.states_filter.end());
  const std::vector<std::string_view> types(req.types_filter.begin(), req.types_filter.end());
  const ListGroupsResult listed = ctx.groups().list(states, types);

  auto& arena = ctx.arena();
  protocol::ListGroupsResponse response;
  response.error_code = listed.error;
  response.groups.reserve(arena, listed.groups.size());
  for (const auto& g : listed.groups) {
    auto& one = response.groups.add(arena);
    one.group_id = arena.dup(std::string_view(g.group_id));
    one.protocol_type = arena.dup(std::string_view(g.protocol_type));
    one.group_state = to_string(g.state);
    one.group_type = "classic";
  }
  co_return response;
}

}  // namespace moldau::server
