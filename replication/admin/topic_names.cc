#include "replication/admin/topic_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace moldau::replication {
namespace {

constexpr std::size_t kMaxLength = 249;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::optional<std::string> invalid_topic_name(std::string_view name) {
  constexpr std::string_view kPrefix = "Topic name is invalid: ";
  if (name.empty()) return fmt::format("{}the empty string is not allowed", kPrefix);
  if (name == "." || name == "..") return fmt::format("{}'{}' is not allowed", kPrefix, name);
  if (name.size() > kMaxLength) return fmt::format("{}the length of '{}' is longer than the max allowed length {}", kPrefix, name, kMaxLength);
  if (!std::all_of(name.begin(), name.end(), is_name_char))
    return fmt::format("{}'{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", kPrefix, name);
  return std::nullopt;
}

bool has_collision_chars(std::string_view name) noexcept { return name.find_first_of("._") != std::string_view::npos; }

bool collides(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x == '.' ? '_' : x) == (y == '.' ? '_' : y); });
}

}  // namespace moldau::replication
