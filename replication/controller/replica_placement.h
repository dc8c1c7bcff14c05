// On which brokers a topic's replicas go (Kafka 3.9 AdminUtils.assignReplicasToBrokers, KIP-36). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/base/random.h"

namespace moldau::replication {

struct BrokerRack {
  BrokerId id = kNoBroker;
  std::optional<std::string> rack;
};

struct PlacementRequest {
  std::int32_t partitions = 1;
  std::int32_t replication_factor = 1;
  std::int32_t first_partition = 0;              ///< Additions begin behind the existing ones.
  std::optional<std::size_t> fixed_start;        ///< Additions: index of partition 0's first replica in the sorted brokers; else random.
};

/// Partition to replicas, in time and memory of the number of replicas: the caller bounds it. INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, or UNKNOWN_SERVER_ERROR when only
/// some brokers have a rack (Kafka's AdminOperationException).
Result<std::map<std::int32_t, std::vector<BrokerId>>> place_replicas(std::vector<BrokerRack> brokers, const PlacementRequest& request, Random& random);

}  // namespace moldau::replication
