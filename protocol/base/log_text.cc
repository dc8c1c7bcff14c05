#include "protocol/base/log_text.h"

namespace moldau {
namespace {

/// Bytes of the well-formed UTF-8 character at the front (RFC 3629), 0 when there is none or it is a control character.
std::size_t printable_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) && !(first == 0xC2 && byte(1) < 0xA0) ? 2 : 0;  // U+0080 to U+009F are controls
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2) || (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    const bool direction =
        first == 0xE2 && ((byte(1) == 0x80 && byte(2) >= 0xA8 && byte(2) <= 0xAE) || (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9));
    return direction ? 0 : 3;  // line separators and what turns the direction of writing
  }
  if (first >= 0xF0 && first <= 0xF4)
    return follows(1) && follows(2) && follows(3) && !(first == 0xF0 && byte(1) < 0x90) && !(first == 0xF4 && byte(1) > 0x8F) ? 4 : 0;
  return 0;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, std::size_t limit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::size_t at = 0;
  while (at < text.size() && at < limit) {
    if (const auto length = printable_length(text.substr(at)); length > 0) {
      out.append(text.substr(at, length));
      at += length;
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[at++]);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 0xF];
  }
  if (at < text.size()) out += fmt::format("...({} bytes)", text.size());
}

}  // namespace moldau
