// The codecs: the first byte picks one, the rest is its input.
#include <cstddef>
#include <cstdint>

#include "protocol/records/compression/compression.h"

using namespace moldau;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::size_t bound = 1 << 20;
  const auto codec = static_cast<protocol::Codec>(data[0] % 5);
  const std::int8_t magic = (data[0] & 0x80) != 0 ? 0 : 2;
  const Bytes input(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  protocol::ByteBuffer out;
  if (protocol::decompress(codec, input, out, bound, magic)) {
    if (out.size() > bound) __builtin_trap();
    // What came out survives a round trip.
    protocol::ByteBuffer packed, back;
    if (!protocol::compress({codec, protocol::kDefaultLevel, magic}, out.bytes(), packed)) __builtin_trap();
    if (!protocol::decompress(codec, packed.bytes(), back, bound, magic)) __builtin_trap();
    if (as_string(back.bytes()) != as_string(out.bytes())) __builtin_trap();
  }
  return 0;
}
