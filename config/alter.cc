#include "config/alter.h"

#include <algorithm>
#include <set>

#include "config/property_table.h"
#include "config/value.h"

namespace moldau::config {
namespace {

using Kind = SettingsError::Kind;

SettingsError error(Kind kind, std::string message) { return {kind, false, std::move(message)}; }

std::optional<SettingsError> check_request(std::span<const Alteration> alterations) {
  std::set<std::string> seen;
  std::string twice;
  std::string without_value;
  for (const auto& alteration : alterations) {
    if (!seen.insert(alteration.name).second) twice += (twice.empty() ? "" : ",") + alteration.name;
    if (alteration.operation != AlterOperation::remove && !alteration.value) without_value += (without_value.empty() ? "" : ",") + alteration.name;
  }
  if (!twice.empty()) return error(Kind::invalid_request, "Error due to duplicate config keys : " + twice);
  if (!without_value.empty()) return error(Kind::invalid_request, "Null value not supported for : " + without_value);
  return std::nullopt;
}

/// Puts the elements in or takes them out; nullopt on success.
std::optional<SettingsError> alter_list(ResourceKind kind, Settings& settings, const Alteration& alteration) {
  const bool append = alteration.operation == AlterOperation::append;
  const auto* def = kind == ResourceKind::topic ? find_topic_property(alteration.name) : resolve_broker_property(alteration.name);
  if (def == nullptr) return error(Kind::invalid_config, std::string(kind == ResourceKind::topic ? "Unknown topic config name: " : "Unknown config name: ") + alteration.name);
  if (def->type != PropertyType::list)
    return error(Kind::invalid_config, std::string("Config value ") + (append ? "append" : "subtract") + " is not allowed for config key: " + alteration.name);
  const auto at = settings.find(alteration.name);
  auto list = split_list(at == settings.end() ? def->default_text : std::string_view(at->second));
  for (const auto& element : split_list(*alteration.value)) {
    const auto found = std::find(list.begin(), list.end(), element);
    if (append && found == list.end()) list.push_back(element);
    if (!append) std::erase(list, element);
  }
  settings.insert_or_assign(alteration.name, join_list(list));
  return std::nullopt;
}

}  // namespace

AlterResult alter_settings(ResourceKind kind, Settings current, std::span<const Alteration> alterations) {
  AlterResult result{std::move(current), check_request(alterations)};
  for (const auto& alteration : alterations) {
    if (result.error) break;
    switch (alteration.operation) {
      case AlterOperation::set: result.settings.insert_or_assign(alteration.name, *alteration.value); break;
      case AlterOperation::remove: result.settings.erase(alteration.name); break;
      case AlterOperation::append:
      case AlterOperation::subtract: result.error = alter_list(kind, result.settings, alteration); break;
    }
  }
  return result;
}

}  // namespace moldau::config
