// JoinGroup (key 11, v0-9): a member enters the rebalance of its group; answered when the rebalance's first phase is over.
// v1 rebalance timeout, v4 MEMBER_ID_REQUIRED (KIP-394), v5 static members (KIP-345), v7 protocol type, v8 reason, v9 skip_assignment.
#include "protocol/messages/join_group.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::JoinGroupResponse> handle_join_group(RequestContext& ctx, const protocol::JoinGroupRequest& req) {
  JoinRequest join;
  join.group_id = req.group_id;
  join.member_id = req.member_id;
  join.group_instance_id = owned(req.group_instance_id);
  join.require_known_member_id = ctx.api_version >= 4 && !req.group_instance_id;
  join.supports_skipping_assignment = ctx.api_version >= 9;
  join.client_id = ctx.client_id;
  join.client_host = java_client_host(ctx.connection().peer_host);
  join.session_timeout_ms = req.session_timeout_ms;
  join.rebalance_timeout_ms = ctx.api_version == 0 ? req.session_timeout_ms : req.rebalance_timeout_ms;
  join.protocol_type = req.protocol_type;
  join.protocols.reserve(req.protocols.size());
  for (const auto& p : req.protocols) join.protocols.push_back(GroupProtocol{std::string(p.name), std::string(as_string(p.metadata))});
  join.reason = req.reason.value_or("");

  const JoinResult joined = co_await ctx.groups().join(std::move(join));

  auto& arena = ctx.arena();
  protocol::JoinGroupResponse response;
  response.error_code = joined.error;
  response.generation_id = joined.generation;
  response.protocol_type = borrowed(arena, joined.protocol_type);
  response.protocol_name = borrowed(arena, joined.protocol_name);
  if (!response.protocol_name && ctx.api_version < 7) response.protocol_name = "";
  response.leader = arena.dup(std::string_view(joined.leader));
  response.skip_assignment = joined.skip_assignment;
  response.member_id = arena.dup(std::string_view(joined.member_id));
  response.members.reserve(arena, joined.members.size());
  for (const auto& m : joined.members) {
    auto& one = response.members.add(arena);
    one.member_id = arena.dup(std::string_view(m.member_id));
    one.group_instance_id = borrowed(arena, m.group_instance_id);
    one.metadata = borrowed_bytes(arena, m.metadata);
  }
  co_return response;
}

}  // namespace moldau::server
