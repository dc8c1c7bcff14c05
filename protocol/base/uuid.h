// Kafka's Uuid: 16 bytes, big-endian halves; text is URL-safe base64 without padding, 22 characters.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace moldau {

class Random;

struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) noexcept = default;
  [[nodiscard]] constexpr bool is_zero() const noexcept { return high == 0 && low == 0; }
  /// 22 characters, as in znodes, partition.metadata and logs.
  [[nodiscard]] std::string to_string() const;
  /// Reads the 22-character form; nothing on any other text.
  static std::optional<Uuid> parse(std::string_view text);
  /// A random version 4 uuid that is none of Kafka's reserved ones and does not begin with '-' (Kafka 3.9 Uuid.randomUuid).
  static Uuid make_random(Random& random);
};

inline std::string to_string(const Uuid& id) { return id.to_string(); }

}  // namespace moldau

template <>
struct std::hash<moldau::Uuid> {
  std::size_t operator()(const moldau::Uuid& u) const noexcept {
    return std::hash<std::uint64_t>{}(u.high * 0x9e3779b97f4a7c15ULL ^ u.low);
  }
};
