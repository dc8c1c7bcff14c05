#include "server/handlers/group_mapping.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdio>

namespace moldau::server {

std::string java_client_host(std::string_view host) {
  std::string text(host);
  const auto zone = text.find('%');
  std::string scope;
  if (zone != std::string::npos) {
    scope = text.substr(zone);
    text.resize(zone);
  }
  in6_addr v6{};
  if (text.find(':') == std::string::npos || ::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return "/" + std::string(host);
  std::string out = "/";
  for (int i = 0; i < 8; ++i) {
    char group[8];
    std::snprintf(group, sizeof group, i == 0 ? "%x" : ":%x", v6.s6_addr[2 * i] << 8 | v6.s6_addr[2 * i + 1]);
    out += group;
  }
  return out + scope;
}

}  // namespace moldau::server
