// CreateAcls (key 30, v0-3). Without an authorizer each is refused with SECURITY_DISABLED. Kafka 3.9 AclApis.handleCreateAcls.
#include "protocol/messages/create_acls.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::CreateAclsResponse> handle_create_acls(RequestContext& ctx, const protocol::CreateAclsRequest& req) {
  protocol::CreateAclsResponse response;
  for (std::size_t i = 0; i < req.creations.size(); ++i) {
    auto& result = response.results.add(ctx.arena());
    result.error_code = ErrorCode::security_disabled;
    result.error_message = "No Authorizer is configured.";
  }
  co_return response;
}

}  // namespace moldau::server
