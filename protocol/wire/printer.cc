#include "protocol/wire/printer.h"

#include <array>
#include <charconv>

namespace moldau::protocol {

void Printer::begin(std::string_view name) {
  if (!first_) out_ += ", ";
  first_ = false;
  out_ += name;
  out_ += '=';
}

void Printer::value(std::int64_t v) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), v);
  out_.append(text.data(), end.ptr);
}

void Printer::value(double v) {
  std::array<char, 40> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), v);
  out_.append(text.data(), end.ptr);
}

void Printer::value(ErrorCode v) {
  const auto name = to_string(v);
  out_ += name;
  if (name == "UNKNOWN") {
    out_ += '(';
    value(static_cast<std::int64_t>(v));
    out_ += ')';
  }
}

void Printer::value(const Uuid& v) { out_ += v.to_string(); }

// Quoted; control characters and quotes from a client must not forge log lines.
void Printer::value(std::string_view v) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '\'';
  for (const char c : v) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x20 || b == 0x7f) {
      out_ += "\\x";
      out_ += kHex[b >> 4];
      out_ += kHex[b & 15];
    } else {
      if (c == '\'' || c == '\\') out_ += '\\';
      out_ += c;
    }
  }
  out_ += '\'';
}

void Printer::value(Bytes v) {
  out_ += '<';
  value(static_cast<std::int64_t>(v.size()));
  out_ += " bytes>";
}

void Printer::value(const Records& v) {
  if (v.null) {
    out_ += "null";
    return;
  }
  out_ += '<';
  value(static_cast<std::int64_t>(v.size()));
  out_ += v.external != 0 ? " bytes of a file>" : " bytes>";
}

}  // namespace moldau::protocol
