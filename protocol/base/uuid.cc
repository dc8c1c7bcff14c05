#include "protocol/base/uuid.h"

#include "protocol/base/random.h"

namespace moldau {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

/// Bit group `index` (6 bits each, most significant first) of the 128 bits followed by 4 zero bits.
unsigned sextet(const Uuid& id, std::size_t index) {
  unsigned value = 0;
  for (std::size_t bit = index * 6; bit < index * 6 + 6; ++bit) {
    unsigned one = 0;
    if (bit < 64) {
      one = static_cast<unsigned>(id.high >> (63 - bit)) & 1U;
    } else if (bit < 128) {
      one = static_cast<unsigned>(id.low >> (127 - bit)) & 1U;
    }
    value = value << 1 | one;
  }
  return value;
}

}  // namespace

std::string Uuid::to_string() const {
  std::string text(kTextLength, 'A');
  for (std::size_t i = 0; i < kTextLength; ++i) text[i] = kAlphabet[sextet(*this, i)];
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid id;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    const auto value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    for (std::size_t b = 0; b < 6; ++b) {
      const std::size_t bit = i * 6 + b;
      const std::uint64_t one = value >> (5 - b) & 1U;
      if (bit < 64) {
        id.high |= one << (63 - bit);
      } else if (bit < 128) {
        id.low |= one << (127 - bit);
      }
    }
  }
  return id;
}

Uuid Uuid::make_random(Random& random) {
  for (;;) {
    Uuid id{random.next(), random.next()};
    id.high = (id.high & ~0xf000ULL) | 0x4000ULL;
    id.low = (id.low & ~(3ULL << 62)) | (2ULL << 62);
    if (id.to_string()[0] != '-') return id;
  }
}

}  // namespace moldau
