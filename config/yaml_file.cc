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
    throw ConfigError("line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

}  // namespace moldau::config
