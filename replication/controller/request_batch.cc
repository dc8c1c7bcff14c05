#include "replication/controller/request_batch.h"

#include <algorithm>

namespace moldau::replication {
namespace {

Array<BrokerId> copy_ids(Arena& arena, const std::vector<BrokerId>& ids) { return Array<BrokerId>::copy(arena, ids); }

/// Adds what LeaderAndIsr and UpdateMetadata say alike of a partition. REQUIRES: partitions come topic by topic; `partition` has a leadership.
template <class Request, class Partition>
auto& add_state(Request& request, const ControllerContext& context, const TopicPartition& tp, const Partition& partition, Arena& arena) {
  if (request.topic_states.empty() || request.topic_states.back().topic_name != tp.topic) {
    auto& topic = request.topic_states.add(arena);
    topic.topic_name = arena.dup(tp.topic);
    topic.topic_id = context.topic_id(tp.topic);
  }
  const auto& l = *partition.leadership;
  auto& state = request.topic_states.back().partition_states.add(arena);
  state.partition_index = tp.partition;
  state.controller_epoch = l.controller_epoch;
  state.leader = l.leader;
  state.leader_epoch = l.leader_epoch;
  state.isr = copy_ids(arena, l.isr);
  state.replicas = copy_ids(arena, partition.assignment.replicas);
  return state;
}

}  // namespace

void ControllerRequestBatch::add_leader_and_isr(std::span<const BrokerId> brokers, const TopicPartition& tp, bool is_new) {
  for (const auto broker : brokers) {
    if (broker.value() < 0) continue;
    // Once new in a batch, always new in it.
    auto& entry = leader_and_isr_[broker][tp];
    entry = entry || is_new;
  }
  add_update_metadata_all(tp);
}

void ControllerRequestBatch::add_stop_replica(std::span<const BrokerId> brokers, const TopicPartition& tp, bool delete_partition) {
  // A topic that goes is stopped with the epoch that overrides every other.
  LeaderEpoch epoch = kNoLeaderEpoch;
  if (context_.is_queued_for_deletion(tp.topic)) {
    epoch = kEpochDuringDelete;
  } else if (const auto* p = context_.find(tp); p != nullptr && p->leadership) {
    epoch = p->leadership->leader_epoch;
  }
  for (const auto broker : brokers) {
    if (broker.value() < 0) continue;
    auto& entry = stop_replica_[broker][tp];
    entry.leader_epoch = epoch;
    entry.delete_partition = entry.delete_partition || delete_partition;
  }
}

void ControllerRequestBatch::add_update_metadata(std::span<const BrokerId> brokers, const TopicPartition& tp) {
  add_update_metadata(brokers);
  update_metadata_partitions_.insert(tp);
}

void ControllerRequestBatch::add_update_metadata(std::span<const BrokerId> brokers) {
  for (const auto broker : brokers)
    if (broker.value() >= 0) update_metadata_brokers_.insert(broker);
}

void ControllerRequestBatch::add_update_metadata_all(const TopicPartition& tp) {
  for (const auto& [id, broker] : context_.live_brokers) update_metadata_brokers_.insert(id);
  update_metadata_partitions_.insert(tp);
}

std::int64_t ControllerRequestBatch::broker_epoch(BrokerId broker) const {
  const auto it = context_.live_brokers.find(broker);
  return it == context_.live_brokers.end() ? -1 : it->second.epoch;
}

protocol::LeaderAndIsrRequest ControllerRequestBatch::leader_and_isr(BrokerId broker, const std::map<TopicPartition, bool>& partitions, Arena& arena) const {
  protocol::LeaderAndIsrRequest request;
  request.controller_id = self_;
  request.controller_epoch = context_.epoch;
  request.broker_epoch = broker_epoch(broker);
  std::set<BrokerId> leaders;
  for (const auto& [tp, is_new] : partitions) {
    const auto* p = context_.find(tp);
    if (p == nullptr || !p->leadership) continue;
    const auto& l = *p->leadership;
    auto& state = add_state(request, context_, tp, *p, arena);
    state.partition_epoch = l.partition_epoch;
    state.adding_replicas = copy_ids(arena, p->assignment.adding);
    state.removing_replicas = copy_ids(arena, p->assignment.removing);
    state.is_new = is_new;
    state.leader_recovery_state = l.recovering ? 1 : 0;
    if (l.leader.value() >= 0) leaders.insert(l.leader);
  }
  for (const auto& id : leaders) {
    const auto it = context_.live_brokers.find(id);
    if (it == context_.live_brokers.end()) continue;
    for (const auto& e : it->second.registration.endpoints) {
      if (e.listener != listener_) continue;
      auto& live = request.live_leaders.add(arena);
      live.broker_id = id;
      live.host_name = arena.dup(e.host);
      live.port = e.port;
    }
  }
  return request;
}

protocol::UpdateMetadataRequest ControllerRequestBatch::update_metadata(BrokerId broker, Arena& arena) const {
  protocol::UpdateMetadataRequest request;
  request.controller_id = self_;
  request.controller_epoch = context_.epoch;
  request.broker_epoch = broker_epoch(broker);
  for (const auto& tp : update_metadata_partitions_) {
    const auto* p = context_.find(tp);
    if (p == nullptr || !p->leadership) continue;  // no leader was ever chosen: nobody is told yet
    auto& state = add_state(request, context_, tp, *p, arena);
    if (context_.is_queued_for_deletion(tp.topic)) state.leader = kLeaderDuringDelete;
    state.zk_version = p->leadership->partition_epoch;
    for (const auto replica : p->assignment.replicas)
      if (!context_.is_replica_online(replica, tp, true)) state.offline_replicas.push_back(arena, replica);
  }
  for (const auto& [id, live] : context_.live_brokers) {
    auto& b = request.live_brokers.add(arena);
    b.id = id;
    b.rack.reset();
    if (live.registration.rack) b.rack = arena.dup(*live.registration.rack);
    for (const auto& e : live.registration.endpoints) {
      auto& endpoint = b.endpoints.add(arena);
      endpoint.host = arena.dup(e.host);
      endpoint.port = e.port;
      endpoint.listener = arena.dup(e.listener);
      endpoint.security_protocol = e.security_protocol;
    }
  }
  return request;
}

protocol::StopReplicaRequest ControllerRequestBatch::stop_replica(BrokerId broker, const std::map<TopicPartition, StopState>& partitions, Arena& arena) const {
  protocol::StopReplicaRequest request;
  request.controller_id = self_;
  request.controller_epoch = context_.epoch;
  request.broker_epoch = broker_epoch(broker);
  const std::string* current = nullptr;
  for (const auto& [tp, stop] : partitions) {
    if (current == nullptr || *current != tp.topic) {
      request.topic_states.add(arena).topic_name = arena.dup(tp.topic);
      current = &tp.topic;
    }
    auto& state = request.topic_states.back().partition_states.add(arena);
    state.partition_index = tp.partition;
    state.leader_epoch = stop.leader_epoch;
    state.delete_partition = stop.delete_partition;
  }
  return request;
}

std::vector<ControllerRequestBatch::Outgoing> ControllerRequestBatch::take() {
  std::vector<Outgoing> out;
  const auto add = [&](BrokerId broker, auto&& make) {
    auto arena = std::make_shared<Arena>();
    Outgoing o;
    o.broker = broker;
    o.request.message = make(*arena);
    o.request.arena = std::move(arena);
    out.push_back(std::move(o));
  };
  for (const auto& [broker, partitions] : leader_and_isr_)
    if (context_.is_live(broker)) add(broker, [&](Arena& a) { return leader_and_isr(broker, partitions, a); });
  for (const auto broker : update_metadata_brokers_)
    if (context_.is_live(broker)) add(broker, [&](Arena& a) { return update_metadata(broker, a); });
  for (const auto& [broker, partitions] : stop_replica_)
    if (context_.is_live(broker)) add(broker, [&](Arena& a) { return stop_replica(broker, partitions, a); });
  leader_and_isr_.clear();
  update_metadata_brokers_.clear();
  update_metadata_partitions_.clear();
  stop_replica_.clear();
  return out;
}

}  // namespace moldau::replication
