#include "storage/checkpoint/offset_checkpoint.h"

#include <algorithm>
#include <vector>

#include "storage/checkpoint/text_lines.h"
#include "storage/io/disk.h"

namespace moldau::storage {

Result<OffsetMap> parse_offset_checkpoint(std::string_view text, const std::string& what) {
  OffsetMap offsets;
  auto body = parse_checkpoint_header(text, what);
  if (!body) return body.error();
  TextLines lines(body->text);
  for (std::int64_t i = 0; i < body->count; ++i) {
    const auto line = lines.next();
    const auto fields = line ? split_fields(*line) : std::vector<std::string_view>();
    const auto partition = fields.size() == 3 ? parse_number<std::int32_t>(fields[1]) : std::nullopt;
    const auto offset = fields.size() == 3 ? parse_number<std::int64_t>(fields[2]) : std::nullopt;
    if (!partition || !offset)
      return Error(ErrorCode::corrupt_message, what + ": entry " + std::to_string(i + 1) + " of " + std::to_string(body->count) + " is malformed or missing");
    offsets[TopicPartition{std::string(fields[0]), *partition}] = Offset(*offset);
  }
  if (lines.next()) return Error(ErrorCode::corrupt_message, what + ": more entries than its count of " + std::to_string(body->count));
  return offsets;
}

std::string format_offset_checkpoint(const OffsetMap& offsets) {
  std::vector<const OffsetMap::value_type*> sorted;
  sorted.reserve(offsets.size());
  for (const auto& entry : offsets) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  std::string text = "0\n" + std::to_string(sorted.size()) + "\n";
  for (const auto* entry : sorted)
    text += entry->first.topic + " " + std::to_string(entry->first.partition) + " " + std::to_string(entry->second.value()) + "\n";
  return text;
}

Result<OffsetMap> read_offset_checkpoint(Disk& disk, const std::string& path) {
  auto text = read_whole(disk, path);
  if (!text) return text.error();
  if (!*text) return OffsetMap();
  return parse_offset_checkpoint(**text, path);
}

Status write_offset_checkpoint(Disk& disk, const std::string& path, const OffsetMap& offsets) {
  return write_atomically(disk, path, format_offset_checkpoint(offsets));
}

}  // namespace moldau::storage
