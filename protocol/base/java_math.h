// Java's arithmetic on long: it wraps, where C++ leaves a signed overflow undefined. For numbers that a client or a disk chose.
#pragma once

#include <cstdint>

namespace moldau {

constexpr std::int64_t wrapping_plus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

constexpr std::int64_t wrapping_minus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

}  // namespace moldau
