// A frame as a connection gets it, without its length: header, then the body of the API and version that the header names.

#include <cstddef>
#include <cstdint>

#include "protocol/wire/headers.h"
#include "tests/fuzz/message_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moldau::protocol;
  Reader r({reinterpret_cast<const std::byte*>(data), size});
  const auto head = decode_request_header(r);
  if (!head || head->api == nullptr) return 0;
  for (const MessageEntry& entry : all_messages())
    if (entry.kind == MessageKind::request && entry.api_key == head->api_key) check_message(entry, head->api_version, r.rest());
  return 0;
}
