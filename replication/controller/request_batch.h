// ControllerRequestBatch: gathers what one controller event tells the brokers, and turns it into at most one LeaderAndIsr, one UpdateMetadata and one
// StopReplica for each (Kafka 3.9 ControllerBrokerRequestBatch). No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "replication/controller/broker_channel.h"
#include "replication/controller/controller_context.h"

namespace moldau::replication {

class ControllerRequestBatch {
 public:
  /// A request for one broker, with what the controller must know again when it is answered.
  struct Outgoing {
    BrokerId broker = kNoBroker;
    ControlRequest request;
  };

  /// `live_leader_listener`: the listener whose addresses live_leaders names (inter.broker.listener.name).
  ControllerRequestBatch(ControllerContext& context, BrokerId self, std::string live_leader_listener)
      : context_(context), self_(self), listener_(std::move(live_leader_listener)) {}

  /// Tells the brokers who leads, and everybody's metadata cache of it.
  void add_leader_and_isr(std::span<const BrokerId> brokers, const TopicPartition& tp, bool is_new);
  void add_stop_replica(std::span<const BrokerId> brokers, const TopicPartition& tp, bool delete_partition);
  void add_update_metadata(std::span<const BrokerId> brokers, const TopicPartition& tp);
  /// The list of live brokers, without partitions.
  void add_update_metadata(std::span<const BrokerId> brokers);
  /// To every broker that is live or shutting down.
  void add_update_metadata_all(const TopicPartition& tp);

  /// The requests in the order in which each broker must get them: LeaderAndIsr, UpdateMetadata, StopReplica. The batch is empty afterwards.
  std::vector<Outgoing> take();

 private:
  struct StopState {
    LeaderEpoch leader_epoch;
    bool delete_partition = false;
  };

  protocol::LeaderAndIsrRequest leader_and_isr(BrokerId broker, const std::map<TopicPartition, bool>& partitions, Arena& arena) const;
  protocol::UpdateMetadataRequest update_metadata(BrokerId broker, Arena& arena) const;
  protocol::StopReplicaRequest stop_replica(BrokerId broker, const std::map<TopicPartition, StopState>& partitions, Arena& arena) const;
  [[nodiscard]] std::int64_t broker_epoch(BrokerId broker) const;

  ControllerContext& context_;
  const BrokerId self_;
  const std::string listener_;
  std::map<BrokerId, std::map<TopicPartition, bool>> leader_and_isr_;  // value: is_new
  std::map<BrokerId, std::map<TopicPartition, StopState>> stop_replica_;
  std::set<BrokerId> update_metadata_brokers_;
  std::set<TopicPartition> update_metadata_partitions_;
};

}  // namespace moldau::replication
