// KafkaController: what the active controller does on each event (Kafka 3.9 KafkaController.process*, reference/zookeeper.md §5 and §7).
#include <algorithm>
#include <charconv>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/controller/kafka_controller.h"

namespace moldau::replication {
namespace {

std::vector<BrokerId> ids_of(const std::map<BrokerId, LiveBroker>& brokers) {
  std::vector<BrokerId> out;
  for (const auto& [id, b] : brokers) out.push_back(id);
  return out;
}

std::vector<std::string> with_parent(std::string_view parent, const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back(fmt::format("{}/{}", parent, name));
  return out;
}

}  // namespace

// ---- failover, in Kafka's order ----

Awaitable<void> KafkaController::fail_over() {
  co_await prepare_features();
  // Notifications of an earlier controller's time are void: all state is read anew.
  for (const auto path : {znodes::kLogDirEvents, znodes::kIsrChanges}) {
    const auto stale = co_await store_.children(std::string(path), true);
    if (!stale.empty()) co_await store_.remove(with_parent(path, stale));
  }
  co_await load_context();
  send_metadata(context_.live_broker_ids(), {});

  // Replicas first, then partitions.
  std::vector<PartitionReplica> online;
  std::vector<PartitionReplica> offline;
  for (const auto& tp : context_.all_partitions()) {
    auto* p = context_.find(tp);
    for (const auto id : p->assignment.replicas) {
      PartitionReplica replica;
      replica.partition = tp;
      replica.replica = id;
      if (context_.is_replica_online(id, tp)) {
        context_.set_replica_state(replica, ReplicaStateName::online);
        online.push_back(std::move(replica));
      } else {
        // Of a topic in deletion: waits for its broker.
        context_.set_replica_state(replica, ReplicaStateName::offline);
        offline.push_back(std::move(replica));
      }
    }
    if (!p->leadership)
      p->state = PartitionStateName::new_partition;
    else
      p->state = context_.is_replica_online(p->leadership->leader, tp) ? PartitionStateName::online : PartitionStateName::offline;
  }
  replicas_.mark(online, ReplicaStateName::online);
  send_batch();
  if (!offline.empty()) co_await take_offline(std::move(offline));

  std::vector<TopicPartition> leaderless;
  for (auto& tp : context_.partitions_in(PartitionStateName::new_partition, PartitionStateName::offline))
    if (!context_.is_queued_for_deletion(tp.topic)) leaderless.push_back(std::move(tp));
  co_await bring_online(std::move(leaderless), ElectionStrategy::offline);
  co_await resume_deletions();
}

Awaitable<void> KafkaController::prepare_features() {
  auto& store = deps_.store;
  const std::string path(znodes::kFeature);
  const auto node = co_await store.get(path);
  if (!node && node.error() == StoreError::no_node) {
    static_cast<void>(co_await store.create(path, znodes::encode(znodes::FeatureNode())));
    co_return;
  }
  if (!node) throw StoreFailure(std::string(to_string(node.error())));
  auto feature = znodes::decode_feature(node->data);
  if (!feature) {
    MOLDAU_LOG(controller, err, "znode {} is not understood and left alone: {}", path, feature.error().message);
    co_return;
  }
  if (feature->enabled) co_return;
  feature->enabled = true;
  static_cast<void>(co_await store.set(path, znodes::encode(*feature), node->stat.version));
}

Awaitable<void> KafkaController::load_context() {
  context_.live_brokers = co_await store_.brokers(true, true);
  for (const auto& [id, broker] : context_.live_brokers) channels_[id] = deps_.channels(broker);

  const auto topics = co_await store_.children(std::string(znodes::kTopics), true);
  const auto to_delete = co_await store_.children(std::string(znodes::kDeleteTopics), true);
  auto assignments = co_await store_.assignments(topics, true);
  for (auto& [topic, assignment] : assignments) {
    if (assignment.topic_id.is_zero()) {
      // Made by a broker below 2.8: it gets its id now.
      assignment.topic_id = Uuid::make_random(deps_.random);
      co_await store_.set_assignment(topic, assignment);
    }
    auto& entry = context_.topics[topic];
    entry.id = assignment.topic_id;
    for (auto& [partition, replicas] : assignment.partitions) entry.partitions[partition].assignment = std::move(replicas);
  }
  auto states = co_await store_.states(context_.all_partitions());
  for (auto& [tp, leadership] : states) context_.find(tp)->leadership = std::move(leadership);

  std::vector<std::string> unknown;
  for (const auto& topic : to_delete) {
    if (!context_.topics.contains(topic)) {
      unknown.push_back(topic);
    } else if (deps_.delete_topic_enable) {
      context_.topics_to_delete.insert(topic);
    } else {
      unknown.push_back(topic);
      MOLDAU_LOG(controller, info, "topic {} is not deleted: delete.topic.enable is off", topic);
    }
  }
  if (!unknown.empty()) co_await store_.remove(with_parent(znodes::kDeleteTopics, unknown));
}

// ---- brokers ----

Awaitable<void> KafkaController::on_brokers_changed() {
  auto now = co_await store_.brokers(true, true);
  std::vector<BrokerId> started;
  std::vector<BrokerId> bounced;
  std::vector<BrokerId> failed;
  for (const auto& [id, broker] : now) {
    const auto known = context_.live_brokers.find(id);
    if (known == context_.live_brokers.end())
      started.push_back(id);
    else if (broker.epoch > known->second.epoch)
      bounced.push_back(id);
  }
  for (const auto& [id, broker] : context_.live_brokers)
    if (!now.contains(id)) failed.push_back(id);
  for (const auto id : bounced) MOLDAU_LOG(controller, info, "broker {} has come back under a new epoch", id);

  for (const auto id : failed) channels_.erase(id);
  for (const auto id : bounced) channels_.erase(id);
  // A bounce is a failure followed by a start.
  auto gone = failed;
  gone.insert(gone.end(), bounced.begin(), bounced.end());
  for (const auto id : gone) context_.live_brokers.erase(id);
  if (!gone.empty()) co_await brokers_failed(gone);
  auto fresh = started;
  fresh.insert(fresh.end(), bounced.begin(), bounced.end());
  for (const auto id : fresh) {
    context_.live_brokers[id] = now[id];
    channels_[id] = deps_.channels(now[id]);
  }
  if (!fresh.empty()) co_await brokers_started(fresh);
}

Awaitable<void> KafkaController::on_broker_modified(BrokerId id) {
  auto now = co_await store_.brokers(false, true);
  const auto fresh = now.find(id);
  const auto known = context_.live_brokers.find(id);
  if (fresh == now.end() || known == context_.live_brokers.end()) co_return;
  if (fresh->second.registration.endpoints == known->second.registration.endpoints) co_return;
  known->second = fresh->second;
  send_metadata(context_.live_broker_ids(), {});
}

Awaitable<void> KafkaController::brokers_started(const std::vector<BrokerId>& brokers) {
  for (const auto id : brokers) context_.offline_dir_replicas.erase(id);
  // The old ones learn of the new ones, the new ones of everything.
  std::vector<BrokerId> others;
  for (const auto id : ids_of(context_.live_brokers))
    if (std::find(brokers.begin(), brokers.end(), id) == brokers.end()) others.push_back(id);
  send_metadata(others, {});
  send_metadata(brokers, context_.all_partitions());

  std::vector<PartitionReplica> replicas;
  for (const auto id : brokers)
    for (auto& r : context_.replicas_of_broker(id)) replicas.push_back(std::move(r));
  replicas_.mark(replicas, ReplicaStateName::online);
  send_batch();
  std::vector<TopicPartition> leaderless;
  for (auto& tp : context_.partitions_in(PartitionStateName::new_partition, PartitionStateName::offline))
    if (!context_.is_queued_for_deletion(tp.topic)) leaderless.push_back(std::move(tp));
  co_await bring_online(std::move(leaderless), ElectionStrategy::offline);
  for (const auto& r : replicas) context_.topics_ineligible_for_deletion.erase(r.partition.topic);
  co_await resume_deletions();
}

Awaitable<void> KafkaController::brokers_failed(const std::vector<BrokerId>& brokers) {
  std::vector<PartitionReplica> replicas;
  for (const auto id : brokers) {
    MOLDAU_LOG(controller, info, "broker {} is gone", id);
    context_.shutting_down.erase(id);
    context_.offline_dir_replicas.erase(id);
    for (auto& r : context_.replicas_of_broker(id)) replicas.push_back(std::move(r));
  }
  co_await replicas_became_offline(std::move(replicas));
}

Awaitable<void> KafkaController::replicas_became_offline(std::vector<PartitionReplica> replicas) {
  std::vector<PartitionReplica> staying;
  std::vector<PartitionReplica> going;
  for (auto& r : replicas) (context_.is_queued_for_deletion(r.partition.topic) ? going : staying).push_back(std::move(r));

  std::vector<TopicPartition> leaderless;
  for (const auto& tp : context_.all_partitions()) {
    const auto* p = context_.find(tp);
    if (p->leadership && p->state == PartitionStateName::online && !context_.is_replica_online(p->leadership->leader, tp) && !context_.is_queued_for_deletion(tp.topic))
      leaderless.push_back(tp);
  }
  const bool any_leaderless = !leaderless.empty();
  partitions_.mark(leaderless, PartitionStateName::offline);
  std::vector<TopicPartition> retry;
  for (auto& tp : context_.partitions_in(PartitionStateName::new_partition, PartitionStateName::offline))
    if (!context_.is_queued_for_deletion(tp.topic)) retry.push_back(std::move(tp));
  co_await bring_online(std::move(retry), ElectionStrategy::offline);
  co_await take_offline(std::move(staying));
  if (!going.empty()) {
    // Their deletion waits for the broker.
    std::vector<PartitionReplica> offline;
    for (auto& r : going) {
      context_.topics_ineligible_for_deletion.insert(r.partition.topic);
      const auto state = context_.replica_state(r);
      if (state == ReplicaStateName::deletion_started || state == ReplicaStateName::offline)
        replicas_.mark({r}, ReplicaStateName::deletion_ineligible);
      else
        offline.push_back(std::move(r));
    }
    co_await take_offline(std::move(offline));
  }
  if (!any_leaderless) send_metadata(context_.live_broker_ids(), {});
}

// ---- topics ----

Awaitable<void> KafkaController::on_topics_changed() {
  const auto names = co_await store_.children(std::string(znodes::kTopics), true);
  std::vector<std::string> fresh;
  for (const auto& name : names)
    if (!context_.topics.contains(name)) fresh.push_back(name);
  if (names.size() - fresh.size() != context_.topics.size()) {
    std::vector<std::string> gone;
    for (const auto& [topic, entry] : context_.topics)
      if (!std::binary_search(names.begin(), names.end(), topic)) gone.push_back(topic);
    for (const auto& topic : gone) context_.remove_topic(topic);
  }
  if (fresh.empty()) co_return;
  auto assignments = co_await store_.assignments(fresh, true);
  std::vector<TopicPartition> partitions;
  for (auto& [topic, assignment] : assignments) {
    if (assignment.topic_id.is_zero()) {
      assignment.topic_id = Uuid::make_random(deps_.random);
      co_await store_.set_assignment(topic, assignment);
    }
    auto& entry = context_.topics[topic];
    entry.id = assignment.topic_id;
    for (auto& [partition, replicas] : assignment.partitions) {
      entry.partitions[partition].assignment = std::move(replicas);
      partitions.push_back({topic, partition});
    }
  }
  co_await create_partitions(std::move(partitions));
}

Awaitable<void> KafkaController::create_partitions(std::vector<TopicPartition> partitions) {
  if (partitions.empty()) co_return;
  partitions_.mark(partitions, PartitionStateName::new_partition);
  std::vector<PartitionReplica> replicas;
  for (const auto& tp : partitions)
    for (const auto id : context_.find(tp)->assignment.replicas) {
      PartitionReplica r;
      r.partition = tp;
      r.replica = id;
      replicas.push_back(std::move(r));
    }
  replicas_.mark(replicas, ReplicaStateName::new_replica);
  co_await bring_online(std::move(partitions), ElectionStrategy::offline);
  replicas_.mark(replicas, ReplicaStateName::online);
  send_batch();
}

Awaitable<void> KafkaController::on_partitions_modified(std::string topic) {
  std::vector<std::string> names;
  names.push_back(topic);
  auto assignments = co_await store_.assignments(names, true);
  const auto found = assignments.find(topic);
  const auto known = context_.topics.find(topic);
  if (found == assignments.end() || known == context_.topics.end()) co_return;
  std::vector<TopicPartition> fresh;
  for (const auto& [partition, replicas] : found->second.partitions)
    if (!known->second.partitions.contains(partition)) fresh.push_back({topic, partition});
  const bool shrunk = found->second.partitions.size() < known->second.partitions.size();
  if (shrunk || (!fresh.empty() && context_.is_queued_for_deletion(topic))) {
    // Partitions cannot be taken away, nor added while the topic goes: the node is put back.
    MOLDAU_LOG(controller, err, "topic {}: partitions cannot be {}, the assignment is restored", topic, shrunk ? "removed" : "added while it is being deleted");
    znodes::TopicAssignment restored;
    restored.topic_id = known->second.id;
    for (const auto& [partition, entry] : known->second.partitions) restored.partitions[partition] = entry.assignment;
    co_await store_.set_assignment(topic, std::move(restored));
    co_return;
  }
  if (fresh.empty()) co_return;
  MOLDAU_LOG(controller, info, "topic {} gets {} more partitions", topic, fresh.size());
  for (const auto& tp : fresh) context_.set_assignment(tp, found->second.partitions[tp.partition]);
  co_await create_partitions(std::move(fresh));
}

// ---- deletion ----

Awaitable<void> KafkaController::on_topic_deletions() {
  const auto names = co_await store_.children(std::string(znodes::kDeleteTopics), true);
  std::vector<std::string> refused;
  bool any = false;
  for (const auto& topic : names) {
    const auto known = context_.topics.find(topic);
    if (known == context_.topics.end() || !deps_.delete_topic_enable) {
      refused.push_back(topic);
      continue;
    }
    if (!context_.topics_to_delete.insert(topic).second) continue;
    any = true;
    const bool reassigning = std::any_of(known->second.partitions.begin(), known->second.partitions.end(), [](const auto& p) { return p.second.assignment.is_being_reassigned(); });
    if (reassigning) context_.topics_ineligible_for_deletion.insert(topic);
    MOLDAU_LOG(controller, info, "topic {} is to be deleted", topic);
  }
  if (!refused.empty()) co_await store_.remove(with_parent(znodes::kDeleteTopics, refused));
  if (any) co_await resume_deletions();
}

Awaitable<void> KafkaController::resume_deletions() {
  const auto plan = plan_deletions(context_);
  if (!plan.completed.empty()) {
    co_await store_.delete_topics(plan.completed);
    for (const auto& topic : plan.completed) {
      replicas_.mark(context_.replicas_in(topic, ReplicaStateName::deletion_successful), ReplicaStateName::non_existent);
      context_.topics_to_delete.erase(topic);
      context_.topics_with_deletion_started.erase(topic);
      context_.topics_ineligible_for_deletion.erase(topic);
      context_.remove_topic(topic);
      MOLDAU_LOG(controller, info, "topic {} is deleted", topic);
    }
  }
  if (!plan.retry.empty()) co_await take_offline(plan.retry);
  if (!plan.start.empty()) co_await delete_partitions_of(plan.start);
}

Awaitable<void> KafkaController::delete_partitions_of(std::vector<std::string> topics) {
  const auto plan = plan_replica_deletions(context_, topics);
  partitions_.mark(plan.fresh_partitions, PartitionStateName::offline);
  partitions_.mark(plan.fresh_partitions, PartitionStateName::non_existent);
  for (const auto& topic : topics) context_.topics_with_deletion_started.insert(topic);
  // Brokers stop serving what goes.
  send_metadata(context_.live_broker_ids(), plan.all_partitions);
  std::vector<PartitionReplica> dead_online;
  for (const auto& r : plan.dead)
    if (context_.replica_state(r) != ReplicaStateName::offline && context_.replica_state(r) != ReplicaStateName::deletion_ineligible) dead_online.push_back(r);
  co_await take_offline(std::move(dead_online));
  std::vector<PartitionReplica> dead;
  for (const auto& r : plan.dead)
    if (context_.replica_state(r) != ReplicaStateName::deletion_ineligible) dead.push_back(r);
  replicas_.mark(dead, ReplicaStateName::deletion_ineligible);
  co_await take_offline(plan.alive);
  replicas_.mark(plan.alive, ReplicaStateName::deletion_started);
  send_batch();
  for (const auto& topic : plan.ineligible_topics) context_.topics_ineligible_for_deletion.insert(topic);
}

Awaitable<void> KafkaController::on_stop_replica_answer(BrokerId broker, std::vector<TopicPartition> deleted, ControlResponse response) {
  const auto& answer = std::get<protocol::StopReplicaResponse>(response.message);
  std::map<TopicPartition, ErrorCode> errors;
  for (const auto& e : answer.partition_errors) errors[{std::string(e.topic_name), e.partition_index}] = e.error_code;
  std::vector<PartitionReplica> done;
  std::vector<PartitionReplica> failed;
  for (auto& tp : deleted) {
    if (!context_.is_queued_for_deletion(tp.topic)) continue;
    const auto it = errors.find(tp);
    const auto code = answer.error_code != ErrorCode::none ? answer.error_code : it == errors.end() ? ErrorCode::none : it->second;
    PartitionReplica r;
    r.partition = std::move(tp);
    r.replica = broker;
    if (context_.replica_state(r) != ReplicaStateName::deletion_started) continue;
    if (code == ErrorCode::none) {
      done.push_back(std::move(r));
    } else {
      MOLDAU_LOG(controller, warn, "broker {} could not delete {}: {}", broker, r.partition, code);
      failed.push_back(std::move(r));
    }
  }
  replicas_.mark(failed, ReplicaStateName::deletion_ineligible);
  for (const auto& r : failed) context_.topics_ineligible_for_deletion.insert(r.partition.topic);
  replicas_.mark(done, ReplicaStateName::deletion_successful);
  co_await resume_deletions();
}

// ---- log directories ----

Awaitable<void> KafkaController::on_leader_and_isr_answer(BrokerId broker, ControlResponse response) {
  const auto& answer = std::get<protocol::LeaderAndIsrResponse>(response.message);
  if (answer.error_code != ErrorCode::none) {
    MOLDAU_LOG(controller, err, "broker {} refused LeaderAndIsr: {}", broker, answer.error_code);
    co_return;
  }
  std::vector<PartitionReplica> failed;
  auto& offline = context_.offline_dir_replicas[broker];
  for (const auto& topic : answer.topics) {
    const std::string* name = nullptr;
    for (const auto& e : topic.partition_errors) {
      if (e.error_code != ErrorCode::kafka_storage_error && offline.empty()) continue;
      if (name == nullptr) {
        const auto known = std::find_if(context_.topics.begin(), context_.topics.end(), [&](const auto& t) { return t.second.id == topic.topic_id; });
        if (known == context_.topics.end()) break;
        name = &known->first;
      }
      const TopicPartition tp{*name, e.partition_index};
      if (e.error_code == ErrorCode::none) {
        offline.erase(tp);
      } else if (e.error_code == ErrorCode::kafka_storage_error && offline.insert(tp).second) {
        PartitionReplica r;
        r.partition = tp;
        r.replica = broker;
        failed.push_back(std::move(r));
      }
    }
  }
  if (offline.empty()) context_.offline_dir_replicas.erase(broker);
  if (failed.empty()) co_return;
  MOLDAU_LOG(controller, warn, "broker {}: {} replicas are in failed log directories", broker, failed.size());
  co_await replicas_became_offline(std::move(failed));
}

Awaitable<void> KafkaController::on_log_dir_events() {
  const auto names = co_await store_.children(std::string(znodes::kLogDirEvents), true);
  if (names.empty()) co_return;
  const auto nodes = co_await store_.data(with_parent(znodes::kLogDirEvents, names));
  for (const auto& [path, text] : nodes) {
    const auto broker = znodes::decode_log_dir_event(text);
    if (!broker) {
      MOLDAU_LOG(controller, err, "znode {} is ignored: {}", path, broker.error().message);
      continue;
    }
    // The broker's answer tells which replicas are lost.
    std::vector<PartitionReplica> online;
    for (auto& r : context_.replicas_of_broker(*broker))
      if (context_.replica_state(r) == ReplicaStateName::online || context_.replica_state(r) == ReplicaStateName::offline) online.push_back(std::move(r));
    replicas_.mark(online, ReplicaStateName::online);
  }
  send_batch();
  co_await store_.remove(with_parent(znodes::kLogDirEvents, names));
}

Awaitable<void> KafkaController::on_isr_changes() {
  // Written by leaders below IBP 2.7 only: their state nodes have changed behind our back.
  const auto names = co_await store_.children(std::string(znodes::kIsrChanges), true);
  if (names.empty()) co_return;
  const auto nodes = co_await store_.data(with_parent(znodes::kIsrChanges, names));
  std::vector<TopicPartition> changed;
  for (const auto& [path, text] : nodes) {
    auto partitions = znodes::decode_partitions(text);
    if (!partitions) {
      MOLDAU_LOG(controller, err, "znode {} is ignored: {}", path, partitions.error().message);
      continue;
    }
    for (auto& tp : *partitions)
      if (context_.find(tp) != nullptr) changed.push_back(std::move(tp));
  }
  auto states = co_await store_.states(changed);
  std::vector<TopicPartition> known;
  for (auto& [tp, leadership] : states) {
    context_.find(tp)->leadership = std::move(leadership);
    known.push_back(tp);
  }
  send_metadata(context_.live_broker_ids(), known);
  co_await store_.remove(with_parent(znodes::kIsrChanges, names));
}

}  // namespace moldau::replication
