// Roles that wait for their logs: a broker that serves while it recovers is told what it leads before it has all of it.
#include <exception>
#include <utility>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/delayed/parallel_for.h"
#include "replication/partition/replica_manager.h"
#include "storage/io/offload.h"

namespace moldau::replication {

/// A copy of what the controller asked; its request is gone when the log comes.
struct ReplicaManager::LateRole {
  std::shared_ptr<Partition> partition;
  TopicId id;
  PartitionAssignment to;  ///< Its lists are those below.
  std::vector<BrokerId> isr, replicas, adding, removing;
  ErrorCode error = ErrorCode::none;
};

void ReplicaManager::note_late_role(const TopicPartition& tp, const PartitionAssignment& to, TopicId id) {
  auto role = std::make_shared<LateRole>();
  role->partition = get_or_add(TopicPartitionView(tp));
  role->id = id;
  role->to = to;
  const auto own = [](std::span<const BrokerId>& list, std::vector<BrokerId>& copy) {
    copy.assign(list.begin(), list.end());
    list = copy;
  };
  own(role->to.isr, role->isr);
  own(role->to.replicas, role->replicas);
  own(role->to.adding, role->adding);
  own(role->to.removing, role->removing);
  late_roles_[tp] = std::move(role);
}

void ReplicaManager::forget_late_role(TopicPartitionView tp) {
  if (const auto it = late_roles_.find(tp); it != late_roles_.end()) late_roles_.erase(it);
}

void ReplicaManager::apply_late_role(LateRole& role) {
  auto& partition = *role.partition;
  try {
    role.error = attach_log(partition, deps_.topic_config(partition.topic_partition().topic), role.to.is_new, role.id);
    if (role.error == ErrorCode::none) role.error = role.to.leader == deps_.self ? partition.make_leader(role.to) : partition.make_follower(role.to);
  } catch (const std::exception& e) {
    MOLDAU_LOG(replica, err, "role change of {} failed: {}", partition.topic_partition(), e.what());
    role.error = ErrorCode::kafka_storage_error;
  }
  if (role.error == ErrorCode::kafka_storage_error) partition.mark_offline();
}

Awaitable<void> ReplicaManager::apply_late_roles() {
  const auto turn = co_await state_changes_.lock();
  std::vector<std::shared_ptr<LateRole>> ready;
  for (auto it = late_roles_.begin(); it != late_roles_.end();) {
    if (deps_.logs.is_loading(TopicPartitionView(it->first))) {
      ++it;
      continue;
    }
    ready.push_back(std::move(it->second));
    it = late_roles_.erase(it);
  }
  if (ready.empty()) co_return;
  auto work = [this, &ready] {
    parallel_for(deps_.blocking, ready.size(), deps_.blocking_threads - 1, [&](std::size_t i) { apply_late_role(*ready[i]); });
    return true;
  };
  co_await storage::offload(deps_.blocking, std::move(work));
  std::vector<LeadershipChange> done;
  for (const auto& role : ready) {
    if (role->error != ErrorCode::none) continue;
    LeadershipChange change;
    change.partition = role->partition->topic_partition();
    change.leader_epoch = role->to.leader_epoch;
    change.role = role->to.leader == deps_.self ? LeadershipChange::Role::leader : LeadershipChange::Role::follower;
    done.push_back(std::move(change));
  }
  if (!done.empty())
    MOLDAU_LOG(replica, info, "{} partitions have their roles, now that their logs are loaded; {} still wait for theirs", done.size(), late_roles_.size());
  notify(done);
}

}  // namespace moldau::replication
