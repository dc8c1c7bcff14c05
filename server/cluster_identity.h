// Who this broker is: settles broker id and cluster id out of configuration, meta.properties and metadata store (Kafka 3.9 KafkaServer.startup).
#pragma once

#include <string>

#include "config/broker_config.h"
#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/base/random.h"
#include "storage/log/log_manager.h"

namespace moldau::replication {
class MetadataStore;
}

namespace moldau::server {

struct ClusterIdentity {
  BrokerId broker_id = kNoBroker;
  std::string cluster_id;
};

/// `store` is this broker's alone. Without meta.properties the id is the one under which the store has partitions. Makes the cluster's standing nodes too.
/// INCONSISTENT_CLUSTER_ID or INVALID_CONFIG with a line that says what to change.
Awaitable<Result<ClusterIdentity>> settle_identity(replication::MetadataStore& store, config::BrokerConfigPtr config, storage::BrokerIdentity found, Random& random);

}  // namespace moldau::server
