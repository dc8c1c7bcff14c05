#include "server/cluster_identity.h"

#include <set>
#include <utility>
#include <vector>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/controller/cluster_membership.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;

/// The brokers on which the store puts partitions.
Awaitable<Result<std::set<BrokerId>>> known_brokers(replication::MetadataStore& store) {
  std::set<BrokerId> ids;
  const auto failed = [](replication::StoreError error) { return Error(replication::error_code(error), fmt::format("metadata store: {}", replication::to_string(error))); };
  const auto topics = co_await store.children(std::string(znodes::kTopics));
  if (!topics && topics.error() == replication::StoreError::no_node) co_return ids;
  if (!topics) co_return failed(topics.error());
  std::vector<replication::StoreOp> reads;
  for (const auto& topic : *topics) reads.push_back(replication::StoreOp::get(znodes::topic_path(topic)));
  const auto nodes = co_await store.pipeline(std::move(reads));
  for (const auto& node : nodes) {
    if (!node.ok()) co_return failed(node.error);
    const auto topic = znodes::decode_topic(node.data);
    if (!topic) continue;  // the controller tells of it
    for (const auto& [index, assignment] : topic->partitions) ids.insert(assignment.replicas.begin(), assignment.replicas.end());
  }
  co_return ids;
}

}  // namespace

Awaitable<Result<ClusterIdentity>> settle_identity(replication::MetadataStore& store, config::BrokerConfigPtr config, storage::BrokerIdentity found, Random& random) {
  auto preferred = found.cluster_id ? found.cluster_id : config->cluster_id;
  const auto cluster = co_await replication::prepare_cluster(store, std::move(preferred), random);
  if (!cluster) co_return cluster.error();
  if (found.cluster_id && *found.cluster_id != *cluster)
    co_return Error(ErrorCode::inconsistent_cluster_id,
                    fmt::format("the cluster id {} of the metadata is not {} of meta.properties: the log directories belong to another cluster; point log.dirs to the "
                                "right place",
                                *cluster, *found.cluster_id));
  if (!found.broker_id) {
    // The store is this broker's alone: meta.properties are gone, and partitions under another id would never have a leader.
    // DIFFERS: Apache Kafka cannot know, as its ZooKeeper serves other brokers too, and generates a new id.
    auto known = co_await known_brokers(store);
    if (!known) co_return known.error();
    if (known->size() == 1) {
      const auto id = *known->begin();
      if (config->broker_id >= 0 && id != BrokerId(config->broker_id))
        co_return Error(ErrorCode::invalid_config, fmt::format("broker.id={0} is not {1}, under which the embedded metadata store has its partitions (no log directory has a "
                                                               "meta.properties that says so): leave broker.id out, or point log.dirs to this broker's own data",
                                                               config->broker_id, id));
      MOLDAU_LOG(server, warn, "no log directory has meta.properties; broker id {} is taken from the embedded metadata store", id);
      found.broker_id = id;
    }
  }
  if (config->broker_id >= 0) {
    const BrokerId configured(config->broker_id);
    if (found.broker_id && *found.broker_id != configured)
      co_return Error(ErrorCode::invalid_config, fmt::format("broker.id={} is not {} of meta.properties: the log directories belong to another broker; set broker.id={} or "
                                                             "point log.dirs to this broker's own data",
                                                             configured, *found.broker_id, *found.broker_id));
    co_return ClusterIdentity{configured, *cluster};
  }
  if (found.broker_id) co_return ClusterIdentity{*found.broker_id, *cluster};
  if (!config->broker_id_generation_enable)
    co_return Error(ErrorCode::invalid_config, "broker.id is not set and broker.id.generation.enable=false: set broker.id to a number from 0 on");
  const auto id = co_await replication::generate_broker_id(store, config->reserved_broker_max_id);
  if (!id) co_return id.error();
  co_return ClusterIdentity{*id, *cluster};
}

}  // namespace moldau::server
