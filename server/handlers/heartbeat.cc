// Heartbeat (key 12, v0-4): keeps a member of a classic group alive. v3 static members (KIP-345).
#include "protocol/messages/heartbeat.h"

#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::HeartbeatResponse> handle_heartbeat(RequestContext& ctx, const protocol::HeartbeatRequest& req) {
  HeartbeatQuery beat;
  beat.group_id = req.group_id;
  beat.member_id = req.member_id;
  beat.group_instance_id = req.group_instance_id;
  beat.generation = req.generation_id;
  protocol::HeartbeatResponse response;
  response.error_code = ctx.groups().heartbeat(beat);
  co_return response;
}

}  // namespace moldau::server
