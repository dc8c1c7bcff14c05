// java.util.UUID's text: 8-4-4-4-12 hexadecimal digits. Member ids end with it.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "protocol/base/uuid.h"

namespace moldau::server {

inline std::string java_uuid_text(const Uuid& id) {
  char text[37];
  std::snprintf(text, sizeof text, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, id.high >> 32, (id.high >> 16) & 0xffff,
                id.high & 0xffff, id.low >> 48, id.low & std::uint64_t{0xffffffffffff});
  return text;
}

}  // namespace moldau::server
