// A broker's way into its cluster (Kafka 3.9 KafkaServer.startup, KafkaZkClient): standing paths, cluster id, generated broker id, registration.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/random.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::replication {

/// Makes sure of the standing paths and of the cluster's id, in one round trip. A cluster without an id gets `preferred` (from meta.properties or cluster.id),
/// else a random one. Returns the cluster's id.
Awaitable<Result<std::string>> prepare_cluster(MetadataStore& store, std::optional<std::string> preferred, Random& random);

/// The next generated broker id: above reserved.broker.max.id.
Awaitable<Result<BrokerId>> generate_broker_id(MetadataStore& store, std::int32_t reserved_max_id);

/// Registers the broker as an ephemeral node; returns its epoch (czxid). A node that is left of an earlier session of this process is replaced; of anybody else:
/// DUPLICATE_BROKER_REGISTRATION. INVALID_CONFIG when another broker advertises the same address.
Awaitable<Result<std::int64_t>> register_broker(MetadataStore& store, znodes::BrokerRegistration broker, std::optional<std::int64_t> earlier_session = std::nullopt);

/// Writes new endpoints into the broker's own node (Kafka 3.9 KafkaZkClient.updateBrokerInfo); the controller sees the change and tells the others. The node must be
/// there: one that is not comes back with the next session's registration.
Awaitable<Status> update_broker_registration(MetadataStore& store, znodes::BrokerRegistration broker);

/// All entities of one kind under /config: "topics", "brokers", ... Broken nodes are named in the log and left out.
Awaitable<Result<std::map<std::string, znodes::EntityConfig>>> read_entity_configs(MetadataStore& store, std::string kind);
/// One entity's configuration; empty when it has no node. `entity_path` is "topics/t", "brokers/1", ... `deadline`: MetadataStore::pipeline's.
Awaitable<Result<znodes::EntityConfig>> read_entity_config(MetadataStore& store, std::string entity_path, std::optional<SteadyTime> deadline = std::nullopt);

}  // namespace moldau::replication
