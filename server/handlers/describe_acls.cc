// DescribeAcls (key 29, v0-3). Without an authorizer, as on every broker that has none configured: SECURITY_DISABLED. Kafka 3.9 AclApis.handleDescribeAcls.
#include "protocol/messages/describe_acls.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DescribeAclsResponse> handle_describe_acls(RequestContext&, const protocol::DescribeAclsRequest&) {
  protocol::DescribeAclsResponse response;
  response.error_code = ErrorCode::security_disabled;
  response.error_message = "No Authorizer is configured on the broker";
  co_return response;
}

}  // namespace moldau::server
