#include "protocol/base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace moldau {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reflected

using SlicingTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr SlicingTables make_tables() {
  SlicingTables t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c >> 1) ^ ((c & 1U) != 0 ? kPolynomial : 0);
    t[0][i] = c;
  }
  for (std::size_t s = 1; s < 8; ++s)
    for (std::size_t i = 0; i < 256; ++i) t[s][i] = (t[s - 1][i] >> 8) ^ t[0][t[s - 1][i] & 0xFF];
  return t;
}
constexpr SlicingTables kTables = make_tables();

template <class T>
T load_le(const std::byte* p) noexcept {
  T v;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::big ? byteswap(v) : v;
}

std::uint32_t update_portable(std::uint32_t crc, const std::byte* p, std::size_t n) noexcept {
  for (; n >= 8; p += 8, n -= 8) {
    const auto lo = load_le<std::uint32_t>(p) ^ crc;
    const auto hi = load_le<std::uint32_t>(p + 4);
    crc = kTables[7][lo & 0xFF] ^ kTables[6][(lo >> 8) & 0xFF] ^ kTables[5][(lo >> 16) & 0xFF] ^ kTables[4][lo >> 24] ^
          kTables[3][hi & 0xFF] ^ kTables[2][(hi >> 8) & 0xFF] ^ kTables[1][(hi >> 16) & 0xFF] ^ kTables[0][hi >> 24];
  }
  for (; n > 0; ++p, --n) crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(*p)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)

// x^n mod P in the reflected representation.
constexpr std::uint32_t x_power(std::size_t n) {
  std::uint32_t v = 0x80000000;
  for (; n > 0; --n) v = (v >> 1) ^ ((v & 1U) != 0 ? kPolynomial : 0);
  return v;
}
// Multiplying by this constant and feeding the product through one 8-byte CRC step moves a CRC `bytes` bytes ahead.
constexpr std::uint32_t shift_constant(std::size_t bytes) { return x_power(bytes * 8 - 33); }

__attribute__((target("sse4.2,pclmul"))) inline std::uint64_t carryless_multiply(std::uint32_t a, std::uint32_t b) noexcept {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(static_cast<int>(a)), _mm_cvtsi32_si128(static_cast<int>(b)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

// The crc32 instruction has a latency of three cycles and a throughput of one: three lanes of Lane bytes run interleaved; the first two are
// then moved ahead and merged into the last word of the third.
template <std::size_t Lane>
__attribute__((target("sse4.2,pclmul"))) inline void run_lanes(std::uint64_t& crc, const std::byte*& p, std::size_t& n) noexcept {
  static_assert(Lane % 8 == 0);
  constexpr std::uint32_t k_first = shift_constant(Lane * 2);
  constexpr std::uint32_t k_second = shift_constant(Lane);
  while (n >= 3 * Lane) {
    std::uint64_t a = crc;
    std::uint64_t b = 0;
    std::uint64_t c = 0;
    const std::byte* q = p;
    for (std::size_t i = 8; i < Lane; i += 8, q += 8) {
      a = _mm_crc32_u64(a, load_le<std::uint64_t>(q));
      b = _mm_crc32_u64(b, load_le<std::uint64_t>(q + Lane));
      c = _mm_crc32_u64(c, load_le<std::uint64_t>(q + 2 * Lane));
    }
    a = _mm_crc32_u64(a, load_le<std::uint64_t>(q));
    b = _mm_crc32_u64(b, load_le<std::uint64_t>(q + Lane));
    const std::uint64_t merged = carryless_multiply(static_cast<std::uint32_t>(a), k_first) ^ carryless_multiply(static_cast<std::uint32_t>(b), k_second);
    crc = _mm_crc32_u64(c, load_le<std::uint64_t>(q + 2 * Lane) ^ merged);
    p += 3 * Lane;
    n -= 3 * Lane;
  }
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t update_hardware(std::uint32_t start, const std::byte* p, std::size_t n) noexcept {
  std::uint64_t crc = start;
  run_lanes<1360>(crc, p, n);
  run_lanes<168>(crc, p, n);
  for (; n >= 8; p += 8, n -= 8) crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(p));
  auto tail = static_cast<std::uint32_t>(crc);
  for (; n > 0; ++p, --n) tail = _mm_crc32_u8(tail, std::to_integer<std::uint8_t>(*p));
  return tail;
}

const bool kHasHardware = __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;

#endif

}  // namespace

std::uint32_t crc32c(Bytes data, std::uint32_t previous) noexcept {
#if defined(__x86_64__)
  if (kHasHardware) [[likely]] return ~update_hardware(~previous, data.data(), data.size());
#endif
  return crc32c_portable(data, previous);
}

std::uint32_t crc32c_portable(Bytes data, std::uint32_t previous) noexcept { return ~update_portable(~previous, data.data(), data.size()); }

}  // namespace moldau
