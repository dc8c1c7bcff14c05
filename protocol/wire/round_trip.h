// Decode and encode of one message type, for the table of all messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/arena.h"
#include "protocol/messages/message_table.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

namespace moldau::protocol {

template <class M>
Result<RoundTrip> round_trip(Bytes in, std::int16_t version, ByteBuffer& out) {
  Arena arena;
  Reader r(in);
  M message;
  if (Status s = message.decode(r, version, arena); !s) return s.error();
  RoundTrip result;
  result.consumed = r.position();
  result.encodable = static_cast<bool>(message.check_encodable(version));
  result.encoded_size = message.encoded_size(version);
  const std::size_t start = out.size();
  Writer w(out);
  message.encode(w, version);
  Reader again(out.bytes().subspan(start));
  M copy;
  result.equal_to_itself = static_cast<bool>(copy.decode(again, version, arena)) && again.remaining() == 0 && copy == message;
  result.text = to_string(message);
  return result;
}

}  // namespace moldau::protocol
