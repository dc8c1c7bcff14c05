#include "server/cluster_identity.h"

#include "protocol/base/format.h"
#include "replication/controller/cluster_membership.h"

namespace moldau::server {

Awaitable<Result<ClusterIdentity>> settle_identity(replication::MetadataStore& store, config::BrokerConfigPtr config, storage::BrokerIdentity found, Random& random) {
  auto preferred = found.cluster_id ? found.cluster_id : config->cluster_id;
  const auto cluster = co_await replication::prepare_cluster(store, std::move(preferred), random);
  if (!cluster) co_return cluster.error();
  if (found.cluster_id && *found.cluster_id != *cluster)
    co_return Error(ErrorCode::inconsistent_cluster_id,
                    fmt::format("the cluster id {} of the metadata is not {} of meta.properties: the log directories belong to another cluster; point log.dirs to the "
                                "right place",
                                *cluster, *found.cluster_id));
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
