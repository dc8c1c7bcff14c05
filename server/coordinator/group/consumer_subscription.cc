#include "server/coordinator/group/consumer_subscription.h"

#include <cstdint>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/messages/consumer_protocol.h"
#include "protocol/wire/reader.h"

namespace moldau::server {

std::optional<std::vector<std::string>> subscribed_topics_of(std::string_view metadata) {
  protocol::Reader r(as_bytes(metadata));
  const auto version = r.integer<std::int16_t>();
  if (!r.ok() || version < 0) return std::nullopt;
  Arena arena;
  protocol::ConsumerProtocolSubscription subscription;
  if (!subscription.decode(r, 0, arena)) return std::nullopt;
  return std::vector<std::string>(subscription.topics.begin(), subscription.topics.end());
}

}  // namespace moldau::server
