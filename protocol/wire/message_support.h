// What generated messages share: their errors and their printing. For generated sources only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/wire/printer.h"
#include "protocol/wire/reader.h"

namespace moldau::protocol {

Status unsupported_version(const char* message, std::int16_t version);
Status field_not_in_version(const char* field, std::int16_t version);
Status malformed(const Reader& r, const char* message, std::int16_t version);
inline Status decoded(const Reader& r, const char* message, std::int16_t version) {
  if (r.ok()) [[likely]]
    return {};
  return malformed(r, message, version);
}

inline bool same_bytes(Bytes a, Bytes b) { return std::ranges::equal(a, b); }
inline bool same_bytes(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
  return a.has_value() == b.has_value() && (!a || std::ranges::equal(*a, *b));
}

template <class M>
std::string print_message(const M& message) {
  std::string out;
  Printer p(out);
  message.print(p);
  return out;
}

}  // namespace moldau::protocol
