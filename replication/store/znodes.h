// The znodes of an Apache Kafka 3.9 cluster in ZooKeeper mode: their paths, and their JSON as typed values (reference/zookeeper.md §1; Kafka 3.9 ZkData).
//
// Encoders write what Apache Kafka writes, key for key. Decoders take every version that a 3.9 broker takes, ignore unknown keys, and give a reason for
// anything else: a broken node is named in the log by whoever reads it and disturbs nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "replication/metadata/metadata_image.h"

namespace moldau::replication::znodes {

// ---- paths ----
inline constexpr std::string_view kClusterId = "/cluster/id";
inline constexpr std::string_view kBrokerIds = "/brokers/ids";
inline constexpr std::string_view kTopics = "/brokers/topics";
inline constexpr std::string_view kBrokerSequence = "/brokers/seqid";
inline constexpr std::string_view kController = "/controller";
inline constexpr std::string_view kControllerEpoch = "/controller_epoch";
inline constexpr std::string_view kFeature = "/feature";
inline constexpr std::string_view kDeleteTopics = "/admin/delete_topics";
inline constexpr std::string_view kReassignPartitions = "/admin/reassign_partitions";
inline constexpr std::string_view kPreferredElection = "/admin/preferred_replica_election";
inline constexpr std::string_view kIsrChanges = "/isr_change_notification";
inline constexpr std::string_view kLogDirEvents = "/log_dir_event_notification";
inline constexpr std::string_view kProducerIdBlock = "/latest_producer_id_block";
inline constexpr std::string_view kConfigChanges = "/config/changes";
inline constexpr std::string_view kConfigChangePrefix = "config_change_";
inline constexpr std::string_view kDefaultEntity = "<default>";

/// The nodes that every broker makes sure of at its start, in Kafka's order, without their parents.
const std::vector<std::string>& standing_paths();

std::string broker_path(BrokerId id);
std::string topic_path(std::string_view topic);
std::string partitions_path(std::string_view topic);
std::string partition_path(std::string_view topic, std::int32_t partition);
std::string state_path(std::string_view topic, std::int32_t partition);
std::string delete_topic_path(std::string_view topic);
/// "/config/topics/t", "/config/brokers/1", "/config/brokers/<default>": entity_path is "topics/t", ...
std::string config_path(std::string_view entity_path);

// ---- /brokers/ids/N ----
struct BrokerRegistration {
  BrokerId id = kNoBroker;  ///< From the path.
  std::vector<BrokerEndpoint> endpoints;
  std::optional<std::string> rack;
  std::int32_t jmx_port = -1;
  std::int64_t timestamp_ms = 0;

  friend bool operator==(const BrokerRegistration&, const BrokerRegistration&) = default;
};
/// Version 5.
std::string encode(const BrokerRegistration& broker);
/// Versions 1 to 5.
Result<BrokerRegistration> decode_broker(BrokerId id, std::string_view json);

// ---- /brokers/topics/T ----
struct ReplicaAssignment {
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> adding;
  std::vector<BrokerId> removing;

  [[nodiscard]] bool is_being_reassigned() const noexcept { return !adding.empty() || !removing.empty(); }
  friend bool operator==(const ReplicaAssignment&, const ReplicaAssignment&) = default;
};
struct TopicAssignment {
  TopicId topic_id;  ///< Zero: not there (versions 1 and 2).
  std::map<std::int32_t, ReplicaAssignment> partitions;

  friend bool operator==(const TopicAssignment&, const TopicAssignment&) = default;
};
/// Version 3.
std::string encode(const TopicAssignment& topic);
Result<TopicAssignment> decode_topic(std::string_view json);

// ---- /brokers/topics/T/partitions/P/state ----
struct PartitionState {
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch;
  std::vector<BrokerId> isr;
  std::int32_t controller_epoch = 0;
  bool recovering = false;  ///< leader_recovery_state 1

  friend bool operator==(const PartitionState&, const PartitionState&) = default;
};
std::string encode(const PartitionState& state);
Result<PartitionState> decode_state(std::string_view json);

// ---- /controller, /controller_epoch ----
struct ControllerNode {
  BrokerId broker_id = kNoBroker;
  std::int64_t timestamp_ms = 0;
  std::int32_t kraft_controller_epoch = -1;
};
std::string encode(const ControllerNode& controller);
Result<ControllerNode> decode_controller(std::string_view json);
Result<std::int32_t> decode_epoch(std::string_view text);

// ---- /feature ----
struct FeatureNode {
  bool enabled = true;
  std::map<std::string, std::int16_t> finalized;
};
/// Version 2.
std::string encode(const FeatureNode& feature);
/// Versions 1 and 2.
Result<FeatureNode> decode_feature(std::string_view json);

// ---- /cluster/id ----
std::string encode_cluster_id(std::string_view id);
Result<std::string> decode_cluster_id(std::string_view json);

// ---- /config/... ----
using EntityConfig = std::map<std::string, std::string, std::less<>>;
std::string encode_config(const EntityConfig& config);
Result<EntityConfig> decode_config(std::string_view json);
/// Version 2 of a change notification.
std::string encode_config_change(std::string_view entity_path);
/// The entity path of a change notification, of version 1 or 2.
Result<std::string> decode_config_change(std::string_view json);

// ---- /latest_producer_id_block ----
struct ProducerIdBlock {
  BrokerId broker = kNoBroker;
  std::int64_t first = 0;
  std::int64_t last = -1;  ///< Inclusive.
};
std::string encode(const ProducerIdBlock& block);
/// Nothing for an empty node.
Result<std::optional<ProducerIdBlock>> decode_producer_id_block(std::string_view json);

// ---- what old tools and brokers leave for the controller ----
std::string encode_partitions(const std::vector<TopicPartition>& partitions);  // preferred election, ISR changes
Result<std::vector<TopicPartition>> decode_partitions(std::string_view json);
Result<std::map<TopicPartition, std::vector<BrokerId>>> decode_reassignments(std::string_view json);
std::string encode_log_dir_event(BrokerId broker);
Result<BrokerId> decode_log_dir_event(std::string_view json);

/// Users, clients and ips in paths: percent-encoded as Kafka's Sanitizer does it (`us er` -> `us%20er`).
std::string sanitize(std::string_view name);
std::string desanitize(std::string_view name);

}  // namespace moldau::replication::znodes
