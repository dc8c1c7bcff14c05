#include "replication/controller/controller_context.h"

#include <algorithm>

namespace moldau::replication {

bool LeaderAndIsr::in_isr(BrokerId id) const noexcept { return std::find(isr.begin(), isr.end(), id) != isr.end(); }

std::string_view to_string(PartitionStateName state) noexcept {
  switch (state) {
    case PartitionStateName::non_existent: return "NonExistentPartition";
    case PartitionStateName::new_partition: return "NewPartition";
    case PartitionStateName::online: return "OnlinePartition";
    case PartitionStateName::offline: return "OfflinePartition";
  }
  return "?";
}

std::string_view to_string(ReplicaStateName state) noexcept {
  switch (state) {
    case ReplicaStateName::non_existent: return "NonExistentReplica";
    case ReplicaStateName::new_replica: return "NewReplica";
    case ReplicaStateName::online: return "OnlineReplica";
    case ReplicaStateName::offline: return "OfflineReplica";
    case ReplicaStateName::deletion_started: return "ReplicaDeletionStarted";
    case ReplicaStateName::deletion_successful: return "ReplicaDeletionSuccessful";
    case ReplicaStateName::deletion_ineligible: return "ReplicaDeletionIneligible";
  }
  return "?";
}

bool is_valid_transition(PartitionStateName from, PartitionStateName to) noexcept {
  using S = PartitionStateName;
  switch (to) {
    case S::new_partition: return from == S::non_existent;
    case S::online: return from == S::new_partition || from == S::online || from == S::offline;
    case S::offline: return from == S::new_partition || from == S::online || from == S::offline;
    case S::non_existent: return from == S::offline;
  }
  return false;
}

bool is_valid_transition(ReplicaStateName from, ReplicaStateName to) noexcept {
  using S = ReplicaStateName;
  switch (to) {
    case S::new_replica: return from == S::non_existent;
    case S::online:
    case S::offline: return from == S::new_replica || from == S::online || from == S::offline || from == S::deletion_ineligible;
    case S::deletion_started: return from == S::offline;
    case S::deletion_successful: return from == S::deletion_started;
    case S::deletion_ineligible: return from == S::offline || from == S::deletion_started;
    case S::non_existent: return from == S::deletion_successful;
  }
  return false;
}

void ControllerContext::clear() { *this = ControllerContext(); }

std::vector<BrokerId> ControllerContext::live_broker_ids() const {
  std::vector<BrokerId> ids;
  for (const auto& [id, broker] : live_brokers) ids.push_back(id);
  return ids;
}

bool ControllerContext::is_replica_online(BrokerId id, const TopicPartition& tp, bool include_shutting_down) const {
  if (include_shutting_down ? !is_live(id) : !is_eligible(id)) return false;
  const auto offline = offline_dir_replicas.find(id);
  return offline == offline_dir_replicas.end() || !offline->second.contains(tp);
}

PartitionEntry* ControllerContext::find(TopicPartitionView tp) { return const_cast<PartitionEntry*>(std::as_const(*this).find(tp)); }

const PartitionEntry* ControllerContext::find(TopicPartitionView tp) const {
  const auto topic = topics.find(tp.topic);
  if (topic == topics.end()) return nullptr;
  const auto partition = topic->second.partitions.find(tp.partition);
  return partition == topic->second.partitions.end() ? nullptr : &partition->second;
}

TopicId ControllerContext::topic_id(std::string_view topic) const {
  const auto it = topics.find(topic);
  return it == topics.end() ? TopicId{} : it->second.id;
}

void ControllerContext::set_assignment(const TopicPartition& tp, znodes::ReplicaAssignment assignment) {
  topics[tp.topic].partitions[tp.partition].assignment = std::move(assignment);
}

void ControllerContext::remove_topic(std::string_view topic) {
  const auto it = topics.find(topic);
  if (it != topics.end()) topics.erase(it);
}

std::vector<TopicPartition> ControllerContext::partitions_of(std::string_view topic) const {
  std::vector<TopicPartition> out;
  const auto it = topics.find(topic);
  if (it == topics.end()) return out;
  for (const auto& [partition, entry] : it->second.partitions) out.push_back({std::string(topic), partition});
  return out;
}

std::vector<TopicPartition> ControllerContext::all_partitions() const {
  std::vector<TopicPartition> out;
  for (const auto& [topic, entry] : topics)
    for (const auto& [partition, state] : entry.partitions) out.push_back({topic, partition});
  return out;
}

std::vector<TopicPartition> ControllerContext::partitions_in(PartitionStateName a, PartitionStateName b) const {
  std::vector<TopicPartition> out;
  for (const auto& [topic, entry] : topics)
    for (const auto& [partition, p] : entry.partitions)
      if (p.state == a || p.state == b) out.push_back({topic, partition});
  return out;
}

std::vector<PartitionReplica> ControllerContext::replicas_of_topic(std::string_view topic) const {
  std::vector<PartitionReplica> out;
  const auto it = topics.find(topic);
  if (it == topics.end()) return out;
  for (const auto& [partition, entry] : it->second.partitions)
    for (const auto replica : entry.assignment.replicas) out.push_back({{it->first, partition}, replica});
  return out;
}

std::vector<PartitionReplica> ControllerContext::replicas_of_broker(BrokerId id) const {
  std::vector<PartitionReplica> out;
  for (const auto& [topic, entry] : topics)
    for (const auto& [partition, p] : entry.partitions)
      if (std::find(p.assignment.replicas.begin(), p.assignment.replicas.end(), id) != p.assignment.replicas.end()) out.push_back({{topic, partition}, id});
  return out;
}

std::vector<PartitionReplica> ControllerContext::replicas_in(std::string_view topic, ReplicaStateName state) const {
  std::vector<PartitionReplica> out;
  for (auto& replica : replicas_of_topic(topic))
    if (replica_state(replica) == state) out.push_back(std::move(replica));
  return out;
}

bool ControllerContext::any_replica_in(std::string_view topic, ReplicaStateName state) const { return !replicas_in(topic, state).empty(); }

bool ControllerContext::all_replicas_in(std::string_view topic, ReplicaStateName state) const {
  return replicas_in(topic, state).size() == replicas_of_topic(topic).size();
}

ReplicaStateName ControllerContext::replica_state(const PartitionReplica& replica) const {
  const auto* entry = find(replica.partition);
  if (entry == nullptr) return ReplicaStateName::non_existent;
  for (const auto& [id, state] : entry->replica_states)
    if (id == replica.replica) return state;
  return ReplicaStateName::non_existent;
}

void ControllerContext::set_replica_state(const PartitionReplica& replica, ReplicaStateName state) {
  auto* entry = find(replica.partition);
  if (entry == nullptr) return;
  auto& states = entry->replica_states;
  const auto it = std::find_if(states.begin(), states.end(), [&](const auto& s) { return s.first == replica.replica; });
  if (state == ReplicaStateName::non_existent) {
    if (it != states.end()) states.erase(it);
  } else if (it != states.end()) {
    it->second = state;
  } else {
    states.emplace_back(replica.replica, state);
  }
}

}  // namespace moldau::replication
