#include "replication/partition/replica_manager.h"

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::replication {

ReplicaManager::ReplicaManager(ReplicaManagerDeps deps)
    : deps_(std::move(deps)),
      env_{deps_.self, deps_.clock, deps_.replica_lag_time_max_ms, [&cache = deps_.metadata](BrokerId id) { return cache.is_alive(id); }, deps_.alter_partition},
      timers_(deps_.timers, deps_.clock) {
  mover_ = std::make_unique<LogDirMover>(LogDirMover::Deps{deps_.clock, deps_.blocking, deps_.alter_log_dirs_threads,
                                                           [this](std::shared_ptr<Partition> p, std::shared_ptr<storage::Log> next) {
                                                             return finish_move(std::move(p), std::move(next));
                                                           }});
  deps_.logs.set_dir_failure_handler([this](const std::string& dir) { on_dir_failure(dir); });
  register_metrics();
}

ReplicaManager::~ReplicaManager() {
  gauges_.clear();
  deps_.logs.set_dir_failure_handler([](const std::string&) {});
  shutdown();
}

void ReplicaManager::shutdown() {
  stopping_.store(true, std::memory_order_release);
  mover_->stop();
  timers_.close();
}

// ---- partitions ----

std::shared_ptr<Partition> ReplicaManager::partition(TopicPartitionView tp) const {
  const Shard& s = shard(tp);
  const std::shared_lock lock(s.mutex);
  const auto it = s.partitions.find(tp);
  return it == s.partitions.end() ? nullptr : it->second;
}

ErrorCode ReplicaManager::find(TopicPartitionView tp, std::shared_ptr<Partition>& out) const {
  out = partition(tp);
  if (out) {
    if (!out->is_offline()) return ErrorCode::none;
    out.reset();
    return ErrorCode::kafka_storage_error;
  }
  return deps_.metadata.contains(tp) ? ErrorCode::not_leader_or_follower : ErrorCode::unknown_topic_or_partition;
}

std::vector<std::shared_ptr<Partition>> ReplicaManager::partitions() const {
  std::vector<std::shared_ptr<Partition>> all;
  for (const Shard& s : shards_) {
    const std::shared_lock lock(s.mutex);
    all.reserve(all.size() + s.partitions.size());
    for (const auto& [tp, p] : s.partitions) all.push_back(p);
  }
  return all;
}

std::shared_ptr<Partition> ReplicaManager::get_or_add(TopicPartitionView tp) {
  Shard& s = shard(tp);
  {
    const std::shared_lock lock(s.mutex);
    const auto it = s.partitions.find(tp);
    if (it != s.partitions.end()) return it->second;
  }
  TopicPartition key{std::string(tp.topic), tp.partition};
  auto made = std::make_shared<Partition>(key, env_, topic_metrics_.get(tp.topic));
  const std::unique_lock lock(s.mutex);
  return s.partitions.try_emplace(std::move(key), std::move(made)).first->second;
}

void ReplicaManager::erase(TopicPartitionView tp) {
  Shard& s = shard(tp);
  std::shared_ptr<Partition> gone;  // destroyed behind the lock
  const std::unique_lock lock(s.mutex);
  const auto it = s.partitions.find(tp);
  if (it == s.partitions.end()) return;
  gone = std::move(it->second);
  s.partitions.erase(it);
}

LeaderAndEpoch ReplicaManager::current_leader(TopicPartitionView tp) const {
  if (const auto p = partition(tp); p && !p->is_offline()) {
    const auto s = p->snapshot();
    return {s.leader, s.leader_epoch};
  }
  return deps_.metadata.leader(tp).value_or(LeaderAndEpoch{});
}

std::shared_ptr<storage::Log> ReplicaManager::leader_log(TopicPartitionView tp) const {
  const auto p = partition(tp);
  return p ? p->access(kNoLeaderEpoch, true).log : nullptr;
}

void ReplicaManager::register_metrics() {
  auto& m = config::metrics();
  expired_followers_ = m.delayed_fetch_expires.with({"follower"});
  expired_consumers_ = m.delayed_fetch_expires.with({"consumer"});
  const auto count = [this](const std::function<bool(const Partition::Snapshot&)>& holds) {
    double n = 0;
    for (const auto& p : partitions())
      if (!p->is_offline() && holds(p->snapshot())) n += 1;
    return n;
  };
  const auto gauge = [this](config::MetricFamilyBase& family, std::function<double()> value) {
    gauges_.push_back(family.register_callback([value = std::move(value)](const config::Emit& emit) { emit({}, value()); }));
  };
  using S = Partition::Snapshot;
  constexpr auto kLeader = PartitionState::Role::leader;
  gauge(m.leader_count, [count] { return count([](const S& s) { return s.role == kLeader; }); });
  gauge(m.partition_count, [this] { return static_cast<double>(partitions().size()); });
  gauge(m.under_replicated_partitions, [count] { return count([](const S& s) { return s.role == kLeader && s.isr < s.replicas; }); });
  gauge(m.under_min_isr_partition_count, [count] { return count([](const S& s) { return s.under_min_isr; }); });
  gauge(m.at_min_isr_partition_count, [count] { return count([](const S& s) { return s.at_min_isr; }); });
  gauge(m.reassigning_partitions, [count] { return count([](const S& s) { return s.reassigning; }); });
  const auto mover_gauge = [this](config::MetricFamilyBase& family, std::function<double()> value) {
    gauges_.push_back(family.register_callback([value = std::move(value)](const config::Emit& emit) { emit({"ReplicaAlterLogDirs"}, value()); }));
  };
  mover_gauge(m.alter_log_dirs_max_lag, [this] { return static_cast<double>(mover_->max_lag()); });
  mover_gauge(m.alter_log_dirs_failed_partitions, [this] { return static_cast<double>(mover_->failing()); });
  mover_gauge(m.alter_log_dirs_dead_threads, [] { return 0.0; });  // the fence of each thread holds
  gauge(m.offline_replica_count, [this] {
    double n = 0;
    for (const auto& p : partitions())
      if (p->is_offline()) n += 1;
    return n;
  });
}

}  // namespace moldau::replication
