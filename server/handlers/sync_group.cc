// SyncGroup (key 14, v0-5): the leader brings the assignment of a generation, each member fetches its own.
// v3 static members (KIP-345), v5 names the protocol (KIP-559).
#include "protocol/messages/sync_group.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::SyncGroupResponse> handle_sync_group(RequestContext& ctx, const protocol::SyncGroupRequest& req) {
  protocol::SyncGroupResponse response;
  if (ctx.api_version >= 5 && (!req.protocol_type || !req.protocol_name)) {
    response.error_code = ErrorCode::inconsistent_group_protocol;
    co_return response;
  }
  SyncRequest sync;
  sync.group_id = req.group_id;
  sync.generation = req.generation_id;
  sync.member_id = req.member_id;
  sync.group_instance_id = owned(req.group_instance_id);
  sync.protocol_type = owned(req.protocol_type);
  sync.protocol_name = owned(req.protocol_name);
  sync.assignments.reserve(req.assignments.size());
  for (const auto& a : req.assignments) sync.assignments.emplace_back(std::string(a.member_id), std::string(as_string(a.assignment)));

  const SyncResult synced = co_await ctx.groups().sync(std::move(sync));

  auto& arena = ctx.arena();
  response.error_code = synced.error;
  response.protocol_type = borrowed(arena, synced.protocol_type);
  response.protocol_name = borrowed(arena, synced.protocol_name);
  response.assignment = borrowed_bytes(arena, synced.assignment);
  co_return response;
}

}  // namespace moldau::server
