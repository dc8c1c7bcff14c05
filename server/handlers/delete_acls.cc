// DeleteAcls (key 31, v0-3). Without an authorizer each filter is refused with SECURITY_DISABLED. Kafka 3.9 AclApis.handleDeleteAcls.
#include "protocol/messages/delete_acls.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteAclsResponse> handle_delete_acls(RequestContext& ctx, const protocol::DeleteAclsRequest& req) {
  protocol::DeleteAclsResponse response;
  for (std::size_t i = 0; i < req.filters.size(); ++i) {
    auto& result = response.filter_results.add(ctx.arena());
    result.error_code = ErrorCode::security_disabled;
    result.error_message = "No Authorizer is configured.";
  }
  co_return response;
}

}  // namespace moldau::server
