// LeaveGroup (key 13, v0-5): members leave. v3 several at once, static ones by instance id (KIP-345); v5 reason (KIP-800).
#include "protocol/messages/leave_group.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::LeaveGroupResponse> handle_leave_group(RequestContext& ctx, const protocol::LeaveGroupRequest& req) {
  std::vector<LeavingMember> leaving;
  if (ctx.api_version < 3) {
    LeavingMember one;
    one.member_id = req.member_id;
    leaving.push_back(std::move(one));
  }
  for (const auto& m : req.members) {
    LeavingMember one;
    one.member_id = m.member_id;
    one.group_instance_id = owned(m.group_instance_id);
    one.reason = m.reason.value_or("");
    leaving.push_back(std::move(one));
  }
  const LeaveResult left = ctx.groups().leave(req.group_id, leaving);

  protocol::LeaveGroupResponse response;
  response.error_code = left.error;
  if (ctx.api_version < 3) {
    if (left.error == ErrorCode::none && !left.members.empty()) response.error_code = left.members.front().error;
    co_return response;
  }
  auto& arena = ctx.arena();
  for (const auto& m : left.members) {
    auto& one = response.members.add(arena);
    one.member_id = arena.dup(std::string_view(m.member_id));
    one.group_instance_id = borrowed(arena, m.group_instance_id);
    one.error_code = m.error;
  }
  co_return response;
}

}  // namespace moldau::server
