#include "config/load.h"

#include <array>
#include <fstream>
#include <sstream>

#include "config/cross_checks.h"
#include "config/kraft_keys.h"
#include "config/value.h"

namespace moldau::config {
namespace {

/// How a source treats a key that nobody knows.
enum class Unknown : std::uint8_t { error, warning, error_when_near };

std::string suggestion(const Nearest& nearest) { return nearest.name.empty() ? "" : "; did you mean " + std::string(nearest.name) + "?"; }

/// Keys that Kafka 3.0 dropped, and what says the same today.
constexpr std::array<std::array<std::string_view, 2>, 4> kDroppedKeys = {{{"port", "listeners=PLAINTEXT://:PORT"},
                                                                          {"host.name", "listeners=PLAINTEXT://HOST:PORT"},
                                                                          {"advertised.port", "advertised.listeners=PLAINTEXT://HOST:PORT"},
                                                                          {"advertised.host.name", "advertised.listeners=PLAINTEXT://HOST:PORT"}}};

/// Names that are spelled wrong in a way of their own.
std::string spelling_hint(std::string_view key) {
  for (const auto& [old, today] : kDroppedKeys)
    if (key == old) return "; Kafka dropped it in 3.0: write " + std::string(today);
  if (key.find(".scram.sha.") != std::string_view::npos) return "; the mechanism is spelled scram-sha-256 or scram-sha-512, with dashes (___ in a variable's name)";
  return suggestion(nearest_broker_property(key));
}

class Loader {
 public:
  explicit Loader(const LoadRequest& request) : request_(request) {}

  LoadResult run() {
    read_file();
    read_environment();
    read_overrides();
    read_defaults();
    complete();
    apply_kraft_keys(result_.settings, result_.warnings, result_.errors);
    check_keys();
    build();
    return std::move(result_);
  }

 private:
  void error(const Origin& origin, const std::string& text) { result_.errors.push_back(origin.text.empty() ? text : origin.text + ": " + text); }
  void warn(const Origin& origin, const std::string& text) { result_.warnings.push_back(origin.text.empty() ? text : origin.text + ": " + text); }

  void take(const std::string& key, const std::string& value, Origin origin, Unknown unknown) {
    if (resolve_broker_property(key) == nullptr) {
      const auto nearest = nearest_broker_property(key);
      const bool near = !nearest.name.empty() && nearest.distance <= 2;
      if (unknown == Unknown::error || (unknown == Unknown::error_when_near && near)) return error(origin, "unknown key " + key + spelling_hint(key));
      warn(origin, "unknown key " + key + " is ignored" + spelling_hint(key));
    }
    result_.settings.insert_or_assign(key, SourcedValue{value, std::move(origin)});
  }

  void read_file() {
    auto path = request_.config_file;
    if (!path && request_.use_default_file && std::filesystem::exists(kDefaultConfigFile)) path = kDefaultConfigFile;
    if (!path) return;
    std::ifstream in(*path, std::ios::binary);
    std::error_code ignored;
    if (!in || std::filesystem::is_directory(*path, ignored)) {
      result_.errors.push_back(path->string() + ": cannot read the configuration file");
      return;
    }
    result_.file = path->string();
    std::ostringstream text;
    text << in.rdbuf();
    const bool yaml = path->extension() == ".yaml" || path->extension() == ".yml";
    try {
      for (const auto& entry : yaml ? parse_yaml(text.str()) : parse_properties(text.str()))
        take(entry.key, entry.value, {Origin::Kind::file, path->filename().string() + ":" + std::to_string(entry.line)},
             yaml ? Unknown::error : Unknown::error_when_near);
    } catch (const ConfigError& problem) {
      result_.errors.push_back(path->filename().string() + ": " + problem.what());
    }
  }

  /// Empty counts as missing for these: older images set them empty themselves.
  static bool empty_is_missing(std::string_view key) { return key == "listeners" || key == "advertised.listeners" || key == "log.dirs" || key == "log.dir" || key == "cluster.id"; }

  void read_environment() {
    bool advertised = false;
    for (const auto& [name, raw] : request_.environment) {
      const auto key = environment_key(name, raw);
      if (key.empty()) continue;
      const auto value = environment_value(raw);
      if (value.empty() && empty_is_missing(key)) continue;
      advertised = advertised || key == "advertised.listeners";
      take(key, value, {Origin::Kind::environment, name}, Unknown::warning);
    }
    if (advertised) derive_listeners();
  }

  /// Kafka's images: listeners left out are the advertised ones on every address.
  void derive_listeners() {
    const auto& advertised = result_.settings.at("advertised.listeners");
    if (result_.settings.contains("listeners") || to_lower(trim(advertised.value)) == "auto") return;
    std::vector<std::string> derived;
    for (const auto& entry : split_list(advertised.value)) {
      const auto host = entry.find("://");
      const auto port = entry.rfind(':');
      if (host == std::string::npos || port == std::string::npos || port < host + 3) continue;
      derived.push_back(entry.substr(0, host + 3) + "0.0.0.0" + entry.substr(port));
    }
    if (!derived.empty())
      result_.settings["listeners"] = {join_list(derived), {Origin::Kind::derived, "listeners, derived from " + advertised.origin.text}};
  }

