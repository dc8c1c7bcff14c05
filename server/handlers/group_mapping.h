// What the handlers of the group APIs share: texts between the wire and the coordinator, and names of topics that come by id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/base/uuid.h"

namespace moldau::server {

inline std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  if (!text) return std::nullopt;
  return std::string(*text);
}

inline std::optional<std::string_view> borrowed(Arena& arena, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return arena.dup(std::string_view(*text));
}

inline Bytes borrowed_bytes(Arena& arena, const std::string& bytes) { return arena.dup(as_bytes(bytes)); }

/// An address as Java's InetAddress.toString writes it, which is what group members carry: "/127.0.0.1", "/0:0:0:0:0:0:0:1".
std::string java_client_host(std::string_view host);

/// Operations on a group that Kafka names when nobody is refused anything: READ, DELETE, DESCRIBE as bits.
inline constexpr std::int32_t kAllGroupOperations = 1 << 3 | 1 << 6 | 1 << 8;

}  // namespace moldau::server
