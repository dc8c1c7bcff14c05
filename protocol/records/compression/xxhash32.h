// XXH32, the checksum of LZ4 frames.
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau::protocol {

inline std::uint32_t xxhash32(Bytes data, std::uint32_t seed = 0) noexcept {
  constexpr std::uint32_t p1 = 2654435761U, p2 = 2246822519U, p3 = 3266489917U, p4 = 668265263U, p5 = 374761393U;
  const auto load = [](const std::byte* p) {
    const auto v = load_be<std::uint32_t>(p);
    return byteswap(v);
  };
  const std::byte* p = data.data();
  const std::byte* const end = p + data.size();
  std::uint32_t h = seed + p5;
  if (data.size() >= 16) {
    std::uint32_t lane[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    for (; end - p >= 16; p += 16)
      for (std::size_t i = 0; i < 4; ++i) lane[i] = std::rotl(lane[i] + load(p + 4 * i) * p2, 13) * p1;
    h = std::rotl(lane[0], 1) + std::rotl(lane[1], 7) + std::rotl(lane[2], 12) + std::rotl(lane[3], 18);
  }
  h += static_cast<std::uint32_t>(data.size());
  for (; end - p >= 4; p += 4) h = std::rotl(h + load(p) * p3, 17) * p4;
  for (; p != end; ++p) h = std::rotl(h + std::to_integer<std::uint32_t>(*p) * p5, 11) * p1;
  h = (h ^ (h >> 15)) * p2;
  h = (h ^ (h >> 13)) * p3;
  return h ^ (h >> 16);
}

}  // namespace moldau::protocol
