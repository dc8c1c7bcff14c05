// ReplicaManager's log directories: AlterReplicaLogDirs (KIP-113), and what becomes of the partitions of one that fails (KIP-112).
#include <algorithm>
#include <map>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "replication/partition/future_copy.h"
#include "replication/partition/replica_manager.h"
#include "storage/io/offload.h"
#include "storage/log/log_dir_names.h"

namespace moldau::replication {
namespace {

/// Pieces that may be copied while appends wait.
constexpr int kTailPieces = 8;

/// Appends to the partition wait while this lives.
class ClosedGate {
 public:
  explicit ClosedGate(Partition& partition) : partition_(partition) {}
  ClosedGate(const ClosedGate&) = delete;
  ClosedGate& operator=(const ClosedGate&) = delete;
  ~ClosedGate() {
    if (closed_) partition_.gate().open();
  }
  Awaitable<void> close() {
    closed_ = true;
    return partition_.gate().close();
  }

 private:
  Partition& partition_;
  bool closed_ = false;
};

}  // namespace

// ---- moves ----

Awaitable<void> ReplicaManager::alter_log_dirs(std::span<const LogDirMove> moves, std::span<ErrorCode> results) {
  const auto turn = co_await state_changes_.lock();
  for (std::size_t i = 0; i < moves.size(); ++i) {
    if (results[i] != ErrorCode::none) continue;  // refused by the caller
    auto altering = alter_log_dir(moves[i]);
    results[i] = co_await std::move(altering);
  }
}

Awaitable<ErrorCode> ReplicaManager::alter_log_dir(LogDirMove asked) {
  const auto refuse = [&asked](ErrorCode code, std::string_view why) {
    MOLDAU_LOG(replica, warn, "Unable to alter log dirs for {}: {}", asked.tp, why);
    return code;
  };
  if (storage::future_dir_name_length(asked.tp) > storage::kMaxDirName) co_return refuse(ErrorCode::invalid_topic_exception, "The topic name is too long.");
  const std::string dir(asked.dir);
  if (const auto usable = deps_.logs.check_dir(dir); !usable) co_return refuse(usable.error().code, usable.error().message);
  auto p = partition(asked.tp);
  if (p && p->is_offline()) co_return refuse(ErrorCode::kafka_storage_error, "the partition is offline");
  if (p) {
    const auto future = p->future_log();
    if (future && future->parent_dir() != dir) {
      auto ending = abandon_move(p);
      co_await std::move(ending);
    }
  }
  deps_.logs.prefer_dir(asked.tp, dir);
  if (const ErrorCode missing = find(asked.tp, p); missing != ErrorCode::none)
    co_return refuse(missing == ErrorCode::not_leader_or_follower ? ErrorCode::replica_not_available : missing, "there is no replica of it here");
  const auto log = p->log();
  if (!log) co_return refuse(ErrorCode::replica_not_available, "it has no log");
  if (log->parent_dir() == dir || p->future_log()) co_return ErrorCode::none;

  auto config = deps_.topic_config(asked.tp.topic);
  auto create = [this, &p, &dir, &config, &log] { return deps_.logs.create_future(p->topic_partition(), dir, config, log->topic_id()); };
  auto made = co_await storage::offload(deps_.blocking, std::move(create));
  if (!made) co_return refuse(made.error().code, made.error().message);
  begin_move(p, *made);
  co_return p->is_offline() || !deps_.logs.is_dir_online(dir) ? ErrorCode::kafka_storage_error : ErrorCode::none;
}

void ReplicaManager::begin_move(const std::shared_ptr<Partition>& p, const std::shared_ptr<storage::Log>& future) {
  const TopicPartitionView tp(p->topic_partition());
  MOLDAU_LOG(replica, info, "{} moves to {}", tp, future->parent_dir());
  settle_config(*future);
  deps_.logs.pause_cleaning(tp);
  p->set_future_log(future);
  mover_->add(p, future);
  // A directory that failed before the partition had the log did not find it.
  if (!deps_.logs.is_dir_online(future->parent_dir()) || p->is_offline()) end_move(*p);
}

std::shared_ptr<storage::Log> ReplicaManager::end_move(Partition& p) {
  auto future = p.take_future_log();
  if (!future) return nullptr;
  mover_->remove(TopicPartitionView(p.topic_partition()));
  deps_.logs.resume_cleaning(TopicPartitionView(p.topic_partition()));
  return future;
}

Awaitable<void> ReplicaManager::abandon_move(std::shared_ptr<Partition> p) {
  const auto future = end_move(*p);
  if (!future) co_return;
  MOLDAU_LOG(replica, info, "The move of {} to {} is given up", p->topic_partition(), future->parent_dir());
  co_await future->seal();
  auto remove = [this, &p] { return deps_.logs.delete_future(TopicPartitionView(p->topic_partition())); };
  const auto removed = co_await storage::offload(deps_.blocking, std::move(remove));
  if (!removed) MOLDAU_LOG(replica, err, "cannot delete the future log of {}: {}", p->topic_partition(), removed.error().message);
}

Awaitable<void> ReplicaManager::resume_move(std::shared_ptr<Partition> p) {
  const TopicPartitionView tp(p->topic_partition());
  const auto future = deps_.logs.future(tp);
  const auto log = p->log();
  if (!future || !log || p->future_log()) co_return;
  begin_move(p, future);
  const TopicId ours = log->topic_id();
  const TopicId theirs = future->topic_id();
  if (ours.is_zero() || theirs == ours) co_return;
  if (theirs.is_zero()) {
    if (const auto recorded = future->assign_topic_id(ours); recorded) co_return;
  }
  MOLDAU_LOG(replica, warn, "the future log of {} is that of a topic with another id ({}, not {})", tp, theirs, ours);
  auto ending = abandon_move(p);
  co_await std::move(ending);
}

Awaitable<bool> ReplicaManager::finish_move(std::shared_ptr<Partition> p, std::shared_ptr<storage::Log> next) {
  const auto turn = co_await state_changes_.lock();
  const auto current = p->log();
  if (!current || p->future_log() != next || stopping_.load(std::memory_order_acquire)) co_return false;
  const TopicPartition& tp = p->topic_partition();
  {
    ClosedGate gate(*p);
    co_await gate.close();
    FutureCopy copy(current, next);
    const auto leader_epoch = [&p] { return p->leader_epoch(); };
    bool caught_up = false;
    for (int i = 0; i < kTailPieces && !caught_up; ++i) {
      auto copying = copy.next(leader_epoch);
      const auto piece = co_await std::move(copying);
      if (!piece) co_return false;  // the mover meets it again, and tells
      caught_up = piece->caught_up;
    }
    if (!caught_up) co_return false;
    // An epoch without records is not in what was copied.
    if (const LeaderEpoch latest = current->latest_epoch(); latest > next->latest_epoch()) next->assign_epoch_start(latest, next->log_end_offset());
    auto replacing = deps_.logs.replace_with_future(tp);
    const auto replaced = co_await std::move(replacing);
    if (!replaced) {
      MOLDAU_LOG(replica, err, "The log of {} stays in {}: {}", tp, current->parent_dir(), replaced.error().message);
      co_return false;
    }
    p->replace_log(next);
    // What raised the old log's start until now has looked whether that still is the log.
    if (current->log_start_offset() > next->log_start_offset()) (void)next->maybe_increment_log_start_offset(current->log_start_offset());
  }
  deps_.logs.resume_cleaning(TopicPartitionView(tp));
  settle_config(*next);
  if (!deps_.logs.is_dir_online(next->parent_dir())) p->mark_offline();
  co_await current->seal();
  const auto retired = deps_.logs.retire(current);
  if (!retired) MOLDAU_LOG(replica, err, "The old log of {} in {} is left behind: {}", tp, current->parent_dir(), retired.error().message);
  co_return true;
}

// ---- failures ----

void ReplicaManager::on_dir_failure(const std::string& dir) {
  std::size_t lost = 0;
  std::size_t moves = 0;
  for (const auto& p : partitions()) {
    const auto future = p->future_log();
    const auto l = p->log();
    const bool loses_log = l && l->parent_dir() == dir;
    if (future && (loses_log || future->parent_dir() == dir) && end_move(*p)) ++moves;
    if (!loses_log) continue;
    p->mark_offline();
    ++lost;
  }
  MOLDAU_LOG(replica, err, "log directory {} has failed: {} partitions are offline, {} moves have ended", dir, lost, moves);
  if (dir_failure_listener_) dir_failure_listener_(dir);
}

// ---- DescribeLogDirs ----

std::vector<LogDirDescription> ReplicaManager::describe_log_dirs(const std::function<bool(TopicPartitionView)>& wanted) const {
  std::vector<LogDirDescription> out;
  std::map<std::string, std::size_t, std::less<>> by_path;
  for (const storage::LogDirInfo& dir : deps_.logs.dirs()) {
    LogDirDescription d;
    d.path = dir.path;
    d.error = dir.online ? ErrorCode::none : ErrorCode::kafka_storage_error;
    if (dir.online) {
      d.total_bytes = dir.total_bytes;
      d.usable_bytes = dir.usable_bytes;
    }
    by_path.emplace(d.path, out.size());
    out.push_back(std::move(d));
  }
  const auto describe = [&](const storage::Log& log, bool is_future) {
    const TopicPartition& tp = log.topic_partition();
    const auto at = by_path.find(log.parent_dir());
    if (at == by_path.end() || out[at->second].error != ErrorCode::none || !wanted(tp)) return;
    LogDirDescription::Replica r;
    r.tp = tp;
    r.size = log.size_bytes();
    r.is_future = is_future;
    const auto p = partition(tp);
    const auto current = p ? p->log() : nullptr;
    r.offset_lag = !current ? kUnknownLag
                            : is_future ? current->log_end_offset() - log.log_end_offset() : std::max<std::int64_t>(0, current->high_watermark() - log.log_end_offset());
    out[at->second].replicas.push_back(std::move(r));
  };
  for (const auto& log : deps_.logs.all_logs()) describe(*log, false);
  for (const auto& log : deps_.logs.all_futures()) describe(*log, true);
  return out;
}

}  // namespace moldau::replication
