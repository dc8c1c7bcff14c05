// The environment dialects of the common Kafka images: which variables are configuration, and for which key.
#include <algorithm>
#include <array>

#include "config/property_table.h"
#include "config/sources.h"
#include "config/value.h"

extern char** environ;  // NOLINT: POSIX

namespace moldau::config {
namespace {

using std::string_view_literals::operator""sv;

// What scripts, JVM tools, user interfaces and applications call KAFKA_ for themselves.
constexpr std::array kIgnored = {"KAFKA_HEAP_OPTS"sv, "KAFKA_OPTS"sv, "KAFKA_JVM_PERFORMANCE_OPTS"sv, "KAFKA_GC_LOG_OPTS"sv, "KAFKA_DEBUG"sv, "KAFKA_VERSION"sv,
                                 "KAFKA_HOME"sv, "KAFKA_BROKER"sv, "KAFKA_BROKERS"sv, "KAFKA_BROKER_LIST"sv, "KAFKA_BOOTSTRAP_SERVERS"sv, "KAFKA_GROUP_ID"sv,
                                 "KAFKA_URL"sv, "KAFKA_SECURITY_PROTOCOL"sv, "KAFKA_SASL_USERNAME"sv, "KAFKA_SASL_PASSWORD"sv, "KAFKA_KRAFT_MODE"sv,
                                 "KAFKA_ENABLE_KRAFT"sv, "KAFKA_CONTROLLER_QUORUM_MODE"sv, "KAFKA_BROKERCONNECT"sv, "KAFKA_DATA_DIR"sv, "KAFKA_CONF_DIR"sv,
                                 "KAFKA_LOG4J_LOGGERS"sv, "KAFKA_LOG4J_ROOT_LOGLEVEL"sv, "KAFKA_TOOLS_LOG4J_LOGLEVEL"sv, "KAFKA_LOG4J_OPTS"sv};
constexpr std::array kIgnoredPrefixes = {"KAFKA_JMX_"sv, "KAFKA_TOPIC"sv, "KAFKA_CONFLUENT_"sv, "KAFKA_REST_"sv, "KAFKA_KAFKA_REST_"sv, "KAFKA_CLUSTERS_"sv,
                                         "KAFKA_SHARE_"sv};

/// What Docker links and Kubernetes services inject.
bool is_platform_variable(std::string_view name, std::string_view value) {
  if (name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != std::string_view::npos || name.find("_ENV_") != std::string_view::npos) return true;
  if (name.find("_PORT_") != std::string_view::npos && (name.find("_TCP") != std::string_view::npos || name.find("_UDP") != std::string_view::npos)) return true;
  return (name.ends_with("_PORT") && value.starts_with("tcp://")) || (name.ends_with("_NAME") && value.starts_with('/'));
}

bool is_ignored(std::string_view name) {
  return std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end() ||
         std::any_of(kIgnoredPrefixes.begin(), kIgnoredPrefixes.end(), [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// `_` to `.`, `__` to `_`, `___` to `-`; longer runs are cut into threes first.
std::string underscores_to_key(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t run = 0;
    while (i + run < text.size() && text[i + run] == '_') ++run;
    if (run == 0) {
      out += text[i++];
      continue;
    }
    i += run;
    out.append(run / 3, '-');
    if (run % 3 == 1) out += '.';
    if (run % 3 == 2) out += '_';
  }
  return out;
}

void replace_once(std::string& text, std::string_view from, std::string_view to) {
  if (text.starts_with(from)) text.replace(0, from.size(), to);
}

}  // namespace

std::string environment_key(std::string_view name, std::string_view value) {
  if (name == "CLUSTER_ID" || name == "KAFKA_KRAFT_CLUSTER_ID") return "cluster.id";
  constexpr std::string_view kBitnami = "KAFKA_CFG_";
  constexpr std::string_view kPlain = "KAFKA_";
  const bool bitnami = name.starts_with(kBitnami);
  if (!name.starts_with(kPlain)) return {};
  const auto rest = name.substr(bitnami ? kBitnami.size() : kPlain.size());
  auto key = underscores_to_key(to_lower(rest));
  if (key == "zookeeper.client.cnxn.socket" || key == "zookeeper.clientcnxnsocket") key = "zookeeper.clientCnxnSocket";
  replace_once(key, "listener.name.sasl.ssl.", "listener.name.sasl_ssl.");
  replace_once(key, "listener.name.sasl.plaintext.", "listener.name.sasl_plaintext.");
  if (resolve_broker_property(key) != nullptr) return key;
  return !bitnami && (is_platform_variable(name, value) || is_ignored(name)) ? std::string() : key;
}

std::string environment_value(std::string_view value) {
  std::string out;
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size() && value[i + 1] == '\n') {
      ++i;
      while (i + 1 < value.size() && (value[i + 1] == ' ' || value[i + 1] == '\t')) ++i;
    } else {
      out += value[i] == '\n' ? ' ' : value[i];
    }
  }
  const auto start = out.find_first_not_of(" \t");
  return start == std::string::npos ? std::string() : out.substr(start);
}

Environment process_environment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace moldau::config
