// Brings changes of leadership and deleted partitions to the group coordinator.
#pragma once

#include <span>

#include "replication/metadata/metadata_cache.h"
#include "replication/partition/replica_manager.h"
#include "server/coordinator/runtime/group_coordinator.h"

namespace moldau::server {

/// For ReplicaManager::add_leadership_listener: loads what this broker leads now, unloads what it does not lead any more.
inline void apply_leadership(GroupCoordinator& groups, std::span<const replication::LeadershipChange> changes) {
  using Role = replication::LeadershipChange::Role;
  for (const auto& change : changes) {
    if (change.partition.topic != GroupCoordinator::kTopic) continue;
    if (change.role == Role::leader) {
      groups.on_elected(change.partition.partition, change.leader_epoch);
    } else {
      groups.on_resigned(change.partition.partition,
                         change.role == Role::deleted ? std::nullopt : std::optional<LeaderEpoch>(change.leader_epoch));
    }
  }
}

/// For MetadataCache::add_listener: offsets of deleted partitions go.
inline void apply_deletions(GroupCoordinator& groups, const replication::MetadataDelta& delta) { groups.on_partitions_deleted(delta.deleted_partitions); }

}  // namespace moldau::server
