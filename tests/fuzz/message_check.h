// What must hold for any bytes given to a message's decoder.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "protocol/base/bytes.h"
#include "protocol/messages/message_table.h"

namespace moldau::protocol {

/// Either an error, or a message that encodes to as many bytes as it said and comes back the same.
inline void check_message(const MessageEntry& entry, std::int16_t version, Bytes body) {
  ByteBuffer out;
  const auto result = entry.round_trip(body, version, out);
  if (!result) return;
  // NaN differs from itself.
  const bool equal = result->equal_to_itself || result->text.find("nan") != std::string::npos;
  if (result->consumed <= body.size() && result->encodable && result->encoded_size == out.size() && equal) return;
  std::fprintf(stderr, "%.*s version %d: consumed %zu of %zu, encodable %d, said %zu, wrote %zu, equal %d\n%s\n", static_cast<int>(entry.name.size()),
               entry.name.data(), version, result->consumed, body.size(), result->encodable, result->encoded_size, out.size(), equal,
               result->text.c_str());
  std::abort();
}

}  // namespace moldau::protocol
