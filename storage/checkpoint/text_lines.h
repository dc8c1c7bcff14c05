// Reading of Kafka's text checkpoints: "<version 0>\n<count>\n" and a line for each entry.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/error.h"

namespace moldau::storage {

/// Line by line; the last may lack its newline, a carriage return before it is dropped.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : text_(text) {}
  std::optional<std::string_view> next();
  [[nodiscard]] std::string_view rest() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// Fields between runs of white space.
std::vector<std::string_view> split_fields(std::string_view line);

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct CheckpointBody {
  std::int64_t count = 0;
  std::string_view text;  ///< the lines behind the count
};
/// Version and count. An empty text has no entries. Errors: CORRUPT_MESSAGE that names `what`.
Result<CheckpointBody> parse_checkpoint_header(std::string_view text, const std::string& what);

}  // namespace moldau::storage
