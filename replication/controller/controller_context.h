// ControllerContext: the cluster as the controller knows it (Kafka 3.9 ControllerContext). A plain value; only the controller's event loop touches it.
//
// Invariants:
//  1. A partition has a state, and each of its replicas has one, from the moment it is known.
//  2. `leadership` is what the state node holds, with the node's version; absent until the node was written or read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/store/znodes.h"

namespace moldau::replication {

/// A partition's state node with its version.
struct LeaderAndIsr {
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch{0};
  std::vector<BrokerId> isr;
  bool recovering = false;
  std::int32_t partition_epoch = 0;  ///< The node's version.
  std::int32_t controller_epoch = 0;

  [[nodiscard]] bool in_isr(BrokerId id) const noexcept;
  friend bool operator==(const LeaderAndIsr&, const LeaderAndIsr&) = default;
};

inline constexpr BrokerId kLeaderDuringDelete{-2};
inline constexpr LeaderEpoch kEpochDuringDelete{-2};

enum class PartitionStateName : std::uint8_t { non_existent, new_partition, online, offline };
enum class ReplicaStateName : std::uint8_t { non_existent, new_replica, online, offline, deletion_started, deletion_successful, deletion_ineligible };
std::string_view to_string(PartitionStateName state) noexcept;
std::string_view to_string(ReplicaStateName state) noexcept;

struct PartitionEntry {
  znodes::ReplicaAssignment assignment;
  std::optional<LeaderAndIsr> leadership;
  PartitionStateName state = PartitionStateName::non_existent;
  std::vector<std::pair<BrokerId, ReplicaStateName>> replica_states;
};

struct TopicEntry {
  TopicId id;
  std::map<std::int32_t, PartitionEntry> partitions;
};

struct LiveBroker {
  znodes::BrokerRegistration registration;
  std::int64_t epoch = -1;  ///< czxid of its node.
};

/// One replica of a partition.
struct PartitionReplica {
  TopicPartition partition;
  BrokerId replica = kNoBroker;

  friend auto operator<=>(const PartitionReplica&, const PartitionReplica&) = default;
};

class ControllerContext {
 public:
  std::int32_t epoch = 0;
  std::int32_t epoch_version = 0;  ///< Version of /controller_epoch: guards every write.
  std::map<BrokerId, LiveBroker> live_brokers;
  std::set<BrokerId> shutting_down;
  std::map<BrokerId, std::set<TopicPartition>> offline_dir_replicas;  ///< Replicas in failed log directories.
  std::map<std::string, TopicEntry, std::less<>> topics;
  std::set<std::string, std::less<>> topics_to_delete;
  std::set<std::string, std::less<>> topics_with_deletion_started;
  std::set<std::string, std::less<>> topics_ineligible_for_deletion;

  void clear();

  // ---- brokers ----
  [[nodiscard]] bool is_live(BrokerId id) const { return live_brokers.contains(id); }
  /// Live and not shutting down.
  [[nodiscard]] bool is_eligible(BrokerId id) const { return is_live(id) && !shutting_down.contains(id); }
  [[nodiscard]] std::vector<BrokerId> live_broker_ids() const;
  /// The broker is live (not shutting down unless asked) and the partition is not in one of its failed directories.
  [[nodiscard]] bool is_replica_online(BrokerId id, const TopicPartition& tp, bool include_shutting_down = false) const;

  // ---- partitions ----
  [[nodiscard]] PartitionEntry* find(TopicPartitionView tp);
  [[nodiscard]] const PartitionEntry* find(TopicPartitionView tp) const;
  [[nodiscard]] TopicId topic_id(std::string_view topic) const;
  void set_assignment(const TopicPartition& tp, znodes::ReplicaAssignment assignment);
  void remove_topic(std::string_view topic);
  [[nodiscard]] std::vector<TopicPartition> partitions_of(std::string_view topic) const;
  [[nodiscard]] std::vector<TopicPartition> all_partitions() const;
  [[nodiscard]] std::vector<TopicPartition> partitions_in(PartitionStateName a, PartitionStateName b) const;
  [[nodiscard]] std::vector<PartitionReplica> replicas_of_topic(std::string_view topic) const;
  [[nodiscard]] std::vector<PartitionReplica> replicas_of_broker(BrokerId id) const;
  [[nodiscard]] std::vector<PartitionReplica> replicas_in(std::string_view topic, ReplicaStateName state) const;
  [[nodiscard]] bool any_replica_in(std::string_view topic, ReplicaStateName state) const;
  [[nodiscard]] bool all_replicas_in(std::string_view topic, ReplicaStateName state) const;
  [[nodiscard]] ReplicaStateName replica_state(const PartitionReplica& replica) const;
  void set_replica_state(const PartitionReplica& replica, ReplicaStateName state);  // non_existent: forgotten

  // ---- deletion ----
  [[nodiscard]] bool is_queued_for_deletion(std::string_view topic) const { return topics_to_delete.find(topic) != topics_to_delete.end(); }
};

/// Kafka 3.9 PartitionState.validPreviousStates, ReplicaState.validPreviousStates.
bool is_valid_transition(PartitionStateName from, PartitionStateName to) noexcept;
bool is_valid_transition(ReplicaStateName from, ReplicaStateName to) noexcept;

}  // namespace moldau::replication
