#include "config/cross_checks.h"

#include <algorithm>
#include <array>

#include "config/value.h"
#include "protocol/base/log.h"

namespace moldau::config {
namespace {

using Finding = std::optional<std::string>;

std::string names_of(const std::vector<Endpoint>& endpoints) {
  std::string out;
  for (const auto& endpoint : endpoints) out += (out.empty() ? "" : ",") + endpoint.listener_name;
  return out;
}

const Endpoint* find_listener(const std::vector<Endpoint>& endpoints, std::string_view name) {
  const auto at = std::find_if(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) { return e.listener_name == name; });
  return at == endpoints.end() ? nullptr : &*at;
}

Finding check_broker_id(const BrokerConfig& c) {
  if (!c.broker_id_generation_enable && c.broker_id < 0) return "broker.id must be greater than or equal to 0 when broker.id.generation.enable is false";
  if (c.broker_id_generation_enable && (c.broker_id < -1 || c.broker_id > c.reserved_broker_max_id))
    return "broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id";
  return std::nullopt;
}

Finding check_data_dirs(const BrokerConfig& c) {
  if (c.data_dirs.empty()) {
    const std::string_view key = c.log_dirs ? "log.dirs" : "log.dir";
    return std::string(key) + " is empty: at least one log directory must be defined via log.dirs or log.dir; write " + std::string(key) + "=/path, or leave the key out";
  }
  auto sorted = c.data_dirs;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) return "log.dirs names " + *twice + " twice";
  return std::nullopt;
}

/// Anything below 0 means unlimited, as in Kafka 3.9 KafkaConfig.getLogRetentionTimeMillis; only 0 is refused.
Finding check_retention(const BrokerConfig& c) {
  constexpr std::string_view kRule = " must be unlimited (-1) or, greater than or equal to 1";
  if (c.log_retention_ms == 0) return "log.retention.ms" + std::string(kRule);
  if (!c.log_retention_ms && c.log_retention_minutes == 0) return "log.retention.minutes" + std::string(kRule);
  if (!c.log_retention_ms && !c.log_retention_minutes && c.log_retention_hours == 0) return "log.retention.hours" + std::string(kRule);
  return std::nullopt;
}

Finding check_roll(const BrokerConfig& c) {
  if (c.log_roll_ms && *c.log_roll_ms < 1) return "log.roll.ms must be greater than or equal to 1";
  if (c.log_roll_jitter_ms && *c.log_roll_jitter_ms < 0) return "log.roll.jitter.ms must be greater than or equal to 0";
  return std::nullopt;
}

Finding check_compaction_lag(const BrokerConfig& c) {
  if (c.log_cleaner_min_compaction_lag_ms > c.log_cleaner_max_compaction_lag_ms)
    return "log.cleaner.min.compaction.lag.ms must not be greater than log.cleaner.max.compaction.lag.ms";
  return std::nullopt;
}

Finding check_cleaner_memory(const BrokerConfig& c) {
  if (c.log_cleaner_enable && c.log_cleaner_threads > 0 && c.log_cleaner_dedupe_buffer_size / c.log_cleaner_threads <= 1024 * 1024)
    return "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.";
  return std::nullopt;
}

Finding check_replica_fetch(const BrokerConfig& c) {
  if (c.replica_fetch_wait_max_ms > c.replica_socket_timeout_ms)
    return "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts";
  if (c.replica_fetch_wait_max_ms > c.replica_lag_time_max_ms)
    return "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR";
  return std::nullopt;
}

Finding check_offset_acks(const BrokerConfig& c) {
  if (c.offsets_commit_required_acks < -1 || c.offsets_commit_required_acks > c.offsets_topic_replication_factor)
    return "offsets.commit.required.acks must be greater or equal -1 and less or equal to offsets.topic.replication.factor";
  return std::nullopt;
}

Finding check_compression_codec(const BrokerConfig& c) {
  if (c.offsets_topic_compression_codec < 0 || c.offsets_topic_compression_codec > 4)
    return "offsets.topic.compression.codec: Unknown compression type id: " + std::to_string(c.offsets_topic_compression_codec);
  return std::nullopt;
}

Finding check_request_memory(const BrokerConfig& c) {
  if (c.queued_max_request_bytes > 0 && c.queued_max_request_bytes < c.socket_request_max_bytes)
    return "queued.max.request.bytes must be larger or equal to socket.request.max.bytes";
  return std::nullopt;
}

Finding check_connections_per_ip(const BrokerConfig& c) {
  if (c.max_connections_per_ip == 0 && c.max_connections_overrides.empty())
    return "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.";
  return std::nullopt;
}

Finding check_authentication_delay(const BrokerConfig& c) {
  if (c.connections_max_idle_ms > 0 && c.connection_failed_authentication_delay_ms >= c.connections_max_idle_ms)
    return "connection.failed.authentication.delay.ms=" + std::to_string(c.connection_failed_authentication_delay_ms) +
           " should always be less than connections.max.idle.ms=" + std::to_string(c.connections_max_idle_ms) +
           " to prevent failed authentication responses from timing out";
  return std::nullopt;
}

Finding check_has_listener(const BrokerConfig& c) {
  if (c.endpoints.empty()) return "listeners must name at least one listener, as in listeners=PLAINTEXT://:9092";
  if (c.advertised_endpoints.empty()) return "advertised.listeners must name at least one listener, or be left out";
  return std::nullopt;
}

Finding check_advertised_address(const BrokerConfig& c) {
  if (!c.advertised_listeners || c.advertised_auto) return std::nullopt;
  for (const auto& endpoint : c.advertised_endpoints)
    if (endpoint.host == "0.0.0.0")
      return "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address, a host name, or advertised.listeners=auto.";
  return std::nullopt;
}

