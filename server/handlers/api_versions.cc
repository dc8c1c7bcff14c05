// ApiVersions (key 18, v0-4): which APIs are served, in which versions (KIP-35, KIP-511, KIP-584).
#include "server/handlers/handlers.h"
#include "server/handlers/registry.h"

#include <algorithm>
#include <cctype>

#include "protocol/messages/api_versions.h"

namespace moldau::server {
namespace {

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?` (Kafka 3.9 ApiVersionsRequest.isValid).
bool valid_software_text(std::string_view text) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (text.empty() || !alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

}  // namespace

Awaitable<protocol::ApiVersionsResponse> handle_api_versions(RequestContext& ctx, const protocol::ApiVersionsRequest& req) {
  protocol::ApiVersionsResponse response;
  if (ctx.api_version >= 3) {
    if (!valid_software_text(req.client_software_name) || !valid_software_text(req.client_software_version)) {
      response.error_code = ErrorCode::invalid_request;
      co_return response;
    }
    ctx.connection().client_software_name = req.client_software_name;
    ctx.connection().client_software_version = req.client_software_version;
  }
  const auto rows = api_rows();
  response.api_keys.reserve(ctx.arena(), rows.size());
  for (const auto& row : rows) {
    auto& api = response.api_keys.add(ctx.arena());
    api.api_key = static_cast<std::int16_t>(row.key);
    api.min_version = row.min_version;
    api.max_version = row.max_version;
  }
  co_return response;
}

}  // namespace moldau::server
