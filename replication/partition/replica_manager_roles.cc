// The controller's requests: LeaderAndIsr, StopReplica, UpdateMetadata (interbroker.md §2-5). Each holds the state-change queue from its fencing to its answer.
#include <algorithm>
#include <exception>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/messages/leader_and_isr.h"
#include "protocol/messages/stop_replica.h"
#include "protocol/messages/update_metadata.h"
#include "replication/delayed/parallel_for.h"
#include "replication/partition/replica_manager.h"
#include "storage/io/offload.h"

namespace moldau::replication {

using protocol::LeaderAndIsrRequest;
using protocol::LeaderAndIsrResponse;
using protocol::StopReplicaRequest;
using protocol::StopReplicaResponse;

namespace {

constexpr ErrorCode kStillLoading = ErrorCode::leader_not_available;  // storage::still_loading()
constexpr LeaderEpoch kEpochOfDeletion{-2};  // the topic is being deleted: always applied

/// Opens the gates it holds when it goes, whatever happens.
class ClosedGates {
 public:
  ClosedGates() = default;
  ClosedGates(const ClosedGates&) = delete;
  ClosedGates& operator=(const ClosedGates&) = delete;
  ~ClosedGates() {
    for (const auto& p : partitions_) p->gate().open();
  }
  Awaitable<void> close(std::shared_ptr<Partition> partition) {
    co_await partition->gate().close();
    partitions_.push_back(std::move(partition));
  }

 private:
  std::vector<std::shared_ptr<Partition>> partitions_;
};

}  // namespace

/// One partition of a LeaderAndIsr on its way.
struct ReplicaManager::RoleChange {
  TopicPartitionView tp;
  TopicId id;
  const LeaderAndIsrRequest::LeaderAndIsrPartitionState* state = nullptr;
  std::shared_ptr<const config::LogConfig> config;
  std::shared_ptr<Partition> partition;
  ErrorCode error = ErrorCode::none;
  bool apply = false;
  bool waits = false;  ///< For its log, which is still being loaded.

