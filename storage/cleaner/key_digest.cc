#include "storage/cleaner/key_digest.h"

#include <bit>
#include <cstring>

namespace moldau::storage {
namespace {

/// SipHash reads and writes little-endian numbers.
std::uint64_t load_le(const std::byte* p) noexcept {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::little ? v : byteswap(v);
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int n) noexcept {
    for (int i = 0; i < n; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  [[nodiscard]] std::uint64_t folded() const noexcept { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

KeyDigest digest_of(Bytes key, const HashSecret& secret) noexcept {
  State s{secret.k0 ^ 0x736f6d6570736575ULL, secret.k1 ^ 0x646f72616e646f6dULL ^ 0xee, secret.k0 ^ 0x6c7967656e657261ULL, secret.k1 ^ 0x7465646279746573ULL};
  const std::byte* p = key.data();
  std::size_t left = key.size();
  for (; left >= 8; left -= 8, p += 8) s.take(load_le(p));
  std::uint64_t last = static_cast<std::uint64_t>(key.size()) << 56;
  for (std::size_t i = 0; i < left; ++i) last |= std::to_integer<std::uint64_t>(p[i]) << (8 * i);
  s.take(last);
  s.v2 ^= 0xee;
  s.rounds(4);
  KeyDigest digest;
  digest.high = s.folded();
  s.v1 ^= 0xdd;
  s.rounds(4);
  digest.low = s.folded();
  return digest;
}

}  // namespace moldau::storage
