// DescribeConfigs (key 32, v0-4): keys of topics, brokers and broker loggers. v1 sources and synonyms, v3 types and documentation. Kafka 3.9 ConfigHelper.
#include "protocol/messages/describe_configs.h"

#include <optional>
#include <set>
#include <string>

#include "server/handlers/config_alteration.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

using protocol::DescribeConfigsRequest;
using protocol::DescribeConfigsResponse;

void write(RequestContext& ctx, const DescribeConfigsRequest& req, const config::ConfigEntry& from, DescribeConfigsResponse::DescribeConfigsResourceResult& to) {
  auto& arena = ctx.arena();
  to.name = arena.dup(from.name);
  to.value = borrowed(arena, from.value);
  to.read_only = from.read_only;
  to.is_default = false;  // Kafka 3.9 never says so in v0, the only version that asks
  to.config_source = static_cast<std::int8_t>(from.source);
  to.is_sensitive = from.sensitive;
  to.config_type = from.type;
  to.documentation.reset();
  if (req.include_documentation && !from.documentation.empty()) to.documentation = arena.dup(from.documentation);
  if (!req.include_synonyms) return;
  for (const auto& s : from.synonyms) {
    auto& synonym = to.synonyms.add(arena);
    synonym.name = arena.dup(s.name);
    synonym.value = borrowed(arena, s.value);
    synonym.source = static_cast<std::int8_t>(s.source);
  }
}

}  // namespace

Awaitable<DescribeConfigsResponse> handle_describe_configs(RequestContext& ctx, const DescribeConfigsRequest& req) {
  auto& arena = ctx.arena();
  DescribeConfigsResponse response;
  response.results.reserve(arena, req.resources.size());
  for (const auto& asked : req.resources) {
    const auto resource = resource_of(asked);
    std::optional<std::set<std::string, std::less<>>> keys;
    if (asked.configuration_keys) keys.emplace(asked.configuration_keys->begin(), asked.configuration_keys->end());
    const auto entries = ctx.configs().describe(resource, keys);
    auto& to = response.results.add(arena);
    to.resource_type = asked.resource_type;
    to.resource_name = arena.dup(asked.resource_name);
    to.error_message = "";
    if (!entries) {
      to.error_code = entries.error().code;
      to.error_message = arena.dup(entries.error().message);
      continue;
    }
    to.configs.reserve(arena, entries->size());
    for (const auto& e : *entries) write(ctx, req, e, to.configs.add(arena));
  }
  co_return response;
}

}  // namespace moldau::server
