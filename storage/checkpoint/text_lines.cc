#include "storage/checkpoint/text_lines.h"

#include <algorithm>

namespace moldau::storage {

std::optional<std::string_view> TextLines::next() {
  if (text_.empty()) return std::nullopt;
  const auto end = std::min(text_.find('\n'), text_.size());
  auto line = text_.substr(0, end);
  text_.remove_prefix(std::min(end + 1, text_.size()));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::vector<std::string_view> split_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return fields;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

Result<CheckpointBody> parse_checkpoint_header(std::string_view text, const std::string& what) {
  if (text.empty()) return CheckpointBody{};
  TextLines lines(text);
  const auto version = lines.next();
  const auto version_number = version ? parse_number<std::int32_t>(*version) : std::nullopt;
  if (!version_number) return Error(ErrorCode::corrupt_message, what + ": no version in its first line");
  if (*version_number != 0) return Error(ErrorCode::corrupt_message, what + ": version " + std::to_string(*version_number) + " is not known (only 0)");
  const auto count_line = lines.next();
  const auto count = count_line ? parse_number<std::int64_t>(*count_line) : std::nullopt;
  if (!count || *count < 0) return Error(ErrorCode::corrupt_message, what + ": no count in its second line");
  return CheckpointBody{*count, lines.rest()};
}

}  // namespace moldau::storage
