#include "config/describe.h"

#include <algorithm>
#include <set>

#include "config/property_rows.h"
#include "config/value.h"

namespace moldau::config {
namespace {

/// Names whose values count for a key: its chain of synonyms, or the listener override before the key. Kafka 3.9 DynamicBrokerConfig.brokerConfigSynonyms.
std::vector<std::string> broker_synonyms(std::string_view name) {
  const auto override = parse_listener_override(name);
  if (override.base != nullptr) {
    std::vector<std::string> names{std::string(name)};
    if (!override.mechanism.empty())
      names.push_back("listener.name." + std::string(override.listener) + "." + std::string(override.base->name));
    names.emplace_back(override.base->name);
    return names;
  }
  for (const auto& def : broker_properties()) {
    if (def.synonyms.empty()) continue;
    const bool member = def.name == name || (std::find(def.synonyms.begin(), def.synonyms.end(), name) != def.synonyms.end() && name != "log.flush.scheduler.interval.ms");
    if (!member) continue;
    std::vector<std::string> names{std::string(def.name)};
    names.insert(names.end(), def.synonyms.begin(), def.synonyms.end());
    return names;
  }
  return {std::string(name)};
}

std::vector<ConfigSynonym> synonyms_of(const ConfigLayers& layers, std::string_view name, bool sensitive) {
  const auto names = broker_synonyms(name);
  std::vector<ConfigSynonym> all;
  const auto add = [&](const std::string& key, const std::string& value, ConfigSource source) {
    all.push_back({key, sensitive ? std::nullopt : std::optional(value), source});
  };
  for (const auto& key : names)
    if (const auto at = layers.broker.find(key); at != layers.broker.end()) add(key, at->second, ConfigSource::dynamic_broker);
  for (const auto& key : names)
    if (const auto at = layers.cluster_default.find(key); at != layers.cluster_default.end()) add(key, at->second, ConfigSource::dynamic_default_broker);
  for (const auto& key : names)
    if (const auto at = layers.static_settings.find(key); at != layers.static_settings.end()) add(key, at->second.value, ConfigSource::static_broker);
  for (const auto& key : names)
    if (const auto* def = find_broker_property(key); def != nullptr && def->has_default) add(key, std::string(def->default_text), ConfigSource::default_value);
  const auto own = std::find_if(all.begin(), all.end(), [&](const ConfigSynonym& synonym) { return synonym.name == name; });
  all.erase(all.begin(), own);
  return all;
}

/// The text that is in force, from the topmost layer; for keys that the snapshot has no member for.
std::string text_in_force(const ConfigLayers& layers, const std::string& name) {
  if (const auto at = layers.broker.find(name); at != layers.broker.end()) return at->second;
  if (const auto at = layers.cluster_default.find(name); at != layers.cluster_default.end()) return at->second;
  return layers.static_settings.at(name).value;
}

std::optional<std::string> broker_value(const ConfigLayers& layers, const std::string& name) {
  if (const auto* def = find_broker_property(name)) return to_text(read(*layers.config, *def));
  return text_in_force(layers, name);
}

ConfigEntry broker_entry(const ConfigLayers& layers, const std::string& name, bool per_broker) {
  const auto* def = resolve_broker_property(name);
  const auto* exact = find_broker_property(name);
  ConfigEntry entry;
  entry.name = name;
  entry.sensitive = def == nullptr || def->sensitive();
  if (!entry.sensitive) entry.value = per_broker ? broker_value(layers, name) : to_text(parse_value(*def, layers.cluster_default.at(name), name));
  entry.synonyms = synonyms_of(layers, name, entry.sensitive);
  if (!per_broker) std::erase_if(entry.synonyms, [](const ConfigSynonym& s) { return s.source != ConfigSource::dynamic_default_broker; });
  entry.source = entry.synonyms.empty() ? ConfigSource::default_value : entry.synonyms.front().source;
  entry.is_default = entry.source == ConfigSource::default_value;
  entry.read_only = exact == nullptr || exact->dynamic == DynamicMode::read_only;
  if (def != nullptr) {
    entry.type = config_type_id(def->type);
    entry.documentation = def->doc;
  }
  return entry;
}

template <class Map>
void add_names(std::set<std::string>& names, const Map& settings) {
  for (const auto& entry : settings) names.insert(entry.first);
}

}  // namespace

std::vector<ConfigEntry> describe_broker(const ConfigLayers& layers) {
  std::set<std::string> names;
  for (const auto& def : broker_properties())
    if (!def.internal && !def.own) names.emplace(def.name);
  add_names(names, layers.static_settings);
  add_names(names, layers.cluster_default);
  add_names(names, layers.broker);
  std::vector<ConfigEntry> entries;
  for (const auto& name : names) entries.push_back(broker_entry(layers, name, true));
  return entries;
}

std::vector<ConfigEntry> describe_cluster_default(const ConfigLayers& layers) {
  std::vector<ConfigEntry> entries;
  for (const auto& [name, text] : layers.cluster_default) entries.push_back(broker_entry(layers, name, false));
  return entries;
}

std::vector<ConfigEntry> describe_topic(const ConfigLayers& layers, const Settings& topic_settings) {
  std::vector<ConfigEntry> entries;
  for (const auto& def : topic_properties()) {
    ConfigEntry entry;
    entry.name = def.name;
    entry.sensitive = def.sensitive();
    entry.type = config_type_id(def.type);
    entry.documentation = def.doc;
    auto value = topic_default(*layers.config, def);
    if (!def.sources.empty()) entry.synonyms = synonyms_of(layers, def.sources.front().broker_key, entry.sensitive);
    if (const auto at = topic_settings.find(def.name); at != topic_settings.end()) {
      try {
        value = parse_value(def, at->second);
        entry.synonyms.insert(entry.synonyms.begin(), {entry.name, entry.sensitive ? std::nullopt : to_text(value), ConfigSource::topic});
      } catch (const ConfigError&) {
        // The store holds a value that an older or other broker let through: the default is what counts, so it is what shows.
      }
    }
    if (!entry.sensitive) entry.value = to_text(value);
    entry.source = entry.synonyms.empty() ? ConfigSource::default_value : entry.synonyms.front().source;
    entry.is_default = entry.source == ConfigSource::default_value;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace moldau::config
