#include "replication/store/znodes.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace moldau::replication::znodes {
namespace {

namespace json = boost::json;

Error bad(std::string why) { return Error(ErrorCode::unknown_server_error, std::move(why)); }

std::string quoted(std::string_view text) { return json::serialize(json::string_view(text.data(), text.size())); }

template <class List>
std::string ids(const List& list) {
  std::string out = "[";
  for (const auto id : list) {
    if (out.size() > 1) out += ',';
    out += std::to_string(id.value());
  }
  return out += ']';
}

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

/// A JSON object with checked reading of its members.
class Object {
 public:
  static Result<Object> parse(std::string_view text) {
    boost::system::error_code ec;
    auto value = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec) return bad("not JSON: " + ec.message());
    if (!value.is_object()) return bad("not a JSON object");
    return Object(std::move(value));
  }

  [[nodiscard]] const json::value* find(const char* key) const {
    const auto* v = value_.get_object().if_contains(key);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  /// A number, or a number as text (timestamps are).
  [[nodiscard]] std::optional<std::int64_t> number(const char* key) const {
    const auto* v = find(key);
    return v == nullptr ? std::nullopt : to_number(*v);
  }
  [[nodiscard]] std::optional<std::string> text(const char* key) const {
    const auto* v = find(key);
    if (v == nullptr || !v->is_string()) return std::nullopt;
    return std::string(view(v->get_string()));
  }
  [[nodiscard]] const json::object* object(const char* key) const {
    const auto* v = find(key);
    return v == nullptr ? nullptr : v->if_object();
  }
  [[nodiscard]] const json::array* array(const char* key) const {
    const auto* v = find(key);
    return v == nullptr ? nullptr : v->if_array();
  }
  static std::optional<std::int64_t> to_number(const json::value& v) {
    if (v.is_int64()) return v.get_int64();
    if (v.is_string()) {
      const auto s = view(v.get_string());
      std::int64_t n = 0;
      const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
      if (ec == std::errc{} && end == s.data() + s.size()) return n;
    }
    return std::nullopt;
  }

 private:
  explicit Object(json::value v) : value_(std::move(v)) {}
  json::value value_;
};

Result<std::vector<BrokerId>> broker_list(const json::value& v) {
  const auto* list = v.if_array();
  if (list == nullptr) return bad("broker ids are not a list");
  std::vector<BrokerId> out;
  for (const auto& e : *list) {
    const auto n = Object::to_number(e);
    if (!n) return bad("a broker id is not a number");
    out.emplace_back(static_cast<std::int32_t>(*n));
  }
  return out;
}

Result<std::int32_t> partition_number(std::string_view text) {
  std::int32_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc{} || end != text.data() + text.size() || n < 0) return bad(fmt::format("'{}' is no partition number", text));
  return n;
}

constexpr std::int32_t kMaxPort = 65535;
constexpr std::string_view kProtocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

std::optional<std::int16_t> protocol_id(std::string_view name) {
  for (std::int16_t i = 0; i < 4; ++i)
    if (kProtocols[i] == name) return i;
  return std::nullopt;
}

/// "NAME://host:port", with an IPv6 host in brackets.
Result<BrokerEndpoint> parse_endpoint(std::string_view text, const json::object* protocols) {
  const auto name_end = text.find("://");
  const auto port_at = text.rfind(':');
  if (name_end == std::string_view::npos || port_at == std::string_view::npos || port_at < name_end + 3) return bad(fmt::format("'{}' is no endpoint", text));
  BrokerEndpoint e;
  e.listener = text.substr(0, name_end);
  auto host = text.substr(name_end + 3, port_at - name_end - 3);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  e.host = host;
  const auto port = partition_number(text.substr(port_at + 1));
  if (!port || *port > kMaxPort) return bad(fmt::format("'{}' has no port", text));
  e.port = *port;
  std::string_view protocol = e.listener;
  if (protocols != nullptr) {
    const auto* mapped = protocols->if_contains(e.listener);
    if (mapped == nullptr || !mapped->is_string()) return bad(fmt::format("listener {} has no security protocol", e.listener));
    protocol = view(mapped->get_string());
  }
  const auto id = protocol_id(protocol);
  if (!id) return bad(fmt::format("unknown security protocol {}", protocol));
  e.security_protocol = *id;
  return e;
}

