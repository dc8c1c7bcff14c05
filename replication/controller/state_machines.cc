#include "replication/controller/state_machines.h"

#include <algorithm>

#include "config/metric_handles.h"

#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

std::vector<BrokerId> online_replicas(const ControllerContext& context, const TopicPartition& tp, const std::vector<BrokerId>& replicas, bool include_shutting_down = false) {
  std::vector<BrokerId> out;
  for (const auto id : replicas)
    if (context.is_replica_online(id, tp, include_shutting_down)) out.push_back(id);
  return out;
}

}  // namespace

void PartitionStateMachine::mark(const std::vector<TopicPartition>& partitions, PartitionStateName target) {
  for (const auto& tp : partitions) {
    auto* p = context_.find(tp);
    if (p == nullptr) continue;
    if (!is_valid_transition(p->state, target)) {
      MOLDAU_LOG(controller, err, "partition {} cannot go from {} to {}", tp, to_string(p->state), to_string(target));
      continue;
    }
    p->state = target;
  }
}

PartitionStateMachine::OnlinePlan PartitionStateMachine::plan_online(const std::vector<TopicPartition>& partitions) {
  OnlinePlan plan;
  for (const auto& tp : partitions) {
    auto* p = context_.find(tp);
    if (p == nullptr) continue;
    if (!is_valid_transition(p->state, PartitionStateName::online)) {
      MOLDAU_LOG(controller, err, "partition {} cannot go from {} to OnlinePartition", tp, to_string(p->state));
      continue;
    }
    if (p->state != PartitionStateName::new_partition) {
      plan.elect.push_back(tp);
      continue;
    }
    StateWrite write;
    write.partition = tp;
    write.tell = online_replicas(context_, tp, p->assignment.replicas);
    auto first = first_leadership(write.tell, context_.epoch);
    if (!first) {
      MOLDAU_LOG(controller, err, "partition {} stays NewPartition: none of its replicas is alive", tp);
      continue;
    }
    write.leadership = std::move(*first);
    write.leadership.partition_epoch = -1;
    plan.initialize.push_back(std::move(write));
  }
  return plan;
}

void PartitionStateMachine::initialized(const StateWrite& write) {
  auto* p = context_.find(write.partition);
  if (p == nullptr) return;
  p->leadership = write.leadership;
  p->leadership->partition_epoch = 0;
  batch_.add_leader_and_isr(p->leadership->isr, write.partition, true);
  p->state = PartitionStateName::online;
}

std::optional<StateWrite> PartitionStateMachine::elect(const TopicPartition& tp, const LeaderAndIsr& current, ElectionStrategy strategy, bool unclean_allowed) {
  const auto* p = context_.find(tp);
  if (p == nullptr) return std::nullopt;
  const auto live = online_replicas(context_, tp, p->assignment.replicas);
  const auto live_or_stopping = online_replicas(context_, tp, p->assignment.replicas, true);
  const std::vector<BrokerId> stopping(context_.shutting_down.begin(), context_.shutting_down.end());
  ElectionInput in;
  in.strategy = strategy;
  in.current = &current;
  in.assignment = &p->assignment;
  in.live_replicas = live;
  in.live_or_shutting_down = live_or_stopping;
  in.shutting_down = stopping;
  in.unclean_allowed = unclean_allowed;
  auto election = replication::elect(in);
  if (!election) {
    MOLDAU_LOG(controller, warn, "no leader can be elected for {}: none of its ISR is alive", tp);
    return std::nullopt;
  }
  if (election->unclean) {
    config::metrics().unclean_leader_elections.add();
    MOLDAU_LOG(controller, warn, "unclean election for {}: broker {} leads, records may be lost", tp, election->leadership.leader);
  }
  StateWrite write;
  write.partition = tp;
  write.leadership = std::move(election->leadership);
  write.leadership.controller_epoch = context_.epoch;
  write.tell = std::move(election->live_replicas);
  return write;
}

void PartitionStateMachine::elected(const StateWrite& write, std::int32_t version) {
  auto* p = context_.find(write.partition);
  if (p == nullptr) return;
  p->leadership = write.leadership;
  p->leadership->partition_epoch = version;
  batch_.add_leader_and_isr(write.tell, write.partition, false);
  p->state = PartitionStateName::online;
}

bool ReplicaStateMachine::check(const PartitionReplica& replica, ReplicaStateName target) const {
  const auto from = context_.replica_state(replica);
  if (is_valid_transition(from, target)) return true;
  MOLDAU_LOG(controller, err, "replica {} of {} cannot go from {} to {}", replica.replica, replica.partition, to_string(from), to_string(target));
  return false;
}

