// Where values come from: files, environment, command line. Every value remembers its origin.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moldau::config {

/// One place of the static configuration, in words: `server.properties:12`, `KAFKA_LISTENERS`, `--override`.
struct Origin {
  enum class Kind : std::uint8_t { defaults, file, environment, command_line, derived };
  Kind kind = Kind::defaults;
  std::string text;
};

struct SourcedValue {
  std::string value;
  Origin origin;
};
using StaticSettings = std::map<std::string, SourcedValue, std::less<>>;

struct FileEntry {
  std::string key;
  std::string value;
  int line = 0;
};

/// java.util.Properties.load: comments (# !), continuation, escapes, \uXXXX (to UTF-8), `=`, `:` or a blank between key and value. Never fails.
/// A malformed \u escape is taken as it stands.
std::vector<FileEntry> parse_properties(std::string_view text);

/// Nested or flat YAML to dotted keys; a list becomes comma separated text, a key without a value (null) counts as not there. Throws ConfigError with the line.
std::vector<FileEntry> parse_yaml(std::string_view text);

/// A top-level key of YAML with the keys below it.
struct YamlSection {
  std::string name;  ///< As it stands: dots in it do not divide it.
  std::vector<FileEntry> entries;
  int line = 0;
};
/// A map of maps; a section may be empty. Throws ConfigError with the line.
std::vector<YamlSection> parse_yaml_sections(std::string_view text);

using Environment = std::vector<std::pair<std::string, std::string>>;
/// The process's environment.
Environment process_environment();

/// `KAFKA_ADVERTISED_LISTENERS` or `KAFKA_CFG_...` to a key, by the rules of the common images: `_` `.`, `__` `_`, `___` `-`. Empty: not one of ours, or one that
/// platforms, scripts and applications use for themselves.
std::string environment_key(std::string_view name, std::string_view value);
/// A value as the images write it into a properties file: joined lines, no leading blanks.
std::string environment_value(std::string_view value);

}  // namespace moldau::config
