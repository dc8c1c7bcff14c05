#include "config/effective.h"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "config/property_rows.h"
#include "config/value.h"

namespace moldau::config {
namespace {

struct Line {
  std::string name;
  std::optional<std::string> value;  ///< null: not set
  std::string origin;
};

std::vector<Line> lines_of(const LoadResult& loaded, bool all) {
  std::vector<Line> lines;
  for (const auto& [name, setting] : loaded.settings) {
    const auto* def = resolve_broker_property(name);
    const bool hide = def == nullptr || def->sensitive();
    lines.push_back({name, hide ? "[hidden]" : setting.value, setting.origin.text});
  }
  if (!all) return lines;
  const BrokerConfig defaults;
  const auto& config = loaded.config != nullptr ? *loaded.config : defaults;
  for (const auto& def : broker_properties())
    if (def.support == Support::used && !def.internal && !loaded.settings.contains(def.name))
      lines.push_back({std::string(def.name), def.sensitive() ? std::nullopt : to_text(read(config, def)), "default"});
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.name < b.name; });
  return lines;
}

std::string counted(std::size_t n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

/// The last line: would it start, as what.
std::string verdict(const LoadResult& loaded) {
  if (!loaded.ok()) return counted(loaded.errors.size(), "error") + ", would not start\n";
  std::vector<std::string> listeners;
  for (const auto& endpoint : loaded.config->endpoints) listeners.push_back(endpoint.connection_string());
  std::vector<std::string> dirs;
  for (const auto& dir : loaded.config->data_dirs) dirs.push_back(std::filesystem::absolute(dir).lexically_normal().string());
  return "ok: single node, listens on " + join_list(listeners) + ", data in " + join_list(dirs) + ", " + counted(loaded.warnings.size(), "warning") + "\n";
}

std::string print_text(const LoadResult& loaded, const std::vector<Line>& lines) {
  std::string out;
  if (loaded.settings.empty() && loaded.errors.empty())
    out += "nothing is set: no " + std::string(kDefaultConfigFile) + " in " + std::filesystem::current_path().string() +
           ", no --config, no KAFKA_ variable, no --override; all defaults count (--all shows them)\n";
  for (const auto& line : lines) out += line.name + (line.value ? "=" + *line.value : " (not set)") + "  # " + line.origin + "\n";
  for (const auto& warning : loaded.warnings) out += "warning: " + warning + "\n";
  for (const auto& error : loaded.errors) out += "error: " + error + "\n";
  return out + verdict(loaded);
}

boost::json::array array_of(const std::vector<std::string>& texts) {
  boost::json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

std::string print_json(const LoadResult& loaded, const std::vector<Line>& lines) {
  boost::json::object settings;
  for (const auto& line : lines) {
    boost::json::object entry;
    if (line.value) {
      entry["value"] = *line.value;
    } else {
      entry["value"] = nullptr;
    }
    entry["origin"] = line.origin;
    settings[line.name] = std::move(entry);
  }
  boost::json::object out;
  out["ok"] = loaded.ok();
  out["settings"] = std::move(settings);
  out["warnings"] = array_of(loaded.warnings);
  out["errors"] = array_of(loaded.errors);
  return boost::json::serialize(out) + "\n";
}

}  // namespace

std::string print_effective(const LoadResult& loaded, EffectiveFormat format, bool all) {
  const auto lines = lines_of(loaded, all);
  return format == EffectiveFormat::json ? print_json(loaded, lines) : print_text(loaded, lines);
}

}  // namespace moldau::config
