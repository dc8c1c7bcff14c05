// Kafka's variable-length integers: 7 bits a byte, low group first; varint and varlong are zig-zag coded.
//
// Readers take a range and return the position behind the number, or nullptr when the bytes end too early or the number is
// longer than 5 (10) bytes. Like Kafka 3.9 ByteUtils they ignore the bits of the last byte that do not fit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau {

inline constexpr std::size_t kMaxVarintSize = 5;
inline constexpr std::size_t kMaxVarlongSize = 10;

constexpr std::uint32_t zigzag_encode(std::int32_t v) noexcept {
  return (static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31);
}
constexpr std::uint64_t zigzag_encode(std::int64_t v) noexcept {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int32_t zigzag_decode(std::uint32_t v) noexcept { return static_cast<std::int32_t>((v >> 1) ^ (~(v & 1U) + 1U)); }
constexpr std::int64_t zigzag_decode(std::uint64_t v) noexcept { return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1U) + 1U)); }

/// Bytes that the number takes.
constexpr std::size_t unsigned_varint_size(std::uint64_t v) noexcept {
  std::size_t n = 1;
  while (v >= 0x80) {
    v >>= 7;
    ++n;
  }
  return n;
}
constexpr std::size_t varint_size(std::int32_t v) noexcept { return unsigned_varint_size(zigzag_encode(v)); }
constexpr std::size_t varlong_size(std::int64_t v) noexcept { return unsigned_varint_size(zigzag_encode(v)); }

/// REQUIRES: kMaxVarintSize (kMaxVarlongSize) bytes at p, or as many as the number takes. Returns the end.
inline std::byte* write_unsigned_varint(std::byte* p, std::uint64_t v) noexcept {
  while (v >= 0x80) {
    *p++ = static_cast<std::byte>((v & 0x7F) | 0x80);
    v >>= 7;
  }
  *p++ = static_cast<std::byte>(v);
  return p;
}
inline std::byte* write_varint(std::byte* p, std::int32_t v) noexcept { return write_unsigned_varint(p, zigzag_encode(v)); }
inline std::byte* write_varlong(std::byte* p, std::int64_t v) noexcept { return write_unsigned_varint(p, zigzag_encode(v)); }

/// Reads an unsigned varint of at most 32 bits from [p, end).
[[nodiscard]] inline const std::byte* read_unsigned_varint(const std::byte* p, const std::byte* end, std::uint32_t& out) noexcept {
  if (p != end) [[likely]] {
    const auto first = std::to_integer<std::uint32_t>(*p);
    if (first < 0x80) [[likely]] {
      out = first;
      return p + 1;
    }
    if (end - p >= 2) [[likely]] {
      const auto second = std::to_integer<std::uint32_t>(p[1]);
      if (second < 0x80) [[likely]] {
        out = (first & 0x7F) | second << 7;
        return p + 2;
      }
    }
  }
  std::uint32_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (p == end) return nullptr;
    const auto b = std::to_integer<std::uint32_t>(*p++);
    value |= (b & 0x7F) << shift;
    if (b < 0x80) {
      out = value;
      return p;
    }
  }
  return nullptr;
}

/// Reads an unsigned varint of at most 64 bits from [p, end).
[[nodiscard]] inline const std::byte* read_unsigned_varlong(const std::byte* p, const std::byte* end, std::uint64_t& out) noexcept {
  if (end - p >= 3) [[likely]] {
    const auto first = std::to_integer<std::uint64_t>(p[0]);
    if (first < 0x80) {
      out = first;
      return p + 1;
    }
    const auto second = std::to_integer<std::uint64_t>(p[1]);
    if (second < 0x80) {
      out = (first & 0x7F) | second << 7;
      return p + 2;
    }
    const auto third = std::to_integer<std::uint64_t>(p[2]);
    if (third < 0x80) {
      out = (first & 0x7F) | (second & 0x7F) << 7 | third << 14;
      return p + 3;
    }
  }
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (p == end) return nullptr;
    const auto b = std::to_integer<std::uint64_t>(*p++);
    value |= (b & 0x7F) << shift;
    if (b < 0x80) {
      out = value;
      return p;
    }
  }
  return nullptr;
}

[[nodiscard]] inline const std::byte* read_varint(const std::byte* p, const std::byte* end, std::int32_t& out) noexcept {
  std::uint32_t raw = 0;
  p = read_unsigned_varint(p, end, raw);
  out = zigzag_decode(raw);
  return p;
}
[[nodiscard]] inline const std::byte* read_varlong(const std::byte* p, const std::byte* end, std::int64_t& out) noexcept {
  std::uint64_t raw = 0;
  p = read_unsigned_varlong(p, end, raw);
  out = zigzag_decode(raw);
  return p;
}

}  // namespace moldau
