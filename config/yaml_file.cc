// moldau.yaml: Kafka's keys, nested or flat. The only file that sees yaml-cpp.
#include <yaml-cpp/yaml.h>

#include "config/sources.h"
#include "config/value.h"

namespace moldau::config {
namespace {

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

[[noreturn]] void complain(const YAML::Node& node, const std::string& reason) { throw ConfigError("line " + std::to_string(line_of(node)) + ": " + reason); }

std::string scalar_list(const YAML::Node& node) {
  std::vector<std::string> list;
  for (const auto& element : node) {
    if (!element.IsScalar()) complain(element, "a list may only hold plain values");
    list.push_back(element.Scalar());
  }
  return join_list(list);
}

void flatten(const YAML::Node& node, const std::string& prefix, std::vector<FileEntry>& out) {
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) complain(entry.first, "a key must be plain text");
    const auto key = prefix.empty() ? entry.first.Scalar() : prefix + "." + entry.first.Scalar();
    const int line = line_of(entry.first);
    const auto& value = entry.second;
    if (value.IsMap()) {
      flatten(value, key, out);
    } else if (value.IsSequence()) {
      out.push_back({key, scalar_list(value), line});
    } else if (!value.IsNull()) {
      out.push_back({key, value.Scalar(), line});
    } else {
      continue;
    }
    for (std::size_t i = 0; i + 1 < out.size(); ++i)
      if (out[i].key == out.back().key) complain(entry.first, out.back().key + " is there twice, first in line " + std::to_string(out[i].line));
  }
}

/// A parse error with its line; yaml-cpp's own words for a tab before a key lead nowhere.
ConfigError parse_error(std::string_view text, const YAML::Exception& error) {
  int number = 0;
  for (std::size_t at = 0; at < text.size() && number <= error.mark.line; ++number) {
    const auto line = text.substr(at, text.find('\n', at) - at);
    if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
      return ConfigError("line " + std::to_string(number + 1) + ": there is a tab before the key; YAML is indented with spaces");
    at += line.size() + 1;
  }
  return ConfigError("line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
}

}  // namespace

std::vector<FileEntry> parse_yaml(std::string_view text) {
  try {
    std::vector<FileEntry> entries;
    const auto root = YAML::Load(std::string(text));
    if (root.IsNull()) return entries;
    if (!root.IsMap()) throw ConfigError("line 1: expected keys and values (`log.dirs: /data`)");
    flatten(root, "", entries);
    return entries;
  } catch (const YAML::Exception& error) {
    throw parse_error(text, error);
  }
}

std::vector<YamlSection> parse_yaml_sections(std::string_view text) {
  try {
    std::vector<YamlSection> sections;
    const auto root = YAML::Load(std::string(text));
    if (root.IsNull()) return sections;
    if (!root.IsMap()) throw ConfigError("line 1: expected names with keys and values below them");
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) complain(entry.first, "a name must be plain text");
      YamlSection section{entry.first.Scalar(), {}, line_of(entry.first)};
      for (const auto& earlier : sections)
        if (earlier.name == section.name) complain(entry.first, section.name + " is there twice, first in line " + std::to_string(earlier.line));
      if (entry.second.IsMap())
        flatten(entry.second, "", section.entries);
      else if (!entry.second.IsNull())
        complain(entry.second, section.name + " needs keys and values below it");
      sections.push_back(std::move(section));
    }
    return sections;
  } catch (const YAML::Exception& error) {
    throw parse_error(text, error);
  }
}

}  // namespace moldau::config
