#include "server/tools/java_text.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

namespace moldau::server::tools {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_continuation(unsigned char b) { return (b & 0xC0) == 0x80; }

/// Whether `second` can follow `first` in a sequence of three bytes.
bool fits_three(unsigned char first, unsigned char second) { return is_continuation(second) && !(first == 0xE0 && (second & 0xE0) == 0x80); }

/// Whether `second` can follow `first` in a sequence of four bytes.
bool fits_four(unsigned char first, unsigned char second) {
  return is_continuation(second) && !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second > 0x8F);
}

/// Bytes at the start of `s` that make one character, or one malformed piece.
struct Piece {
  std::size_t size;
  bool valid;
};

Piece three(std::string_view s) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  if (s.size() < 2) return {1, false};
  if (!fits_three(at(0), at(1))) return {1, false};
  if (s.size() < 3 || !is_continuation(at(2))) return {2, false};
  return {3, !(at(0) == 0xED && at(1) >= 0xA0)};  // a surrogate goes as a whole
}

Piece four(std::string_view s) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  if (at(0) > 0xF4 || s.size() < 2 || !fits_four(at(0), at(1))) return {1, false};
  if (s.size() < 3 || !is_continuation(at(2))) return {2, false};
  if (s.size() < 4 || !is_continuation(at(3))) return {3, false};
  return {4, true};
}

Piece first_piece(std::string_view s) {
  const auto first = static_cast<unsigned char>(s[0]);
  if (first < 0x80) return {1, true};
  if (first >= 0xC2 && first <= 0xDF) {
    const bool valid = s.size() > 1 && is_continuation(static_cast<unsigned char>(s[1]));
    return {valid ? std::size_t{2} : std::size_t{1}, valid};
  }
  if ((first & 0xF0) == 0xE0) return three(s);
  if ((first & 0xF8) == 0xF0) return four(s);
  return {1, false};
}

/// The code point of a valid piece.
std::uint32_t code_point(std::string_view piece) {
  const auto first = static_cast<unsigned char>(piece[0]);
  std::uint32_t code = piece.size() == 1 ? first : first & (0xFFu >> (piece.size() + 1));
  for (const char c : piece.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return code;
}

}  // namespace

std::string java_utf8(Bytes bytes) {
  std::string text;
  auto rest = as_string(bytes);
  text.reserve(rest.size());
  while (!rest.empty()) {
    const auto piece = first_piece(rest);
    text += piece.valid ? rest.substr(0, piece.size) : kReplacement;
    rest.remove_prefix(piece.size);
  }
  return text;
}

std::int32_t java_hash(std::string_view utf8) {
  std::uint32_t hash = 0;
  while (!utf8.empty()) {
    const auto piece = first_piece(utf8);
    const auto code = piece.valid ? code_point(utf8.substr(0, piece.size)) : 0xFFFDu;
    if (code >= 0x10000) {
      hash = 31 * hash + (0xD800u + ((code - 0x10000) >> 10));
      hash = 31 * hash + (0xDC00u + ((code - 0x10000) & 0x3FFu));
    } else {
      hash = 31 * hash + code;
    }
    utf8.remove_prefix(piece.size);
  }
  return static_cast<std::int32_t>(hash);
}

std::int32_t java_hash(std::string_view topic, std::int32_t partition) {
  return static_cast<std::int32_t>(31 * (31 + static_cast<std::uint32_t>(partition)) + static_cast<std::uint32_t>(java_hash(topic)));
}

std::string java_path(std::string_view path) {
  std::string out;
  for (const char c : path)
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string java_absolute_path(std::string_view path) {
  if (path.starts_with('/')) return java_path(path);
  std::error_code ignored;  // without a working directory the path stays relative
  return java_path(std::filesystem::current_path(ignored).string() + "/" + std::string(path));
}

std::string base64(Bytes bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < n ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[group >> (18 - 6 * k) & 0x3F] : '=';
  }
  return out;
}

std::vector<std::size_t> scala_hash_order(const std::vector<std::int32_t>& hashes) {
  std::size_t table_size = 16;
  for (std::size_t n = 1; n <= hashes.size(); ++n)
    if (n >= table_size / 4 * 3) table_size *= 2;  // before the entry that would reach the load factor of 0.75
  return scala_table_order(hashes, table_size);
}

std::vector<std::size_t> scala_table_order(const std::vector<std::int32_t>& hashes, std::size_t table_size) {
  const auto improved = [&](std::size_t i) {
    const auto h = static_cast<std::uint32_t>(hashes[i]);
    return h ^ (h >> 16);
  };
  std::vector<std::size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto slot_a = improved(a) & (table_size - 1), slot_b = improved(b) & (table_size - 1);
    return slot_a != slot_b ? slot_a < slot_b : static_cast<std::int32_t>(improved(a)) < static_cast<std::int32_t>(improved(b));
  });
  return order;
}

}  // namespace moldau::server::tools
