#include "storage/checkpoint/metadata_files.h"

#include <ctime>

#include "storage/checkpoint/text_lines.h"

namespace moldau::storage {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

}  // namespace

Result<MetaProperties> parse_meta_properties(std::string_view text, const std::string& path) {
  MetaProperties properties;
  std::optional<std::string_view> version;
  TextLines lines(text);
  while (const auto line = lines.next()) {
    const auto entry = trimmed(*line);
    if (entry.empty() || entry.front() == '#' || entry.front() == '!') continue;
    const auto eq = entry.find_first_of("=:");
    if (eq == std::string_view::npos) continue;
    const auto key = trimmed(entry.substr(0, eq));
    const auto value = trimmed(entry.substr(eq + 1));
    if (key == "version") version = value;
    if (key == "broker.id") {
      properties.broker_id = parse_number<std::int32_t>(value);
      if (!properties.broker_id) return Error(ErrorCode::corrupt_message, path + ": broker.id is not a number: " + std::string(value));
    }
    if (key == "cluster.id" && !value.empty()) properties.cluster_id = std::string(value);
  }
  if (version && *version == "1")
    return Error(ErrorCode::invalid_config, path + " has version 1: the directory belongs to a KRaft broker or controller, which is not supported; use another log directory");
  if (!version || *version != "0") return Error(ErrorCode::corrupt_message, path + ": version is " + (version ? std::string(*version) : std::string("missing")) + ", only 0 is known");
  return properties;
}

std::string format_meta_properties(const MetaProperties& properties, std::int64_t now_ms) {
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char date[64];
  std::strftime(date, sizeof date, "%a %b %d %H:%M:%S UTC %Y", &tm);
  std::string text = "#\n#" + std::string(date) + "\n";
  if (properties.broker_id) text += "broker.id=" + std::to_string(*properties.broker_id) + "\n";
  if (properties.cluster_id) text += "cluster.id=" + *properties.cluster_id + "\n";
  text += "version=0\n";
  return text;
}

std::string clean_shutdown_content() { return R"({"version":0,"brokerEpoch":-1})"; }

Result<std::optional<TopicId>> parse_partition_metadata(std::string_view text, const std::string& path) {
  std::optional<std::string_view> version;
  std::optional<TopicId> id;
  TextLines lines(text);
  while (const auto line = lines.next()) {
    const auto colon = line->find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = trimmed(line->substr(0, colon));
    const auto value = trimmed(line->substr(colon + 1));
    if (key == "version") version = value;
    if (key == "topic_id") id = Uuid::parse(value);
  }
  if (version && *version != "0" && parse_number<std::int32_t>(*version))
    return Error(ErrorCode::corrupt_message, path + ": its version " + std::string(*version) + " is not known (only 0); was the directory written by a newer broker?");
  if (!version || !id || id->is_zero()) return std::optional<TopicId>();
  return id;
}

std::string format_partition_metadata(TopicId id) { return "version: 0\ntopic_id: " + id.to_string(); }

}  // namespace moldau::storage
