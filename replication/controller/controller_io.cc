// KafkaController: state changes of partitions and replicas with the writes and requests that they ask for.
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/controller/kafka_controller.h"

namespace moldau::replication {

void KafkaController::send_batch() {
  for (auto& outgoing : batch_.take()) send(std::move(outgoing));
}

void KafkaController::send_metadata(const std::vector<BrokerId>& brokers, const std::vector<TopicPartition>& partitions) {
  batch_.add_update_metadata(brokers);
  for (const auto& tp : partitions) batch_.add_update_metadata(brokers, tp);
  send_batch();
}

void KafkaController::send(ControllerRequestBatch::Outgoing outgoing) {
  const auto channel = channels_.find(outgoing.broker);
  if (channel == channels_.end()) return;
  const auto broker = outgoing.broker;
  const std::weak_ptr<KafkaController> weak = weak_from_this();
  const auto epoch = context_.epoch;
  std::vector<TopicPartition> deleted;
  if (const auto* stop = std::get_if<protocol::StopReplicaRequest>(&outgoing.request.message)) {
    for (const auto& topic : stop->topic_states)
      for (const auto& p : topic.partition_states)
        if (p.delete_partition) deleted.push_back({std::string(topic.topic_name), p.partition_index});
  }
  channel->second->send(std::move(outgoing.request), [weak, broker, epoch, deleted = std::move(deleted)](ControlResponse response) {
    const auto self = weak.lock();
    if (!self) return;
    auto* raw = self.get();
    if (std::holds_alternative<protocol::LeaderAndIsrResponse>(response.message)) {
      raw->enqueue("LeaderAndIsrResponse", [raw, broker, epoch, response = std::move(response)]() -> Awaitable<void> {
        if (raw->is_active() && raw->epoch() == epoch) co_await raw->on_leader_and_isr_answer(broker, response);
      });
    } else if (std::holds_alternative<protocol::StopReplicaResponse>(response.message) && !deleted.empty()) {
      raw->enqueue("TopicDeletionStopReplicaResponse", [raw, broker, epoch, deleted, response = std::move(response)]() -> Awaitable<void> {
        if (raw->is_active() && raw->epoch() == epoch) co_await raw->on_stop_replica_answer(broker, deleted, response);
      });
    }
  });
}

Awaitable<void> KafkaController::bring_online(std::vector<TopicPartition> partitions, ElectionStrategy strategy) {
  const auto plan = partitions_.plan_online(partitions);
  if (!plan.initialize.empty()) {
    const auto results = co_await store_.create_states(plan.initialize);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto& write = plan.initialize[i];
      if (results[i] == StoreError::ok)
        partitions_.initialized(write);
      else
        MOLDAU_LOG(controller, err, "the state of new partition {} cannot be written: {}", write.partition, to_string(results[i]));
    }
  }
  if (!plan.elect.empty()) co_await elect_leaders(plan.elect, strategy);
  send_batch();
}

Awaitable<void> KafkaController::elect_leaders(std::vector<TopicPartition> partitions, ElectionStrategy strategy) {
  while (!partitions.empty()) {
    const auto states = co_await store_.states(partitions);
    std::vector<StateWrite> writes;
    for (const auto& tp : partitions) {
      const auto state = states.find(tp);
      if (state == states.end()) {
        MOLDAU_LOG(controller, err, "no leader is elected for {}: its state is not in the store", tp);
        continue;
      }
      if (state->second.controller_epoch > context_.epoch) throw ControllerMoved("a partition state has a higher controller epoch");
      const bool unclean = deps_.unclean_allowed && deps_.unclean_allowed(tp.topic);
      if (auto write = partitions_.elect(tp, state->second, strategy, unclean)) writes.push_back(std::move(*write));
    }
    if (writes.empty()) co_return;
    const auto results = co_await store_.write_states(writes);
    partitions.clear();
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i])
        partitions_.elected(writes[i], *results[i]);
      else if (results[i].error() == StoreError::bad_version)
        partitions.push_back(writes[i].partition);  // somebody else wrote it: read again
      else
        MOLDAU_LOG(controller, err, "the leader of {} cannot be written: {}", writes[i].partition, to_string(results[i].error()));
    }
  }
}

Awaitable<void> KafkaController::take_offline(std::vector<PartitionReplica> replicas) {
  auto with_leader = replicas_.begin_offline(replicas);
  if (!with_leader.empty()) co_await shrink_isr(std::move(with_leader));
  send_batch();
}

Awaitable<void> KafkaController::shrink_isr(std::vector<PartitionReplica> replicas) {
  while (!replicas.empty()) {
    std::vector<TopicPartition> partitions;
    for (const auto& r : replicas) partitions.push_back(r.partition);
    const auto states = co_await store_.states(partitions);
    std::vector<StateWrite> writes;
    std::vector<PartitionReplica> writing;
    std::vector<PartitionReplica> again;
    for (const auto& r : replicas) {
      const auto state = states.find(r.partition);
      if (state == states.end()) {
        // Without its node there is nothing to shrink; what the context holds stays.
        const auto* p = context_.find(r.partition);
        if (p != nullptr && p->leadership) replicas_.finish_offline(r, LeaderAndIsr(*p->leadership));
        continue;
      }
      if (state->second.controller_epoch > context_.epoch) throw ControllerMoved("a partition state has a higher controller epoch");
      auto next = ReplicaStateMachine::without(state->second, r.replica, context_.epoch);
      if (!next) {
        replicas_.finish_offline(r, state->second);
        continue;
      }
      // Two replicas of one partition in one call: one write a round, as each raises the version.
      if (!writes.empty() && writes.back().partition == r.partition) {
        again.push_back(r);
        continue;
      }
      StateWrite write;
      write.partition = r.partition;
      write.leadership = std::move(*next);
      writes.push_back(std::move(write));
      writing.push_back(r);
    }
    replicas = std::move(again);
    if (writes.empty()) continue;
    const auto results = co_await store_.write_states(writes);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        writes[i].leadership.partition_epoch = *results[i];
        replicas_.finish_offline(writing[i], writes[i].leadership);
      } else if (results[i].error() == StoreError::bad_version) {
        replicas.push_back(writing[i]);
      } else {
        MOLDAU_LOG(controller, err, "replica {} cannot leave the ISR of {}: {}", writing[i].replica, writing[i].partition, to_string(results[i].error()));
      }
    }
  }
}

}  // namespace moldau::replication
