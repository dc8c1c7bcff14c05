#include "config/kraft_keys.h"

#include <algorithm>
#include <optional>

#include "config/value.h"

namespace moldau::config {
namespace {

std::vector<std::string> list_of(const StaticSettings& settings, std::string_view key) {
  const auto at = settings.find(key);
  if (at == settings.end()) return {};
  auto list = split_list(at->second.value);
  std::erase(list, "");
  return list;
}

/// Removes the entries whose name (before the colon) is one of `names`; drops the key when nothing is left.
void remove_listeners(StaticSettings& settings, std::string_view key, const std::vector<std::string>& names) {
  const auto at = settings.find(key);
  if (at == settings.end()) return;
  auto list = split_list(at->second.value);
  const auto before = list.size();
  std::erase_if(list, [&](const std::string& entry) { return std::find(names.begin(), names.end(), to_upper(trim(entry.substr(0, entry.find(':'))))) != names.end(); });
  if (list.size() == before) return;
  if (list.empty()) {
    settings.erase(at);
  } else {
    at->second.value = join_list(list);
  }
}

std::optional<std::string> why_not_single(const StaticSettings& settings, const std::vector<std::string>& roles) {
  const bool broker = std::find(roles.begin(), roles.end(), "broker") != roles.end();
  if (!broker) return "process.roles=" + join_list(roles) + ": there are no KRaft controllers here; use process.roles=broker,controller for a single node, or remove the key";
  for (const auto key : {"controller.quorum.voters", "controller.quorum.bootstrap.servers"})
    if (list_of(settings, key).size() > 1)
      return std::string(key) + " names several controllers: KRaft clusters are not there; a single node has one voter or none";
  if (roles.size() == 1 && !(list_of(settings, "controller.quorum.voters").empty() && list_of(settings, "controller.quorum.bootstrap.servers").empty()))
    return "process.roles=broker with voters elsewhere: KRaft clusters are not there; use process.roles=broker,controller for a single node, or remove the KRaft keys";
  return std::nullopt;
}

}  // namespace

void apply_kraft_keys(StaticSettings& settings, std::vector<std::string>& warnings, std::vector<std::string>& errors) {
  const auto roles = list_of(settings, "process.roles");
  std::vector<std::string> names;
  for (const auto& name : list_of(settings, "controller.listener.names")) names.push_back(to_upper(name));
  if (!roles.empty()) {
    if (auto reason = why_not_single(settings, roles)) {
      errors.push_back(std::move(*reason));
      return;
    }
    warnings.push_back("process.roles=" + join_list(roles) + ": a single node with the embedded metadata store; there is no KRaft" +
                       (names.empty() ? "" : ", the listeners of controller.listener.names stay closed"));
    const auto zookeeper = settings.find("zookeeper.connect");
    if (zookeeper != settings.end() && !trim(zookeeper->second.value).empty()) {
      warnings.emplace_back("zookeeper.connect and process.roles are both set: Kafka goes by the roles, and so does this node");
      settings.erase(zookeeper);
    }
  }
  if (names.empty()) return;
  for (const auto key : {"listeners", "advertised.listeners", "listener.security.protocol.map"}) remove_listeners(settings, key, names);
}

}  // namespace moldau::config