void ReplicaStateMachine::mark(const std::vector<PartitionReplica>& replicas, ReplicaStateName target) {
  for (const auto& replica : replicas) {
    if (!check(replica, target)) continue;
    const BrokerId to[] = {replica.replica};
    auto* p = context_.find(replica.partition);
    const auto from = context_.replica_state(replica);
    switch (target) {
      case ReplicaStateName::new_replica:
        if (p != nullptr && p->leadership) {
          if (p->leadership->leader == replica.replica) {
            MOLDAU_LOG(controller, err, "replica {} of {} cannot become NewReplica: it leads", replica.replica, replica.partition);
            continue;
          }
          batch_.add_leader_and_isr(to, replica.partition, true);
        }
        break;
      case ReplicaStateName::online:
        if (from != ReplicaStateName::new_replica && p != nullptr && p->leadership) batch_.add_leader_and_isr(to, replica.partition, false);
        break;
      case ReplicaStateName::deletion_started: batch_.add_stop_replica(to, replica.partition, true); break;
      case ReplicaStateName::non_existent:
        if (p != nullptr) std::erase(p->assignment.replicas, replica.replica);
        break;
      default: break;
    }
    context_.set_replica_state(replica, target);
  }
}

std::vector<PartitionReplica> ReplicaStateMachine::begin_offline(const std::vector<PartitionReplica>& replicas) {
  std::vector<PartitionReplica> with_leader;
  for (const auto& replica : replicas) {
    if (!check(replica, ReplicaStateName::offline)) continue;
    const BrokerId to[] = {replica.replica};
    batch_.add_stop_replica(to, replica.partition, false);
    const auto* p = context_.find(replica.partition);
    if (p != nullptr && p->leadership) {
      with_leader.push_back(replica);
      continue;
    }
    context_.set_replica_state(replica, ReplicaStateName::offline);
    batch_.add_update_metadata_all(replica.partition);
  }
  return with_leader;
}

std::optional<LeaderAndIsr> ReplicaStateMachine::without(const LeaderAndIsr& current, BrokerId replica, std::int32_t controller_epoch) {
  if (!current.in_isr(replica)) return std::nullopt;
  auto next = current;
  if (next.leader == replica) next.leader = kNoBroker;
  if (next.isr.size() > 1) std::erase(next.isr, replica);
  ++next.leader_epoch;
  next.controller_epoch = controller_epoch;
  return next;
}

void ReplicaStateMachine::finish_offline(const PartitionReplica& replica, const LeaderAndIsr& now) {
  auto* p = context_.find(replica.partition);
  if (p == nullptr) return;
  p->leadership = now;
  if (!context_.is_queued_for_deletion(replica.partition.topic)) {
    auto others = p->assignment.replicas;
    std::erase(others, replica.replica);
    batch_.add_leader_and_isr(others, replica.partition, false);
  }
  context_.set_replica_state(replica, ReplicaStateName::offline);
}

DeletionPlan plan_deletions(const ControllerContext& context) {
  DeletionPlan plan;
  for (const auto& topic : context.topics_to_delete) {
    if (context.all_replicas_in(topic, ReplicaStateName::deletion_successful)) {
      plan.completed.push_back(topic);
      continue;
    }
    const bool in_progress = context.any_replica_in(topic, ReplicaStateName::deletion_started);
    if (!in_progress)
      for (auto& replica : context.replicas_in(topic, ReplicaStateName::deletion_ineligible)) plan.retry.push_back(std::move(replica));
    if (!in_progress && !context.topics_ineligible_for_deletion.contains(topic)) plan.start.push_back(topic);
  }
  return plan;
}

ReplicaDeletionPlan plan_replica_deletions(const ControllerContext& context, const std::vector<std::string>& topics) {
  ReplicaDeletionPlan plan;
  for (const auto& topic : topics) {
    const bool fresh = !context.topics_with_deletion_started.contains(topic);
    for (auto& tp : context.partitions_of(topic)) {
      if (fresh) plan.fresh_partitions.push_back(tp);
      plan.all_partitions.push_back(std::move(tp));
    }
    bool any_dead = false;
    for (auto& replica : context.replicas_of_topic(topic)) {
      if (!context.is_replica_online(replica.replica, replica.partition)) {
        any_dead = true;
        plan.dead.push_back(std::move(replica));
      } else if (context.replica_state(replica) != ReplicaStateName::deletion_successful) {
        plan.alive.push_back(std::move(replica));
      }
    }
    if (any_dead) plan.ineligible_topics.push_back(topic);
  }
  return plan;
}

}  // namespace moldau::replication
