// How long Java says a text is: limits of Apache Kafka on texts count UTF-16 units.
#pragma once

#include <cstddef>
#include <string_view>

namespace moldau::server {

/// String.length() of UTF-8 text.
inline std::size_t java_length(std::string_view utf8) noexcept {
  std::size_t units = 0;
  for (const char c : utf8) {
    const auto b = static_cast<unsigned char>(c);
    if ((b & 0xc0) != 0x80) units += b >= 0xf0 ? 2 : 1;
  }
  return units;
}

}  // namespace moldau::server
