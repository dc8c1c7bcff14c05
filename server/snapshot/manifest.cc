#include "server/snapshot/manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "protocol/base/crc32c.h"
#include "storage/checkpoint/text_lines.h"

namespace moldau::server {
namespace {

std::string time_text(std::int64_t ms) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(ms / 1000))); }

std::int64_t time_of(std::string_view text) {
  std::tm at{};
  const std::string zoned(text);
  if (::strptime(zoned.c_str(), "%Y-%m-%dT%H:%M:%SZ", &at) == nullptr) return -1;
  return std::int64_t{::timegm(&at)} * 1000;
}

std::uint32_t crc_of(std::string_view text) { return crc32c(as_bytes(text)); }

/// Takes the next word off the line.
std::string_view word(std::string_view& line) {
  const auto space = std::min(line.find(' '), line.size());
  const auto first = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return first;
}

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.size() != 8) return std::nullopt;
  return value;
}

bool read_file_line(std::string_view line, Manifest& manifest) {
  const auto kind = word(line);
  const auto bytes = storage::parse_number<std::uint64_t>(word(line));
  const auto crc = word(line);
  if ((kind != "linked" && kind != "copied") || !bytes || line.empty()) return false;
  ManifestFile file{std::string(line), *bytes, crc == "-" ? std::nullopt : hex(crc), kind == "linked"};
  if (crc != "-" && !file.crc) return false;
  manifest.files.push_back(std::move(file));
  return true;
}

bool read_partition_line(std::string_view line, Manifest& manifest) {
  const auto topic = word(line);
  const auto partition = storage::parse_number<std::int32_t>(word(line));
  const auto start = storage::parse_number<std::int64_t>(word(line));
  const auto end = storage::parse_number<std::int64_t>(line);
  if (topic.empty() || !partition || !start || !end) return false;
  manifest.partitions.push_back({TopicPartition{std::string(topic), *partition}, Offset(*start), Offset(*end)});
  return true;
}

bool read_line(std::string_view line, Manifest& manifest) {
  const auto what = word(line);
  if (what == "created") return (manifest.created_ms = time_of(line)) >= 0;
  if (what == "state") {
    manifest.clean = line == "clean";
    return line == "clean" || line == "unclean";
  }
  if (what == "directory") {
    const auto name = word(line);
    manifest.directories.push_back({std::string(name), std::string(line)});
    return !name.empty();
  }
  if (what == "partition") return read_partition_line(line, manifest);
  if (what == "file") return read_file_line(line, manifest);
  return false;
}

}  // namespace

std::string format_manifest(const Manifest& manifest) {
  std::string text = fmt::format("{}\ncreated {}\nstate {}\n", kManifestHead, time_text(manifest.created_ms), manifest.clean ? "clean" : "unclean");
  for (const auto& d : manifest.directories) text += fmt::format("directory {} {}\n", d.name, d.source);
  for (const auto& p : manifest.partitions)
    text += fmt::format("partition {} {} {} {}\n", p.partition.topic, p.partition.partition, p.start.value(), p.end.value());
  for (const auto& f : manifest.files)
    text += fmt::format("file {} {} {} {}\n", f.linked ? "linked" : "copied", f.bytes, f.crc ? fmt::format("{:08x}", *f.crc) : "-", f.path);
  return text + fmt::format("end {} {:08x}\n", std::count(text.begin(), text.end(), '\n'), crc_of(text));
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto wrong = [](std::size_t line, std::string_view why) {
    return Error(ErrorCode::corrupt_message, fmt::format("line {} of the manifest: {}", line, why));
  };
  Manifest manifest;
  std::size_t at = 0;
  for (std::size_t line = 1; at < text.size(); ++line) {
    const auto newline = text.find('\n', at);
    if (newline == std::string_view::npos) return wrong(line, "it has no end");
    auto content = text.substr(at, newline - at);
    if (line == 1 && content != kManifestHead) return wrong(line, "not a manifest, or of another version");
    if (content.starts_with("end ")) {
      word(content);
      const auto count = storage::parse_number<std::size_t>(word(content));
      if (!count || *count != line - 1 || hex(content) != crc_of(text.substr(0, at)))
        return wrong(line, "the count or the checksum does not fit the lines above");
      if (newline + 1 != text.size()) return wrong(line + 1, "something follows the end");
      return manifest;
    }
    if (line > 1 && !read_line(content, manifest)) return wrong(line, "it cannot be read");
    at = newline + 1;
  }
  return Error(ErrorCode::corrupt_message, "the manifest is cut off");
}

}  // namespace moldau::server
