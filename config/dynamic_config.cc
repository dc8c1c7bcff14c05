#include "config/dynamic_config.h"

#include <algorithm>
#include <array>

#include "config/cross_checks.h"
#include "config/property_table.h"
#include "config/value.h"

namespace moldau::config {
namespace {

constexpr std::array<std::string_view, 5> kThreadCounts = {"background.threads", "num.io.threads", "num.network.threads", "num.recovery.threads.per.data.dir",
                                                          "num.replica.fetchers"};

SettingsError request_error(std::string message) { return {SettingsError::Kind::invalid_request, false, std::move(message)}; }

std::string set_of(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return "Set(" + out + ")";
}

bool is_security_key(std::string_view name) { return name.starts_with("ssl.") || name.starts_with("sasl."); }

/// What one key may not be, whatever its value.
enum class KeyFault : std::uint8_t { none, read_only, needs_listener_prefix, needs_broker };

KeyFault fault_of(DynamicScope scope, std::string_view name) {
  const auto* def = find_broker_property(name);
  if (def != nullptr && def->dynamic == DynamicMode::read_only) return KeyFault::read_only;
  if (def != nullptr && is_security_key(name)) return KeyFault::needs_listener_prefix;
  if (scope == DynamicScope::broker) return KeyFault::none;
  const bool listener_override = parse_listener_override(name).base != nullptr;
  return listener_override || (def != nullptr && def->dynamic == DynamicMode::per_broker) ? KeyFault::needs_broker : KeyFault::none;
}

std::optional<SettingsError> check_names(DynamicScope scope, const Settings& proposed) {
  constexpr std::array<std::pair<KeyFault, std::string_view>, 3> kMessages = {
      {{KeyFault::read_only, "Cannot update these configs dynamically: "},
       {KeyFault::needs_listener_prefix, "These security configs can be dynamically updated only per-listener using the listener prefix: "},
       {KeyFault::needs_broker, "Cannot update these configs at default cluster level, broker id must be specified: "}}};
  for (const auto& [fault, message] : kMessages) {
    std::vector<std::string> names;
    for (const auto& [name, text] : proposed)
      if (fault_of(scope, name) == fault) names.push_back(name);
    if (!names.empty()) return request_error(std::string(message) + set_of(names));
  }
  return std::nullopt;
}

/// Why a value cannot be taken; nullopt: it can. Unknown keys pass.
std::optional<std::string> check_value(const std::string& name, const std::string& text) {
  const auto* def = resolve_broker_property(name);
  if (def == nullptr) return std::nullopt;
  if (parse_listener_override(name).base != nullptr && is_security_key(def->name)) return name + ": SSL and SASL listeners are not there yet";
  try {
    parse_value(*def, text, name);
  } catch (const ConfigError& error) {
    return error.what();
  }
  if (auto reason = refusal(*def, text)) return name + "=" + text + ": " + *reason;
  return std::nullopt;
}

/// Lays one layer over another; a key drives out its synonyms below (log.roll.ms the file's log.roll.hours).
void overlay(Settings& base, const Settings& layer) {
  for (const auto& [name, text] : layer) {
    if (const auto* def = find_broker_property(name))
      for (const auto synonym : def->synonyms) base.erase(std::string(synonym));
    base.insert_or_assign(name, text);
  }
}

Settings merge(const ConfigLayers& layers) {
  auto merged = plain_settings(layers.static_settings);
  overlay(merged, layers.cluster_default);
  overlay(merged, layers.broker);
  return merged;
}

std::optional<std::string> check_thread_count(std::string_view key, std::int64_t before, std::int64_t after) {
  const auto start = "Dynamic thread count update validation failed for " + std::string(key) + "=" + std::to_string(after) + ", value should ";
  if (after < before / 2) return start + "be at least half the current value " + std::to_string(before);
  if (after > before * 2) return start + "not be greater than double the current value " + std::to_string(before);
  return std::nullopt;
}

std::optional<std::string> check_cleaner_threads(const BrokerConfig& before, const BrokerConfig& after) {
  const auto current = before.log_cleaner_threads;
  if (after.log_cleaner_threads == current) return std::nullopt;
  if (after.log_cleaner_threads < 1) return "Log cleaner threads should be at least 1";
  if (after.log_cleaner_threads < current / 2) return "Log cleaner threads cannot be reduced to less than half the current value " + std::to_string(current);
  if (after.log_cleaner_threads > current * 2) return "Log cleaner threads cannot be increased to more than double the current value " + std::to_string(current);
  return std::nullopt;
}

std::int64_t count_of(const BrokerConfig& config, std::string_view key) {
  return key == "background.threads"    ? config.background_threads
         : key == "num.io.threads"      ? config.num_io_threads
         : key == "num.network.threads" ? config.num_network_threads
         : key == "num.replica.fetchers" ? config.num_replica_fetchers
                                         : config.num_recovery_threads_per_data_dir;
}

/// Kafka 3.9 DynamicListenerConfig.validateReconfiguration; what one snapshot shows alone is in cross_checks.cc.
std::optional<std::string> check_listeners(const BrokerConfig& before, const BrokerConfig& after) {
  for (const auto& was : before.endpoints)
    for (const auto& now : after.endpoints)
      if (was.listener_name == now.listener_name && was.security_protocol != now.security_protocol)
        return "Security protocol cannot be updated for existing listener ListenerName(" + was.listener_name + ")";
  return std::nullopt;
}

/// Kafka 3.9 ListenerConnectionQuota.validateReconfiguration: a listener, whether the limit is its own or the broker's, can't be shut by a change.
std::optional<std::string> check_listener_limits(const BrokerConfig& before, const BrokerConfig& after) {
  const auto refuse = [](std::string_view key, std::int32_t limit) {
    return "Invalid value org.apache.kafka.common.config.ConfigException: Invalid " + std::string(key) + " " + std::to_string(limit) +
           " for configuration Invalid dynamic configuration";
  };
  for (const auto& [name, protocol, host, port] : before.endpoints) {
    const auto most = [&](const BrokerConfig& c) { return c.listener_max_connections(name).value_or(c.max_connections); };
    const auto rate = [&](const BrokerConfig& c) { return c.listener_max_connection_creation_rate(name).value_or(c.max_connection_creation_rate); };
    if (most(before) == most(after) && rate(before) == rate(after)) continue;
    if (most(after) <= 0) return refuse("max.connections", most(after));
    if (rate(after) <= 0) return refuse("max.connection.creation.rate", rate(after));
  }
  return std::nullopt;
}

/// Rules about the step from one snapshot to the next.
std::optional<std::string> check_step(const BrokerConfig& before, const BrokerConfig& after) {
  for (const auto key : kThreadCounts)
    if (auto reason = check_thread_count(key, count_of(before, key), count_of(after, key))) return reason;
  if (auto reason = check_cleaner_threads(before, after)) return reason;
  if (auto reason = check_listeners(before, after)) return reason;
  return check_listener_limits(before, after);
}

Settings& scope_of(ConfigLayers& layers, DynamicScope scope) { return scope == DynamicScope::broker ? layers.broker : layers.cluster_default; }

/// The snapshot of the layers, or the reason why there is none.
std::optional<std::string> make_config(ConfigLayers& layers) {
  try {
    auto config = std::make_shared<const BrokerConfig>(make_broker_config(merge(layers)));
    if (auto findings = cross_check(*config); !findings.empty()) return findings.front();
    layers.config = std::move(config);
    return std::nullopt;
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

DynamicConfig::DynamicConfig(const LoadResult& loaded) : layers_(std::make_shared<const ConfigLayers>(ConfigLayers{loaded.settings, {}, {}, loaded.config})) {}

DynamicConfig::DynamicConfig(const Settings& static_settings) {
  ConfigLayers layers;
  for (const auto& [name, text] : static_settings) layers.static_settings[name] = {text, {Origin::Kind::file, "settings"}};
  layers.config = std::make_shared<const BrokerConfig>(make_broker_config(static_settings));
  layers_ = std::make_shared<const ConfigLayers>(std::move(layers));
}

ConfigLayersPtr DynamicConfig::layers() const {
  const std::lock_guard lock(mutex_);
  return layers_;
}

BrokerConfigPtr DynamicConfig::current() const {
  const std::lock_guard lock(mutex_);
  return layers_->config;
}

std::optional<SettingsError> DynamicConfig::validate(DynamicScope scope, const Settings& proposed) const {
  if (auto error = check_names(scope, proposed)) return error;
  for (const auto& [name, text] : proposed)
    if (auto reason = check_value(name, text)) return request_error(std::move(*reason));
  const auto now = layers();
  auto next = *now;
  scope_of(next, scope) = proposed;
  if (auto reason = make_config(next)) return request_error(std::move(*reason));
  if (auto reason = check_step(*now->config, *next.config)) return request_error(std::move(*reason));
  return std::nullopt;
}

std::vector<std::string> DynamicConfig::apply(DynamicScope scope, const Settings& settings) {
  const std::lock_guard applying(apply_mutex_);
  std::vector<std::string> passed_over;
  Settings good;
  for (const auto& [name, text] : settings) {
    if (fault_of(scope, name) != KeyFault::none) {
      passed_over.push_back(name + " cannot be set dynamically here");
    } else if (auto reason = check_value(name, text)) {
      passed_over.push_back(std::move(*reason));
    } else {
      good.emplace(name, text);
    }
  }
  auto next = *layers();
  scope_of(next, scope) = std::move(good);
  if (auto reason = make_config(next)) {
    passed_over.push_back("all of " + std::string(scope == DynamicScope::broker ? "the broker's" : "the cluster's") + " dynamic settings: " + *reason);
    return passed_over;
  }
  swap(std::move(next));
  return passed_over;
}

void DynamicConfig::swap(ConfigLayers next) {
  const auto before = current();
  const auto after = next.config;
  {
    const std::lock_guard lock(mutex_);
    layers_ = std::make_shared<const ConfigLayers>(std::move(next));
  }
  if (*before == *after) return;
  const auto listeners = listeners_;  // one may register or unregister another
  for (const auto& [id, listener] : listeners) listener(*before, *after);
}

DynamicConfig::Registration DynamicConfig::on_change(Listener listener) {
  const std::lock_guard lock(apply_mutex_);
  const auto id = next_listener_++;
  listeners_.emplace_back(id, std::move(listener));
  return {this, id};
}

void DynamicConfig::unregister(std::uint64_t id) {
  const std::lock_guard lock(apply_mutex_);
  std::erase_if(listeners_, [id](const auto& entry) { return entry.first == id; });
}

DynamicConfig::Registration& DynamicConfig::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    reset();
    owner_ = std::exchange(other.owner_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void DynamicConfig::Registration::reset() {
  if (auto* owner = std::exchange(owner_, nullptr)) owner->unregister(id_);
}

}  // namespace moldau::config