std::string host_text(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

const std::vector<std::string>& standing_paths() {
  static const std::vector<std::string> paths{"/consumers",      "/brokers/ids",    "/brokers/topics",          "/config/changes",          "/admin/delete_topics",
                                              "/brokers/seqid",  "/isr_change_notification", "/latest_producer_id_block", "/log_dir_event_notification",
                                              "/config/topics",  "/config/clients", "/config/users",            "/config/brokers",          "/config/ips"};
  return paths;
}

std::string broker_path(BrokerId id) { return fmt::format("{}/{}", kBrokerIds, id.value()); }
std::string topic_path(std::string_view topic) { return fmt::format("{}/{}", kTopics, topic); }
std::string partitions_path(std::string_view topic) { return fmt::format("{}/{}/partitions", kTopics, topic); }
std::string partition_path(std::string_view topic, std::int32_t partition) { return fmt::format("{}/{}/partitions/{}", kTopics, topic, partition); }
std::string state_path(std::string_view topic, std::int32_t partition) { return fmt::format("{}/{}/partitions/{}/state", kTopics, topic, partition); }
std::string delete_topic_path(std::string_view topic) { return fmt::format("{}/{}", kDeleteTopics, topic); }
std::string config_path(std::string_view entity_path) { return fmt::format("/config/{}", entity_path); }

std::string encode(const BrokerRegistration& broker) {
  std::string protocols;
  std::string endpoints;
  std::string host = "null";
  std::int32_t port = -1;
  for (const auto& e : broker.endpoints) {
    const auto at = static_cast<std::size_t>(e.security_protocol);
    const auto protocol = at < std::size(kProtocols) ? kProtocols[at] : kProtocols[0];
    protocols += fmt::format("{}{}:\"{}\"", protocols.empty() ? "" : ",", quoted(e.listener), protocol);
    endpoints += fmt::format("{}{}", endpoints.empty() ? "" : ",", quoted(fmt::format("{}://{}:{}", e.listener, host_text(e.host), e.port)));
    if (e.security_protocol == 0 && port == -1) {
      host = quoted(e.host);
      port = e.port;
    }
  }
  // The order of Apache Kafka's hash map.
  return fmt::format(R"({{"features":{{}},"listener_security_protocol_map":{{{}}},"endpoints":[{}],{}"jmx_port":{},"port":{},"host":{},"version":5,"timestamp":"{}"}})", protocols,
                     endpoints, broker.rack ? fmt::format("\"rack\":{},", quoted(*broker.rack)) : std::string(), broker.jmx_port, port, host, broker.timestamp_ms);
}

Result<BrokerRegistration> decode_broker(BrokerId id, std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto version = parsed->number("version");
  if (!version || *version < 1) return bad("no version");
  BrokerRegistration broker;
  broker.id = id;
  broker.jmx_port = static_cast<std::int32_t>(parsed->number("jmx_port").value_or(-1));
  broker.timestamp_ms = parsed->number("timestamp").value_or(-1);
  broker.rack = parsed->text("rack");
  if (*version == 1) {
    const auto host = parsed->text("host");
    const auto port = parsed->number("port");
    if (!host || !port || *port < 0 || *port > kMaxPort) return bad("version 1 without host and port");
    broker.endpoints.push_back({"PLAINTEXT", *host, static_cast<std::int32_t>(*port), 0});
    return broker;
  }
  const auto* endpoints = parsed->array("endpoints");
  if (endpoints == nullptr) return bad("no endpoints");
  const auto* protocols = *version >= 4 ? parsed->object("listener_security_protocol_map") : nullptr;
  for (const auto& e : *endpoints) {
    if (!e.is_string()) return bad("an endpoint is not a text");
    auto endpoint = parse_endpoint(view(e.get_string()), protocols);
    if (!endpoint) return endpoint.error();
    broker.endpoints.push_back(std::move(*endpoint));
  }
  return broker;
}

std::string encode(const TopicAssignment& topic) {
  std::string partitions;
  std::string adding;
  std::string removing;
  const auto append = [](std::string& to, std::int32_t partition, const std::vector<BrokerId>& replicas) {
    to += fmt::format("{}\"{}\":{}", to.empty() ? "" : ",", partition, ids(replicas));
  };
  for (const auto& [partition, replicas] : topic.partitions) {
    append(partitions, partition, replicas.replicas);
    if (!replicas.adding.empty()) append(adding, partition, replicas.adding);
    if (!replicas.removing.empty()) append(removing, partition, replicas.removing);
  }
  return fmt::format(R"({{"partitions":{{{}}},"topic_id":"{}","adding_replicas":{{{}}},"removing_replicas":{{{}}},"version":3}})", partitions, topic.topic_id.to_string(), adding,
                     removing);
}

Result<TopicAssignment> decode_topic(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  TopicAssignment topic;
  if (const auto id = parsed->text("topic_id")) {
    const auto uuid = Uuid::parse(*id);
    if (!uuid) return bad(fmt::format("'{}' is no topic id", *id));
    topic.topic_id = *uuid;
  }
  const auto read = [&](const char* key, std::vector<BrokerId> ReplicaAssignment::*member, bool must_exist) -> Status {
    const auto* object = parsed->object(key);
    if (object == nullptr) return {};
    for (const auto& entry : *object) {
      const auto partition = partition_number({entry.key().data(), entry.key().size()});
      if (!partition) return partition.error();
      auto list = broker_list(entry.value());
      if (!list) return list.error();
      if (must_exist && !topic.partitions.contains(*partition)) continue;
      topic.partitions[*partition].*member = std::move(*list);
    }
    return {};
  };
  if (auto s = read("partitions", &ReplicaAssignment::replicas, false); !s) return s.error();
  if (auto s = read("adding_replicas", &ReplicaAssignment::adding, true); !s) return s.error();
  if (auto s = read("removing_replicas", &ReplicaAssignment::removing, true); !s) return s.error();
  return topic;
}

std::string encode(const PartitionState& state) {
  if (state.recovering)
    return fmt::format(R"({{"controller_epoch":{},"leader":{},"version":1,"leader_epoch":{},"isr":{},"leader_recovery_state":1}})", state.controller_epoch, state.leader.value(),
                       state.leader_epoch.value(), ids(state.isr));
  return fmt::format(R"({{"controller_epoch":{},"leader":{},"version":1,"leader_epoch":{},"isr":{}}})", state.controller_epoch, state.leader.value(), state.leader_epoch.value(),
                     ids(state.isr));
}

Result<PartitionState> decode_state(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto leader = parsed->number("leader");
  const auto epoch = parsed->number("leader_epoch");
  const auto controller = parsed->number("controller_epoch");
  const auto* isr = parsed->find("isr");
  if (!leader || !epoch || !controller || isr == nullptr) return bad("leader, leader_epoch, controller_epoch and isr are needed");
  auto list = broker_list(*isr);
  if (!list) return list.error();
  PartitionState state;
  state.leader = BrokerId(static_cast<std::int32_t>(*leader));
  state.leader_epoch = LeaderEpoch(static_cast<std::int32_t>(*epoch));
  state.controller_epoch = static_cast<std::int32_t>(*controller);
  state.isr = std::move(*list);
  state.recovering = parsed->number("leader_recovery_state").value_or(0) == 1;
  return state;
}

std::string encode(const ControllerNode& controller) {
  return fmt::format(R"({{"version":2,"brokerid":{},"timestamp":"{}","kraftControllerEpoch":{}}})", controller.broker_id.value(), controller.timestamp_ms,
                     controller.kraft_controller_epoch);
}

Result<ControllerNode> decode_controller(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto id = parsed->number("brokerid");
  if (!id) return bad("no brokerid");
  ControllerNode node;
  node.broker_id = BrokerId(static_cast<std::int32_t>(*id));
  node.timestamp_ms = parsed->number("timestamp").value_or(-1);
  node.kraft_controller_epoch = static_cast<std::int32_t>(parsed->number("kraftControllerEpoch").value_or(-1));
  return node;
}

Result<std::int32_t> decode_epoch(std::string_view text) {
  const auto n = partition_number(text);
  if (!n) return bad(fmt::format("'{}' is no epoch", text));
  return *n;
}

std::string encode(const FeatureNode& feature) {
  std::string features;
  for (const auto& [name, level] : feature.finalized) features += fmt::format("{}{}:{}", features.empty() ? "" : ",", quoted(name), level);
  return fmt::format(R"({{"features":{{{}}},"version":2,"status":{}}})", features, feature.enabled ? 1 : 0);
}

Result<FeatureNode> decode_feature(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto version = parsed->number("version");
  if (!version || *version < 1 || *version > 2) return bad("unsupported version");
  const auto status = parsed->number("status");
  if (!status || *status < 0 || *status > 1) return bad("unknown status");
  FeatureNode node;
  node.enabled = *status == 1;
  if (const auto* features = parsed->object("features")) {
    for (const auto& entry : *features) {
      std::optional<std::int64_t> level = Object::to_number(entry.value());
      if (const auto* range = entry.value().if_object(); *version == 1 && range != nullptr)
        if (const auto* max = range->if_contains("max_version_level")) level = Object::to_number(*max);
      if (!level) return bad("a feature without a level");
      node.finalized[std::string(entry.key().data(), entry.key().size())] = static_cast<std::int16_t>(*level);
    }
  }
  return node;
}

std::string encode_cluster_id(std::string_view id) { return fmt::format(R"({{"version":"1","id":{}}})", quoted(id)); }

Result<std::string> decode_cluster_id(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  auto id = parsed->text("id");
  if (!id || id->empty()) return bad("no id");
  return *std::move(id);
}

std::string encode_config(const EntityConfig& config) {
  std::string entries;
  for (const auto& [key, value] : config) entries += fmt::format("{}{}:{}", entries.empty() ? "" : ",", quoted(key), quoted(value));
  return fmt::format(R"({{"version":1,"config":{{{}}}}})", entries);
}

Result<EntityConfig> decode_config(std::string_view text) {
  EntityConfig config;
  if (text.empty()) return config;
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto* entries = parsed->object("config");
  if (entries == nullptr) return config;
  for (const auto& entry : *entries) {
    const auto& v = entry.value();
    config[std::string(entry.key().data(), entry.key().size())] = v.is_string() ? std::string(view(v.get_string())) : json::serialize(v);
  }
  return config;
}

std::string encode_config_change(std::string_view entity_path) { return fmt::format(R"({{"version":2,"entity_path":{}}})", quoted(entity_path)); }

Result<std::string> decode_config_change(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto version = parsed->number("version");
  if (version == 1) {
    const auto type = parsed->text("entity_type");
    const auto name = parsed->text("entity_name");
    if (!type || !name) return bad("version 1 without entity_type and entity_name");
    return *type + "/" + *name;
  }
  auto path = parsed->text("entity_path");
  if (version != 2 || !path || path->find('/') == std::string::npos) return bad("not a version 2 notification");
  return *std::move(path);
}

std::string encode(const ProducerIdBlock& block) {
  return fmt::format(R"({{"version":1,"broker":{},"block_start":"{}","block_end":"{}"}})", block.broker.value(), block.first, block.last);
}

Result<std::optional<ProducerIdBlock>> decode_producer_id_block(std::string_view text) {
  if (text.empty()) return std::optional<ProducerIdBlock>();
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto broker = parsed->number("broker");
  const auto first = parsed->number("block_start");
  const auto last = parsed->number("block_end");
  if (!broker || !first || !last) return bad("broker, block_start and block_end are needed");
  ProducerIdBlock block;
  block.broker = BrokerId(static_cast<std::int32_t>(*broker));
  block.first = *first;
  block.last = *last;
  return std::optional(block);
}

std::string encode_partitions(const std::vector<TopicPartition>& partitions) {
  std::string list;
  for (const auto& tp : partitions) list += fmt::format(R"({}{{"topic":{},"partition":{}}})", list.empty() ? "" : ",", quoted(tp.topic), tp.partition);
  return fmt::format(R"({{"version":1,"partitions":[{}]}})", list);
}

namespace {

Result<TopicPartition> topic_partition(const json::value& v) {
  const auto* object = v.if_object();
  const auto* topic = object == nullptr ? nullptr : object->if_contains("topic");
  const auto* partition = object == nullptr ? nullptr : object->if_contains("partition");
  if (topic == nullptr || !topic->is_string() || partition == nullptr || !Object::to_number(*partition)) return bad("an entry without topic and partition");
  TopicPartition tp;
  tp.topic = view(topic->get_string());
  tp.partition = static_cast<std::int32_t>(*Object::to_number(*partition));
  return tp;
}

}  // namespace

Result<std::vector<TopicPartition>> decode_partitions(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  std::vector<TopicPartition> out;
  const auto* list = parsed->array("partitions");
  if (list == nullptr) return bad("no partitions");
  for (const auto& e : *list) {
    auto tp = topic_partition(e);
    if (!tp) return tp.error();
    out.push_back(std::move(*tp));
  }
  return out;
}

Result<std::map<TopicPartition, std::vector<BrokerId>>> decode_reassignments(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  std::map<TopicPartition, std::vector<BrokerId>> out;
  const auto* list = parsed->array("partitions");
  if (list == nullptr) return bad("no partitions");
  for (const auto& e : *list) {
    auto tp = topic_partition(e);
    if (!tp) return tp.error();
    const auto* replicas = e.get_object().if_contains("replicas");
    if (replicas == nullptr) return bad("an entry without replicas");
    auto brokers = broker_list(*replicas);
    if (!brokers) return brokers.error();
    out[std::move(*tp)] = std::move(*brokers);
  }
  return out;
}

std::string encode_log_dir_event(BrokerId broker) { return fmt::format(R"({{"version":1,"broker":{},"event":1}})", broker.value()); }

Result<BrokerId> decode_log_dir_event(std::string_view text) {
  auto parsed = Object::parse(text);
  if (!parsed) return parsed.error();
  const auto broker = parsed->number("broker");
  if (!broker) return bad("no broker");
  return BrokerId(static_cast<std::int32_t>(*broker));
}

std::string sanitize(std::string_view name) {
  // Java's URLEncoder with '+' -> %20 and '*' -> %2A; '~' is encoded too.
  std::string out;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", u);
  }
  return out;
}

std::string desanitize(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned value = 0;
    if (name[i] == '%' && i + 2 < name.size() && std::from_chars(name.data() + i + 1, name.data() + i + 3, value, 16).ptr == name.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += name[i] == '+' ? ' ' : name[i];
    }
  }
  return out;
}

}  // namespace moldau::replication::znodes
