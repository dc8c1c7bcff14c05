#include "config/property_table.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace moldau::config {
namespace {

const PropertyDef* find(std::span<const PropertyDef> rows, std::string_view name) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), name, [](const PropertyDef& row, std::string_view n) { return row.name < n; });
  return at != rows.end() && at->name == name ? &*at : nullptr;
}

bool may_be_listener_override(std::string_view key) {
  constexpr std::array<std::string_view, 5> kPlain = {"connections.max.reauth.ms", "max.connections", "max.connection.creation.rate",
                                                     "num.network.threads", "principal.builder.class"};
  return key.starts_with("ssl.") || key.starts_with("sasl.") || std::find(kPlain.begin(), kPlain.end(), key) != kPlain.end();
}

}  // namespace

const PropertyDef* find_broker_property(std::string_view name) { return find(broker_properties(), name); }
const PropertyDef* find_topic_property(std::string_view name) { return find(topic_properties(), name); }

ListenerOverride parse_listener_override(std::string_view name) {
  constexpr std::string_view kPrefix = "listener.name.";
  if (!name.starts_with(kPrefix)) return {};
  const auto rest = name.substr(kPrefix.size());
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const auto listener = rest.substr(0, dot);
  const auto key = rest.substr(dot + 1);
  if (const auto* base = find_broker_property(key); base != nullptr && may_be_listener_override(key)) return {base, listener, {}};
  const auto next = key.find('.');
  if (next == std::string_view::npos) return {};
  const auto inner = key.substr(next + 1);
  const auto* base = find_broker_property(inner);
  if (base == nullptr || !(inner.starts_with("sasl.") || inner == "connections.max.reauth.ms")) return {};
  return {base, listener, key.substr(0, next)};
}

const PropertyDef* resolve_broker_property(std::string_view name) {
  if (const auto* def = find_broker_property(name)) return def;
  return parse_listener_override(name).base;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto width = b.size() + 1;
  std::vector<std::size_t> before(width), above(width), row(width);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

Nearest nearest_broker_property(std::string_view name) {
  Nearest best;
  for (const auto& def : broker_properties()) {
    const auto distance = edit_distance(name, def.name);
    if (best.name.empty() || distance < best.distance) best = {def.name, distance};
  }
  return best.distance * 3 <= name.size() ? best : Nearest{};
}

std::string_view type_name(PropertyType type) {
  switch (type) {
    case PropertyType::boolean: return "BOOLEAN";
    case PropertyType::string: return "STRING";
    case PropertyType::int32: return "INT";
    case PropertyType::int16: return "SHORT";
    case PropertyType::int64: return "LONG";
    case PropertyType::real: return "DOUBLE";
    case PropertyType::list: return "LIST";
    case PropertyType::class_name: return "CLASS";
    case PropertyType::password: return "PASSWORD";
  }
  return "UNKNOWN";
}

std::int8_t config_type_id(PropertyType type) {
  switch (type) {
    case PropertyType::boolean: return 1;
    case PropertyType::string: return 2;
    case PropertyType::int32: return 3;
    case PropertyType::int16: return 4;
    case PropertyType::int64: return 5;
    case PropertyType::real: return 6;
    case PropertyType::list: return 7;
    case PropertyType::class_name: return 8;
    case PropertyType::password: return 9;
  }
  return 0;
}

}  // namespace moldau::config
