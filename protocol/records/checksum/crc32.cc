#include "protocol/records/checksum/crc32.h"

#include <isa-l/crc.h>

namespace moldau::protocol {

std::uint32_t crc32(Bytes data) noexcept {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

}  // namespace moldau::protocol
