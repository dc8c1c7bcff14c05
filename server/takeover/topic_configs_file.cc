#include "server/takeover/topic_configs_file.h"

#include <fmt/format.h>

#include "config/sources.h"
#include "config/topic_config.h"
#include "config/value.h"
#include "storage/checkpoint/text_lines.h"

namespace moldau::server {
namespace {

Error wrong(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

/// The topic of `Dynamic configs for topic orders are:`; empty for another line.
std::string_view topic_of_header(std::string_view line) {
  constexpr std::string_view kEnd = " are:";
  for (const std::string_view begin : {"Dynamic configs for topic ", "All configs for topic "})
    if (line.starts_with(begin) && line.ends_with(kEnd) && line.size() > begin.size() + kEnd.size()) return line.substr(begin.size(), line.size() - begin.size() - kEnd.size());
  return {};
}

/// `  retention.ms=5000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5000, ...}`
Status add_entry(std::string_view line, config::Settings& settings) {
  const auto text = config::trim(line);
  const auto equals = text.find('=');
  const auto end = text.find(" sensitive=");
  if (equals == std::string_view::npos || equals == 0 || end == std::string_view::npos || end < equals) return wrong("not a line of kafka-configs --describe");
  const auto synonyms = text.find(" synonyms={", end);
  if (synonyms != std::string_view::npos && text.find("DYNAMIC_TOPIC_CONFIG:", synonyms) == std::string_view::npos) return {};  // --all: not the topic's own
  settings.insert_or_assign(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1, end - equals - 1)));
  return {};
}

Result<TopicConfigs> parse_described(std::string_view text, const std::string& name) {
  TopicConfigs topics;
  config::Settings* current = nullptr;
  storage::TextLines lines(text);
  for (int number = 1; const auto line = lines.next(); ++number) {
    if (config::trim(*line).empty()) continue;
    if (const auto topic = topic_of_header(*line); !topic.empty()) {
      current = &topics[std::string(topic)];
      continue;
    }
    const auto added = current == nullptr ? Status(wrong("no topic before it (`Dynamic configs for topic NAME are:`)")) : add_entry(*line, *current);
    if (!added)
      return wrong(fmt::format("{}:{}: {}; the file is the output of kafka-configs --entity-type topics --describe, or YAML in a file named .yaml", name, number, added.error().message));
  }
  return topics;
}

Result<TopicConfigs> parse_yaml_topics(std::string_view text, const std::string& name) {
  try {
    TopicConfigs topics;
    for (const auto& section : config::parse_yaml_sections(text)) {
      auto& settings = topics[section.name];
      for (const auto& entry : section.entries) settings.insert_or_assign(entry.key, entry.value);
    }
    return topics;
  } catch (const config::ConfigError& error) {
    return wrong(fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace

Result<TopicConfigs> parse_topic_configs(std::string_view text, const std::string& name, const config::BrokerProperties& broker) {
  const bool yaml = name.ends_with(".yaml") || name.ends_with(".yml");
  auto topics = yaml ? parse_yaml_topics(text, name) : parse_described(text, name);
  if (!topics) return topics;
  for (const auto& [topic, settings] : *topics)
    if (const auto bad = config::validate_topic_settings(broker, settings)) return wrong(fmt::format("{}: topic {}: {}", name, topic, bad->message));
  return topics;
}

}  // namespace moldau::server