  [[nodiscard]] PartitionAssignment assignment() const {
    PartitionAssignment a;
    a.leader = state->leader;
    a.leader_epoch = state->leader_epoch;
    a.partition_epoch = state->partition_epoch;
    a.controller_epoch = state->controller_epoch;
    a.isr = {state->isr.data(), state->isr.size()};
    a.replicas = {state->replicas.data(), state->replicas.size()};
    a.adding = {state->adding_replicas.data(), state->adding_replicas.size()};
    a.removing = {state->removing_replicas.data(), state->removing_replicas.size()};
    a.is_new = state->is_new;
    return a;
  }
};

ErrorCode ReplicaManager::fence(std::int32_t controller_epoch, std::int64_t broker_epoch) {
  if (broker_epoch != -1 && deps_.broker_epoch) {
    const std::int64_t ours = deps_.broker_epoch();
    if (broker_epoch < ours) {
      MOLDAU_LOG(controller, warn, "request with broker epoch {}, ours is {}", broker_epoch, ours);
      return ErrorCode::stale_broker_epoch;
    }
  }
  if (controller_epoch < controller_epoch_.load(std::memory_order_relaxed)) {
    MOLDAU_LOG(controller, warn, "request of controller epoch {}, the last one seen is {}", controller_epoch, controller_epoch_.load());
    return ErrorCode::stale_controller_epoch;
  }
  controller_epoch_.store(controller_epoch, std::memory_order_relaxed);
  return ErrorCode::none;
}

ErrorCode ReplicaManager::admit(RoleChange& change) {
  change.partition = partition(change.tp);
  if (change.partition && change.partition->is_offline()) return ErrorCode::kafka_storage_error;
  TopicId known = change.partition ? change.partition->topic_id().value_or(TopicId{}) : TopicId{};
  std::shared_ptr<storage::Log> log = change.partition ? change.partition->log() : nullptr;
  if (!log) {
    log = deps_.logs.get(change.tp);
    if (log) known = log->topic_id();
  }
  if (!change.id.is_zero() && !known.is_zero() && change.id != known) {
    MOLDAU_LOG(replica, err, "{}: topic id {} in LeaderAndIsr, {} in the log", change.tp, change.id, known);
    return ErrorCode::inconsistent_topic_id;
  }
  const LeaderEpoch current = change.partition ? change.partition->leader_epoch() : kNoLeaderEpoch;
  if (change.state->leader_epoch <= current) {
    if (change.state->leader_epoch == current && !change.id.is_zero() && known.is_zero() && log) {
      const auto recorded = log->assign_topic_id(change.id);
      if (recorded) change.partition->set_log(std::move(log));
      return recorded ? ErrorCode::none : recorded.error().code;
    }
    return ErrorCode::stale_controller_epoch;
  }
  if (std::find(change.state->replicas.begin(), change.state->replicas.end(), deps_.self) == change.state->replicas.end()) {
    return ErrorCode::unknown_topic_or_partition;
  }
  if (!change.partition) change.partition = get_or_add(change.tp);
  change.apply = true;
  return ErrorCode::none;
}

void ReplicaManager::settle_config(storage::Log& log) const {
  // A change that was applied before the log could be seen has missed it, one from now on finds it; a value written here that is older than such a change is
  // found by the next look.
  for (auto applied = log.config();;) {
    auto now = deps_.topic_config(log.topic_partition().topic);
    if (*now == *applied) return;
    log.update_config(now);
    applied = std::move(now);
  }
}

ErrorCode ReplicaManager::attach_log(Partition& partition, const std::shared_ptr<const config::LogConfig>& config, bool is_new, TopicId id) {
  const TopicPartition& tp = partition.topic_partition();
  auto log = partition.log();
  const bool fresh = log == nullptr;
  if (fresh) {
    auto made = deps_.logs.get_or_create(tp, config, is_new, id);
    if (!made) {
      if (!storage::is_still_loading(made.error())) MOLDAU_LOG(replica, err, "no log for {}: {}", tp, made.error().message);
      return made.error().code;
    }
    log = std::move(*made);
    settle_config(*log);
  }
  if (!id.is_zero() && log->topic_id().is_zero()) {
    if (const auto recorded = log->assign_topic_id(id); !recorded) return recorded.error().code;
  }
  if (fresh) {
    const auto checkpointed = deps_.logs.checkpointed_high_watermark(tp);
    if (checkpointed && *checkpointed > log->high_watermark()) log->update_high_watermark(*checkpointed);
    const std::string dir = log->parent_dir();
    partition.set_log(std::move(log));
    // A directory that failed before the partition had its log did not find the partition among those it takes offline.
    if (!deps_.logs.is_dir_online(dir)) return ErrorCode::kafka_storage_error;
  }
  return ErrorCode::none;
}

void ReplicaManager::apply_role(RoleChange& change) {
  try {
    change.error = attach_log(*change.partition, change.config, change.state->is_new, change.id);
    change.waits = change.error == kStillLoading;
    if (change.waits) {
      change.error = ErrorCode::none;
    } else if (change.error == ErrorCode::none) {
      const auto to = change.assignment();
      change.error = change.state->leader == deps_.self ? change.partition->make_leader(to) : change.partition->make_follower(to);
    }
  } catch (const std::exception& e) {
    MOLDAU_LOG(replica, err, "role change of {} failed: {}", change.tp, e.what());
    change.error = ErrorCode::kafka_storage_error;
  }
  if (change.error == ErrorCode::kafka_storage_error) change.partition->mark_offline();
}

Awaitable<LeaderAndIsrResponse> ReplicaManager::become_leader_or_follower(const LeaderAndIsrRequest& request, std::int16_t version, Arena& arena) {
  const auto turn = co_await state_changes_.lock();
  LeaderAndIsrResponse response;
  response.error_code = fence(request.controller_epoch, request.broker_epoch);
  if (response.error_code != ErrorCode::none) co_return response;

  std::vector<RoleChange> changes;
  const auto add = [&](std::string_view topic, TopicId id, const LeaderAndIsrRequest::LeaderAndIsrPartitionState& state) {
    RoleChange c;
    c.tp = TopicPartitionView(topic, state.partition_index);
    c.id = id;
    c.state = &state;
    changes.push_back(std::move(c));
  };
  for (const auto& state : request.ungrouped_partition_states) add(state.topic_name, TopicId{}, state);
  for (const auto& topic : request.topic_states)
    for (const auto& state : topic.partition_states) add(topic.topic_name, topic.topic_id, state);

  std::shared_ptr<const config::LogConfig> config;
  std::string_view config_of;
  ClosedGates gates;
  std::vector<RoleChange*> to_apply;
  for (RoleChange& c : changes) {
    c.error = admit(c);
    if (!c.apply) continue;
    if (!config || config_of != c.tp.topic) {
      config = deps_.topic_config(c.tp.topic);
      config_of = c.tp.topic;
    }
    c.config = config;
    to_apply.push_back(&c);
    if (c.partition->snapshot().role == PartitionState::Role::leader) co_await gates.close(c.partition);
  }
  if (!to_apply.empty()) {
    auto work = [this, &to_apply] {
      parallel_for(deps_.blocking, to_apply.size(), deps_.blocking_threads - 1, [&](std::size_t i) { apply_role(*to_apply[i]); });
      return true;
    };
    co_await storage::offload(deps_.blocking, std::move(work));
  }

  std::vector<LeadershipChange> done;
  for (const RoleChange* c : to_apply) {
    if (c->waits) {
      note_late_role(c->partition->topic_partition(), c->assignment(), c->id);
      continue;
    }
    forget_late_role(c->tp);
    if (c->error != ErrorCode::none) continue;
    if (deps_.logs.future(c->tp)) {
      auto resuming = resume_move(c->partition);
      co_await std::move(resuming);
    }
    LeadershipChange change;
    change.partition = c->partition->topic_partition();
    change.leader_epoch = c->state->leader_epoch;
    change.role = c->state->leader == deps_.self ? LeadershipChange::Role::leader : LeadershipChange::Role::follower;
    done.push_back(std::move(change));
  }
  notify(done);

  const auto report = [&](Array<LeaderAndIsrResponse::LeaderAndIsrPartitionError>& to, const RoleChange& c) {
    auto& e = to.add(arena);
    if (version < 5) e.topic_name = arena.dup(c.tp.topic);
    e.partition_index = c.tp.partition;
    e.error_code = c.error;
  };
  if (version < 5) {
    for (const RoleChange& c : changes) report(response.partition_errors, c);
  } else {
    for (std::size_t i = 0; i < changes.size();) {
      auto& topic = response.topics.add(arena);
      topic.topic_id = changes[i].id;
      const std::string_view name = changes[i].tp.topic;
      for (; i < changes.size() && changes[i].tp.topic == name; ++i) report(topic.partition_errors, changes[i]);
    }
  }
  co_return response;
}

Awaitable<StopReplicaResponse> ReplicaManager::stop_replicas(const StopReplicaRequest& request, std::int16_t version, Arena& arena) {
  const auto turn = co_await state_changes_.lock();
  StopReplicaResponse response;
  response.error_code = fence(request.controller_epoch, request.broker_epoch);
  if (response.error_code != ErrorCode::none) co_return response;

  struct Stop {
    TopicPartitionView tp;
    LeaderEpoch epoch;
    bool remove = false;
    std::shared_ptr<Partition> partition;
    ErrorCode error = ErrorCode::none;
  };
  std::vector<Stop> stops;
  const auto add = [&](std::string_view topic, std::int32_t index, LeaderEpoch epoch, bool remove) {
    Stop s;
    s.tp = TopicPartitionView(topic, index);
    s.epoch = epoch;
    s.remove = remove;
    stops.push_back(std::move(s));
  };
  if (version == 0) {
    for (const auto& p : request.ungrouped_partitions) add(p.topic_name, p.partition_index, kNoLeaderEpoch, request.delete_partitions);
  } else if (version < 3) {
    for (const auto& t : request.topics)
      for (const std::int32_t p : t.partition_indexes) add(t.name, p, kNoLeaderEpoch, request.delete_partitions);
  } else {
    for (const auto& t : request.topic_states)
      for (const auto& p : t.partition_states) add(t.topic_name, p.partition_index, p.leader_epoch, p.delete_partition);
  }

  ClosedGates gates;
  std::vector<Stop*> to_remove;
  std::vector<LeadershipChange> done;
  for (Stop& s : stops) {
    s.partition = partition(s.tp);
    if (s.partition && s.partition->is_offline()) {
      s.error = ErrorCode::kafka_storage_error;
      continue;
    }
    LeaderEpoch known = kNoLeaderEpoch;
    if (s.partition) {
      const auto now = s.partition->snapshot();
      known = now.leader_epoch;
      if (s.epoch != kEpochOfDeletion && s.epoch != kNoLeaderEpoch && s.epoch < known) {
        s.error = ErrorCode::fenced_leader_epoch;
        continue;
      }
      if (now.role == PartitionState::Role::leader) co_await gates.close(s.partition);
      end_move(*s.partition);
      s.partition->stop();
      forget_late_role(s.tp);
      erase(s.tp);
      LeadershipChange change;
      change.partition = s.partition->topic_partition();
      change.leader_epoch = s.epoch >= LeaderEpoch(0) ? s.epoch : known;
      change.role = s.remove ? LeadershipChange::Role::deleted : LeadershipChange::Role::stopped;
      done.push_back(std::move(change));
    }
    if (s.remove) to_remove.push_back(&s);
  }
  for (const Stop* s : to_remove) {
    if (const auto log = deps_.logs.get(s->tp)) co_await log->seal();
    if (const auto future = deps_.logs.future(s->tp)) co_await future->seal();
  }
  if (!to_remove.empty()) {
    auto work = [this, &to_remove] {
      parallel_for(deps_.blocking, to_remove.size(), deps_.blocking_threads - 1, [&](std::size_t i) {
        Stop& s = *to_remove[i];
        if (deps_.logs.future(s.tp))
          if (const auto removed = deps_.logs.delete_future(s.tp); !removed) MOLDAU_LOG(replica, err, "cannot delete the future log of {}: {}", s.tp, removed.error().message);
        const auto removed = deps_.logs.async_delete(s.tp);
        if (removed || removed.error().code == ErrorCode::unknown_topic_or_partition) return;
        MOLDAU_LOG(replica, err, "cannot delete the log of {}: {}", s.tp, removed.error().message);
        s.error = removed.error().code;
      });
      return true;
    };
    co_await storage::offload(deps_.blocking, std::move(work));
  }
  notify(done);

  for (const Stop& s : stops) {
    auto& e = response.partition_errors.add(arena);
    e.topic_name = arena.dup(s.tp.topic);
    e.partition_index = s.tp.partition;
    e.error_code = s.error;
  }
  co_return response;
}

Awaitable<protocol::UpdateMetadataResponse> ReplicaManager::update_metadata(const protocol::UpdateMetadataRequest& request) {
  const auto turn = co_await state_changes_.lock();
  protocol::UpdateMetadataResponse response;
  response.error_code = fence(request.controller_epoch, request.broker_epoch);
  if (response.error_code == ErrorCode::none) deps_.metadata.apply(request);
  co_return response;
}

void ReplicaManager::notify(std::span<const LeadershipChange> changes) {
  if (changes.empty()) return;
  for (const auto& listener : leadership_listeners_) listener(changes);
}

}  // namespace moldau::replication
