#include "replication/controller/cluster_membership.h"

#include <fmt/format.h>

#include <set>

#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

Error store_error(const std::string& what, StoreError error) { return Error(error_code(error), fmt::format("metadata store: {}: {}", what, to_string(error))); }

}  // namespace

Awaitable<Result<std::string>> prepare_cluster(MetadataStore& store, std::optional<std::string> preferred, Random& random) {
  // Parents before children, each once; what exists already says so and is fine.
  std::vector<StoreOp> ops;
  std::set<std::string> made;
  for (const auto& path : znodes::standing_paths())
    for (auto at = path.find('/', 1);; at = path.find('/', at + 1)) {
      const auto step = path.substr(0, at);
      if (made.insert(step).second) ops.push_back(StoreOp::create(step));
      if (at == std::string::npos) break;
    }
  ops.push_back(StoreOp::create("/cluster"));
  const std::string path(znodes::kClusterId);
  ops.push_back(StoreOp::create(path, znodes::encode_cluster_id(preferred ? *preferred : Uuid::make_random(random).to_string())));
  ops.push_back(StoreOp::get(path));
  const auto answers = co_await store.pipeline(std::move(ops));
  for (const auto& a : answers)
    if (!a.ok() && a.error != StoreError::node_exists) co_return store_error("the standing paths cannot be made", a.error);
  auto id = znodes::decode_cluster_id(answers.back().data);
  if (!id) co_return Error(ErrorCode::unknown_server_error, fmt::format("znode {}: {}", path, id.error().message));
  co_return id;
}

Awaitable<Result<BrokerId>> generate_broker_id(MetadataStore& store, std::int32_t reserved_max_id) {
  const auto set = co_await store.set(std::string(znodes::kBrokerSequence), "");
  if (!set) co_return store_error("no broker id can be generated", set.error());
  co_return BrokerId(reserved_max_id + set->version);
}

Awaitable<Result<std::int64_t>> register_broker(MetadataStore& store, znodes::BrokerRegistration broker, std::optional<std::int64_t> earlier_session) {
  // No two brokers may say that they are at one address.
  const auto others = co_await store.children(std::string(znodes::kBrokerIds));
  if (!others) co_return store_error("brokers cannot be listed", others.error());
  std::vector<StoreOp> reads;
  for (const auto& name : *others)
    if (name != std::to_string(broker.id.value())) reads.push_back(StoreOp::get(fmt::format("{}/{}", znodes::kBrokerIds, name)));
  const auto nodes = co_await store.pipeline(std::move(reads));
  for (const auto& node : nodes) {
    if (!node.ok()) continue;
    const auto other = znodes::decode_broker(kNoBroker, node.data);
    if (!other) continue;
    for (const auto& theirs : other->endpoints)
      for (const auto& ours : broker.endpoints)
        if (theirs.host == ours.host && theirs.port == ours.port)
          co_return Error(ErrorCode::invalid_config, fmt::format("Configured end points {}:{} in advertised listeners are already registered by another broker", ours.host, ours.port));
  }

  const auto path = znodes::broker_path(broker.id);
  const auto data = znodes::encode(broker);
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::vector<StoreOp> ops;
    // Apache Kafka's own two steps: the node begins at version 1.
    ops.push_back(StoreOp::create(path, std::nullopt, CreateMode::ephemeral));
    ops.push_back(StoreOp::set(path, data, 0));
    const auto answer = co_await store.multi(std::move(ops));
    if (answer.ok()) {
      MOLDAU_LOG(controller, info, "broker {} is registered, epoch {}", broker.id.value(), answer.results[1].stat.czxid);
      co_return answer.results[1].stat.czxid;
    }
    if (answer.error != StoreError::node_exists) co_return store_error(path, answer.error);
    const auto there = co_await store.exists(path);
    if (!there && there.error() != StoreError::no_node) co_return store_error(path, there.error());
    if (!there) continue;  // gone meanwhile
    if (there->ephemeral_owner == store.session_id()) co_return there->czxid;
    if (!earlier_session || there->ephemeral_owner != *earlier_session) break;
    // Of our own earlier session, which the server has not given up yet (ZOOKEEPER-2985).
    static_cast<void>(co_await store.remove(path, there->version));
  }
  co_return Error(ErrorCode::duplicate_broker_registration,
                  fmt::format("broker id {} is taken: {} belongs to another session. Another broker runs with this id, or its session has not expired yet", broker.id.value(), path));
}

Awaitable<Status> update_broker_registration(MetadataStore& store, znodes::BrokerRegistration broker) {
  const auto path = znodes::broker_path(broker.id);
  auto data = znodes::encode(broker);
  const auto written = co_await store.set(path, std::move(data));
  if (!written) co_return store_error(path, written.error());
  MOLDAU_LOG(controller, info, "broker {} is registered with new endpoints", broker.id.value());
  co_return Status{};
}

Awaitable<Result<std::map<std::string, znodes::EntityConfig>>> read_entity_configs(MetadataStore& store, std::string kind) {
  std::map<std::string, znodes::EntityConfig> out;
  const auto parent = znodes::config_path(kind);
  const auto names = co_await store.children(parent);
  if (!names && names.error() == StoreError::no_node) co_return out;
  if (!names) co_return store_error(parent, names.error());
  std::vector<StoreOp> ops;
  for (const auto& name : *names) ops.push_back(StoreOp::get(parent + "/" + name));
  const auto answers = co_await store.pipeline(std::move(ops));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    auto config = znodes::decode_config(answers[i].data);
    if (config)
      out.emplace((*names)[i], std::move(*config));
    else
      MOLDAU_LOG(metadata, err, "znode {}/{} is ignored: {}", parent, (*names)[i], config.error().message);
  }
  co_return out;
}

Awaitable<Result<znodes::EntityConfig>> read_entity_config(MetadataStore& store, std::string entity_path, std::optional<SteadyTime> deadline) {
  const auto path = znodes::config_path(entity_path);
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::get(path));
  const auto answers = co_await store.pipeline(std::move(ops), deadline);
  const auto& node = answers.front();
  if (node.error == StoreError::no_node) co_return znodes::EntityConfig();
  if (!node.ok()) co_return store_error(path, node.error);
  auto config = znodes::decode_config(node.data);
  if (!config) co_return Error(ErrorCode::unknown_server_error, fmt::format("znode {}: {}", path, config.error().message));
  co_return config;
}

}  // namespace moldau::replication
