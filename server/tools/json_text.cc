#include "server/tools/json_text.h"

#include <fmt/format.h>

#include "server/tools/java_text.h"

namespace moldau::server::tools {

void JsonText::value(std::string_view v) {
  separate();
  quoted(java_utf8(as_bytes(v)));
}

void JsonText::value(Bytes v) {
  separate();
  quoted(base64(v));
}

void JsonText::quoted(std::string_view text) {
  text_ += '"';
  for (const char c : text) {
    switch (c) {
      case '"': text_ += "\\\""; break;
      case '\\': text_ += "\\\\"; break;
      case '\b': text_ += "\\b"; break;
      case '\f': text_ += "\\f"; break;
      case '\n': text_ += "\\n"; break;
      case '\r': text_ += "\\r"; break;
      case '\t': text_ += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          text_ += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        else
          text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace moldau::server::tools