  void read_overrides() {
    for (const auto& text : request_.overrides) {
      const Origin origin{Origin::Kind::command_line, "--override"};
      const auto equals = text.find('=');
      if (equals == std::string::npos || equals == 0) {
        error(origin, text + ": write --override key=value");
        continue;
      }
      take(std::string(trim(std::string_view(text).substr(0, equals))), text.substr(equals + 1), origin, Unknown::error);
    }
  }

  void read_defaults() {
    for (const auto& text : request_.defaults) {
      const Origin origin{Origin::Kind::command_line, "--default"};
      const auto equals = text.find('=');
      if (equals == std::string::npos || equals == 0) {
        error(origin, text + ": write --default key=value");
        continue;
      }
      const std::string key(trim(std::string_view(text).substr(0, equals)));
      if (!result_.settings.contains(key)) take(key, text.substr(equals + 1), origin, Unknown::error);
    }
  }

  /// broker.id and node.id stand for each other (Kafka 3.9 KafkaConfig.populateSynonyms).
  void complete() {
    auto& settings = result_.settings;
    const auto broker = settings.find("broker.id");
    const auto node = settings.find("node.id");
    if (broker != settings.end() && node == settings.end()) {
      settings["node.id"] = broker->second;
      copied_id_ = "node.id";
    } else if (broker == settings.end() && node != settings.end()) {
      settings["broker.id"] = node->second;
      copied_id_ = "broker.id";
    } else if (broker != settings.end() && trim(broker->second.value) != trim(node->second.value)) {
      warn(node->second.origin, "node.id=" + node->second.value + " differs from broker.id=" + broker->second.value + " (" + broker->second.origin.text + "); broker.id counts");
      node->second = broker->second;
    }
  }

  void check_keys() {
    for (const auto& [name, setting] : result_.settings) {
      const auto* def = resolve_broker_property(name);
      if (def == nullptr || name == copied_id_) continue;
      const auto shown = name + (def->sensitive() ? "" : "=" + setting.value);
      try {
        parse_value(*def, setting.value, name);
      } catch (const ConfigError& problem) {
        error(setting.origin, problem.what() + value_hint(setting.value));
        continue;
      }
      if (const auto reason = refusal(*def, setting.value)) {
        error(setting.origin, shown + ": " + *reason);
      } else if (const auto text = notice(*def, setting.value)) {
        warn(setting.origin, shown + " " + *text);
      }
    }
  }

  /// What is often wrong with a value; the message before it is Kafka's.
  static std::string value_hint(std::string_view value) {
    const auto text = trim(value);
    if (text.empty()) return " (the value is empty: ''; leave the key out for its default)";
    if (text.find(" #") != std::string_view::npos || text.find("\t#") != std::string_view::npos) return " (comments need their own line)";
    const bool quoted = text.size() > 1 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
    return quoted ? " (the quotes are part of the value; leave them out)" : "";
  }

  std::string origin_of(std::string_view message) const {
    // A rule names the keys it is about; the first that was set gives the place.
    std::size_t first = std::string_view::npos;
    std::string place;
    for (const auto& [name, setting] : result_.settings) {
      const auto at = message.find(name);
      const auto end = at + name.size();
      const auto part_of_name = [](char c) { return c == '.' || c == '-' || c == '_' || (c >= 'a' && c <= 'z'); };
      if (at == std::string_view::npos || at >= first) continue;
      if ((at > 0 && part_of_name(message[at - 1])) || (end + 1 < message.size() && message[end] == '.' && part_of_name(message[end + 1]))) continue;
      first = at;
      place = setting.origin.text + ": ";
    }
    return place;
  }

  void build() {
    if (!result_.errors.empty()) return;
    try {
      auto config = std::make_shared<const BrokerConfig>(make_broker_config(plain_settings(result_.settings)));
      for (const auto& finding : cross_check(*config)) result_.errors.push_back(origin_of(finding) + finding);
      for (const auto& finding : cross_check_warnings(*config)) result_.warnings.push_back(origin_of(finding) + finding);
      if (result_.errors.empty()) result_.config = std::move(config);
    } catch (const ConfigError& problem) {
      result_.errors.push_back(origin_of(problem.what()) + problem.what());
    }
  }

  const LoadRequest& request_;
  std::string_view copied_id_;  ///< The one of broker.id and node.id that nobody wrote.
  LoadResult result_;
};

}  // namespace

LoadResult load(const LoadRequest& request) { return Loader(request).run(); }

Settings plain_settings(const StaticSettings& settings) {
  Settings plain;
  for (const auto& [name, setting] : settings) plain.emplace(name, setting.value);
  return plain;
}

}  // namespace moldau::config
