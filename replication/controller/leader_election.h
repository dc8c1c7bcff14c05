// Who leads a partition: the election strategies (Kafka 3.9 PartitionLeaderElectionAlgorithms, Election). Pure functions.
//
// Everywhere the first replica in *assignment order* that fits is chosen (reference/zookeeper.md §6).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/controller/controller_context.h"

namespace moldau::replication {

enum class ElectionStrategy : std::uint8_t {
  offline,              ///< The leader is gone; unclean only where the topic's configuration allows it.
  offline_unclean,      ///< The same, unclean by the operator's order.
  reassign,             ///< The leader is not in the target list.
  preferred,            ///< Back to the first replica of the assignment.
  controlled_shutdown,  ///< The leader is about to stop.
};

struct Election {
  LeaderAndIsr leadership;              ///< The new one: leader epoch + 1, partition epoch still the old one.
  std::vector<BrokerId> live_replicas;  ///< Who is told.
  bool unclean = false;
};

struct ElectionInput {
  ElectionStrategy strategy = ElectionStrategy::offline;
  const LeaderAndIsr* current = nullptr;
  const znodes::ReplicaAssignment* assignment = nullptr;
  std::span<const BrokerId> live_replicas;        ///< Online now, shutting down ones not; in assignment order.
  std::span<const BrokerId> live_or_shutting_down;
  std::span<const BrokerId> shutting_down;
  bool unclean_allowed = false;
};

/// Nothing when no replica fits.
std::optional<Election> elect(const ElectionInput& in);

/// The first leader and ISR of a new partition: all live replicas; nothing when none is live.
std::optional<LeaderAndIsr> first_leadership(std::span<const BrokerId> live_replicas, std::int32_t controller_epoch);

}  // namespace moldau::replication
