// PartitionStateMachine and ReplicaStateMachine (Kafka 3.9, same names): how partitions and replicas move between their states, and what that asks of the
// store and of the brokers. Synchronous and without I/O: a step returns the state nodes to write; the caller writes them and reports back.
//
// Requests to brokers are gathered in the ControllerRequestBatch. An invalid transition is logged and left out, never an error of the others.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "replication/controller/controller_context.h"
#include "replication/controller/leader_election.h"
#include "replication/controller/request_batch.h"

namespace moldau::replication {

/// A state node that is to be written. `leadership.partition_epoch` is the version it must have (new nodes: -1, it must not exist).
struct StateWrite {
  TopicPartition partition;
  LeaderAndIsr leadership;
  std::vector<BrokerId> tell;  ///< Who gets LeaderAndIsr once it is written.
};

class PartitionStateMachine {
 public:
  PartitionStateMachine(ControllerContext& context, ControllerRequestBatch& batch) : context_(context), batch_(batch) {}

  /// To NewPartition, OfflinePartition or NonExistentPartition: nothing but the state changes.
  void mark(const std::vector<TopicPartition>& partitions, PartitionStateName target);

  /// What can go online, split by how: new partitions are initialised, the others elected. Others are left out with a line in the log.
  struct OnlinePlan {
    std::vector<StateWrite> initialize;
    std::vector<TopicPartition> elect;
  };
  OnlinePlan plan_online(const std::vector<TopicPartition>& partitions);
  /// The first state node of a partition was created.
  void initialized(const StateWrite& write);

  /// Chooses a leader given the state node as read; nothing (logged) when none fits.
  std::optional<StateWrite> elect(const TopicPartition& tp, const LeaderAndIsr& current, ElectionStrategy strategy, bool unclean_allowed);
  /// The elected leadership was written, giving the node `version`.
  void elected(const StateWrite& write, std::int32_t version);

 private:
  ControllerContext& context_;
  ControllerRequestBatch& batch_;
};

class ReplicaStateMachine {
 public:
  ReplicaStateMachine(ControllerContext& context, ControllerRequestBatch& batch) : context_(context), batch_(batch) {}

  /// To any state but OfflineReplica.
  void mark(const std::vector<PartitionReplica>& replicas, ReplicaStateName target);

  /// To OfflineReplica, first half: stops the replicas. Returns the partitions of which the replica must leave the ISR; those without a leader are done.
  std::vector<PartitionReplica> begin_offline(const std::vector<PartitionReplica>& replicas);
  /// The leadership without this replica: leader -1 when it led; the last ISR member stays. Nothing when it is not in the ISR: finish without writing.
  [[nodiscard]] static std::optional<LeaderAndIsr> without(const LeaderAndIsr& current, BrokerId replica, std::int32_t controller_epoch);
  /// Second half, with the leadership as it now stands in the node.
  void finish_offline(const PartitionReplica& replica, const LeaderAndIsr& now);

 private:
  bool check(const PartitionReplica& replica, ReplicaStateName target) const;

  ControllerContext& context_;
  ControllerRequestBatch& batch_;
};

/// The next steps of topic deletion (Kafka 3.9 TopicDeletionManager): decides over the context, does nothing itself.
struct DeletionPlan {
  std::vector<std::string> completed;                ///< All replicas gone: remove the znodes.
  std::vector<PartitionReplica> retry;               ///< Ineligible replicas that may be tried again: to OfflineReplica.
  std::vector<std::string> start;                    ///< Topics whose deletion goes (on) now.
};
DeletionPlan plan_deletions(const ControllerContext& context);

/// What starting (or resuming) the deletion of some topics means for their replicas.
struct ReplicaDeletionPlan {
  std::vector<TopicPartition> fresh_partitions;  ///< Of topics whose deletion had not begun: to Offline, then NonExistent.
  std::vector<TopicPartition> all_partitions;    ///< Everybody is told that they go.
  std::vector<PartitionReplica> dead;            ///< To ReplicaDeletionIneligible.
  std::vector<PartitionReplica> alive;           ///< To Offline, then ReplicaDeletionStarted.
  std::vector<std::string> ineligible_topics;    ///< With a dead replica: wait.
};
ReplicaDeletionPlan plan_replica_deletions(const ControllerContext& context, const std::vector<std::string>& topics);

}  // namespace moldau::replication
