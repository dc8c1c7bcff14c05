// CRC-32C (Castagnoli), the checksum of record batches, producer snapshots and more.
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau {

/// The checksum of `data`, or of what `previous` covers followed by `data`. Uses SSE4.2 and PCLMULQDQ where the processor has them.
[[nodiscard]] std::uint32_t crc32c(Bytes data, std::uint32_t previous = 0) noexcept;

/// The same without special instructions; the fallback, and what tests compare with.
[[nodiscard]] std::uint32_t crc32c_portable(Bytes data, std::uint32_t previous = 0) noexcept;

}  // namespace moldau
