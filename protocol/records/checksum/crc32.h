// CRC-32 (IEEE 802.3), the checksum of messages of magic 0 and 1 and of gzip.
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau::protocol {

[[nodiscard]] std::uint32_t crc32(Bytes data) noexcept;

}  // namespace moldau::protocol
