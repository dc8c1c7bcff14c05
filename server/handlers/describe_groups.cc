// DescribeGroups (key 15, v0-6): state and members of groups. v3 authorized operations, v4 static members, v6 an unknown group is an error.
#include "protocol/messages/describe_groups.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DescribeGroupsResponse> handle_describe_groups(RequestContext& ctx, const protocol::DescribeGroupsRequest& req) {
  auto& arena = ctx.arena();
  protocol::DescribeGroupsResponse response;
  response.groups.reserve(arena, req.groups.size());
  for (const auto& id : req.groups) {
    const GroupSummary summary = ctx.groups().describe(id);
    auto& group = response.groups.add(arena);
    group.error_code = summary.error;
    group.group_id = id;
    group.group_state = arena.dup(std::string_view(summary.state));
    group.protocol_type = arena.dup(std::string_view(summary.protocol_type));
    group.protocol_data = arena.dup(std::string_view(summary.protocol));
    group.members.reserve(arena, summary.members.size());
    for (const auto& m : summary.members) {
      auto& one = group.members.add(arena);
      one.member_id = arena.dup(std::string_view(m.member_id));
      one.group_instance_id = borrowed(arena, m.group_instance_id);
      one.client_id = arena.dup(std::string_view(m.client_id));
      one.client_host = arena.dup(std::string_view(m.client_host));
      one.member_metadata = borrowed_bytes(arena, m.metadata);
      one.member_assignment = borrowed_bytes(arena, m.assignment);
    }
    if (summary.error == ErrorCode::none && req.include_authorized_operations) group.authorized_operations = kAllGroupOperations;
    if (ctx.api_version >= 6 && summary.error == ErrorCode::none && !summary.found) {
      group.error_code = ErrorCode::group_id_not_found;
      group.error_message = arena.dup(std::string_view("Group " + std::string(id) + " not found."));
    }
  }
  co_return response;
}

}  // namespace moldau::server
