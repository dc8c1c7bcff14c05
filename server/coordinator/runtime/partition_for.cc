#include "server/coordinator/runtime/partition_for.h"

namespace moldau::server {

std::int32_t java_string_hash(std::string_view text) noexcept {
  std::uint32_t h = 0;
  const auto unit = [&](std::uint32_t u) { h = 31 * h + u; };
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  for (std::size_t i = 0; i < text.size();) {
    const auto b = byte(i);
    if (b < 0x80) {
      unit(b);
      i += 1;
    } else if (b >= 0xc2 && b < 0xe0 && continues(i + 1)) {
      unit((b & 0x1f) << 6 | (byte(i + 1) & 0x3f));
      i += 2;
    } else if (b >= 0xe0 && b < 0xf0 && continues(i + 1) && continues(i + 2)) {
      unit((b & 0x0f) << 12 | (byte(i + 1) & 0x3f) << 6 | (byte(i + 2) & 0x3f));
      i += 3;
    } else if (b >= 0xf0 && b < 0xf5 && continues(i + 1) && continues(i + 2) && continues(i + 3)) {
      const auto point = ((b & 0x07) << 18 | (byte(i + 1) & 0x3f) << 12 | (byte(i + 2) & 0x3f) << 6 | (byte(i + 3) & 0x3f)) - 0x10000;
      unit(0xd800 + (point >> 10));
      unit(0xdc00 + (point & 0x3ff));
      i += 4;
    } else {
      unit(0xfffd);  // Java decodes what is no UTF-8 to the replacement character
      i += 1;
    }
  }
  return static_cast<std::int32_t>(h);
}

}  // namespace moldau::server
