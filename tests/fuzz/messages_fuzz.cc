// Every message in every version: byte 0 chooses the message, byte 1 the version, the rest is the body.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/message_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moldau::protocol;
  if (size < 2) return 0;
  const auto messages = all_messages();
  const MessageEntry& entry = messages[data[0] % messages.size()];
  const int span = entry.max_version - entry.min_version + 1;
  const auto version = static_cast<std::int16_t>(entry.min_version + data[1] % span);
  check_message(entry, version, {reinterpret_cast<const std::byte*>(data) + 2, size - 2});
  return 0;
}