Finding check_advertised_names(const BrokerConfig& c) {
  for (const auto& endpoint : c.advertised_endpoints)
    if (find_listener(c.endpoints, endpoint.listener_name) == nullptr)
      return "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found " + names_of(c.advertised_endpoints) +
             ". The valid options based on the current configuration are " + names_of(c.endpoints);
  return std::nullopt;
}

Finding check_inter_broker_listener(const BrokerConfig& c) {
  if (c.inter_broker_listener_name && !c.inter_broker_listener_name->empty() && c.security_inter_broker_protocol != "PLAINTEXT")
    return "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.";
  if (c.endpoints.empty() || c.advertised_endpoints.empty() || find_listener(c.advertised_endpoints, c.inter_broker_listener) != nullptr) return std::nullopt;
  return "inter.broker.listener.name must be a listener name defined in advertised.listeners; " + c.inter_broker_listener +
         " is not. The valid options based on currently configured listeners are " + names_of(c.advertised_endpoints);
}

Finding check_protocols_are_there(const BrokerConfig& c) {
  for (const auto& endpoint : c.endpoints)
    if (endpoint.security_protocol != SecurityProtocol::plaintext)
      return "listener " + endpoint.listener_name + " of listeners uses " + std::string(to_string(endpoint.security_protocol)) +
             ": SSL and SASL listeners are not there yet; remove it from listeners, or map it to PLAINTEXT in listener.security.protocol.map";
  return std::nullopt;
}

std::string log_categories() {
  std::string all;
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i) all += (i == 0 ? "" : ", ") + std::string(moldau::to_string(static_cast<LogCategory>(i)));
  return all;
}

bool is_log_category(std::string_view name) {
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i)
    if (moldau::to_string(static_cast<LogCategory>(i)) == name) return true;
  return false;
}

Finding check_logging_level(const BrokerConfig& c) {
  constexpr std::array<std::string_view, 7> kLevels = {"trace", "debug", "info", "warn", "error", "critical", "off"};
  for (const auto& entry : c.logging_level) {
    const auto colon = entry.rfind(':');
    const auto level = to_lower(colon == std::string::npos ? entry : entry.substr(colon + 1));
    if (std::find(kLevels.begin(), kLevels.end(), level) == kLevels.end())
      return "Invalid value " + entry + " for configuration logging.level: write LEVEL or CATEGORY:LEVEL with trace, debug, info, warn, error, critical or off";
    if (colon != std::string::npos && !is_log_category(std::string_view(entry).substr(0, colon)))
      return "Invalid value " + entry + " for configuration logging.level: there is no such category; there are " + log_categories();
  }
  return std::nullopt;
}

using Rule = Finding (*)(const BrokerConfig&);
constexpr std::array<Rule, 18> kRules = {
    check_broker_id,        check_data_dirs,           check_retention,           check_roll,           check_compaction_lag, check_cleaner_memory,
    check_replica_fetch,    check_offset_acks,         check_compression_codec,   check_request_memory, check_connections_per_ip,
    check_authentication_delay, check_has_listener,    check_advertised_address,  check_advertised_names, check_inter_broker_listener,
    check_protocols_are_there, check_logging_level};

bool holds(RefusedWhen when, const PropertyDef& def, std::string_view text) {
  switch (when) {
    case RefusedWhen::never: return false;
    case RefusedWhen::non_empty: return !text.empty();
    case RefusedWhen::non_default: return text != def.default_text;
    case RefusedWhen::is_true: return to_lower(text) == "true";
  }
  return false;
}

/// The text as Kafka would print the parsed value, so that 0.50 is 0.5.
std::string normal_text(const PropertyDef& def, std::string_view text) {
  try {
    return to_text(parse_value(def, text)).value_or("");
  } catch (const ConfigError&) {
    return std::string(trim(text));
  }
}

}  // namespace

std::vector<std::string> cross_check(const BrokerConfig& config) {
  std::vector<std::string> findings;
  for (const auto rule : kRules)
    if (auto finding = rule(config)) findings.push_back(std::move(*finding));
  return findings;
}

std::vector<std::string> cross_check_warnings(const BrokerConfig& config) {
  std::vector<std::string> warnings;
  if (config.group_min_session_timeout_ms > config.group_max_session_timeout_ms)
    warnings.emplace_back("group.min.session.timeout.ms is greater than group.max.session.timeout.ms: no consumer can join a group");
  if (config.message_max_bytes > config.log_segment_bytes)
    warnings.emplace_back("message.max.bytes is greater than log.segment.bytes: the largest batches cannot be appended");
  for (const auto& endpoint : config.endpoints)
    if (find_listener(config.advertised_endpoints, endpoint.listener_name) == nullptr)
      warnings.push_back("advertised.listeners leaves out " + endpoint.listener_name + " of listeners: clients that connect there get no brokers (LISTENER_NOT_FOUND)");
  if (config.advertised_listeners_auto_external && !config.advertised_auto)
    warnings.emplace_back("advertised.listeners.auto.external has no effect without advertised.listeners=auto");
  return warnings;
}

std::optional<std::string> refusal(const PropertyDef& def, std::string_view text) {
  if (def.support != Support::refused || !holds(def.refused_when, def, trim(text))) return std::nullopt;
  return std::string(def.note);
}

std::optional<std::string> notice(const PropertyDef& def, std::string_view text) {
  if (def.support != Support::not_needed && def.support != Support::later) return std::nullopt;
  const auto normal = normal_text(def, text);
  if (normal == def.default_text) return std::nullopt;
  return (def.support == Support::later ? "has no effect yet: " : "is not needed here: ") + std::string(def.note);
}

}  // namespace moldau::config
