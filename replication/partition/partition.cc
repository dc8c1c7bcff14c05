#include "replication/partition/partition.h"

#include <limits>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::replication {

using storage::AppendError;
using storage::AppendResult;
using storage::LogAppendInfo;

Partition::Partition(TopicPartition tp, const PartitionEnv& env, std::shared_ptr<TopicMetrics> metrics)
    : tp_(std::move(tp)), env_(env), metrics_(std::move(metrics)), state_(env.self) {}

std::shared_ptr<storage::Log> Partition::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::shared_ptr<storage::Log> Partition::future_log() const {
  const std::lock_guard lock(mutex_);
  return future_log_;
}

std::optional<TopicId> Partition::topic_id() const {
  const std::lock_guard lock(mutex_);
  if (topic_id_.is_zero()) return std::nullopt;
  return topic_id_;
}

bool Partition::is_consistent(TopicId id) const {
  if (id.is_zero()) return true;
  const std::lock_guard lock(mutex_);
  return topic_id_.is_zero() || topic_id_ == id;
}

void Partition::mark_offline() {
  offline_.store(true, std::memory_order_release);
  {
    const std::lock_guard lock(mutex_);
    state_.clear();
    log_.reset();
    future_log_.reset();
  }
  waiters_.wake_all();
}

Partition::Snapshot Partition::snapshot() const {
  const std::lock_guard lock(mutex_);
  Snapshot s;
  s.role = state_.role();
  s.leader = state_.leader();
  s.leader_epoch = state_.leader_epoch();
  s.isr = state_.isr().size();
  s.replicas = state_.replicas().size();
  if (state_.is_leader() && log_) {
    const auto min_isr = log_->config()->min_insync_replicas;
    s.under_min_isr = state_.is_under_min_isr(min_isr);
    s.at_min_isr = state_.is_at_min_isr(min_isr);
    s.reassigning = state_.is_reassigning();
  }
  return s;
}

LeaderEpoch Partition::leader_epoch() const {
  const std::lock_guard lock(mutex_);
  return state_.leader_epoch();
}

BrokerId Partition::leader() const {
  const std::lock_guard lock(mutex_);
  return state_.leader();
}

std::int32_t Partition::min_isr_locked() const {
  // With every replica in sync no minimum is missed; the configuration is not even looked at.
  if (state_.isr().size() == state_.remote_replicas().size() + 1) return 1;
  return log_->config()->min_insync_replicas;
}

bool Partition::advance_high_watermark_locked() {
  const auto target = state_.high_watermark_target(now_ms(), env_.replica_lag_time_max_ms, min_isr_locked(), env_.is_alive);
  return target && log_->maybe_increment_high_watermark(*target);
}

void Partition::wake(std::int64_t bytes) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (waiters_.size() == 0) return;
  ReachedOffsets reached;
  if (const auto l = log()) {
    const storage::LogOffsets at = l->offsets();
    reached.log_end = at.log_end;
    reached.high_watermark = at.high_watermark;
    reached.last_stable = at.last_stable;
    if (waiters_.anyone_waits_for_low_watermark()) reached.low_watermark = low_watermark().value_or(kNoOffset);
  }
  waiters_.wake(reached, bytes);
}

// ---- appends ----

Partition::Entry Partition::enter(std::int16_t acks) {
  Entry entry;
  ResumeBatch batch;
  const std::lock_guard lock(mutex_);
  if (is_offline()) {
    entry.refused = ErrorCode::kafka_storage_error;
  } else if (!gate_.try_enter_locked()) {
    entry.closed = true;
  } else {
    if (!state_.is_leader() || !log_) {
      entry.refused = ErrorCode::not_leader_or_follower;
    } else if (acks == -1 && state_.is_under_min_isr(min_isr_locked())) {
      entry.refused = ErrorCode::not_enough_replicas;
    }
    if (entry.refused != ErrorCode::none) gate_.leave_locked(batch);
    entry.log = log_;
    entry.epoch = state_.leader_epoch();
  }
  return entry;
}

void Partition::leave(LeaderEpoch epoch, const LogAppendInfo* appended) {
  // What lies below the end of a completed append is as durable as the topic asks for. A duplicate says nothing: its original may still be on the way.
  const bool counts = appended != nullptr && !appended->duplicate && appended->last_offset >= Offset(0);
  ResumeBatch batch;
  {
    const std::lock_guard lock(mutex_);
    if (counts && appended->durable && state_.is_leader() && state_.leader_epoch() == epoch) {
      state_.on_leader_append(appended->last_offset + 1);
      advance_high_watermark_locked();
    }
    gate_.leave_locked(batch);
  }
  if (counts) wake(appended->rolled ? std::numeric_limits<std::int64_t>::max() : appended->valid_bytes);
}

Awaitable<AppendResult<LogAppendInfo>> Partition::append_as_leader(PartitionAppend append) {
  Entry entry = enter(append.acks);
  while (entry.closed) {
    co_await gate_.wait_open();
    entry = enter(append.acks);
  }
  if (entry.refused != ErrorCode::none) co_return AppendError{entry.refused, {}, {}};

  /// Leaves the gate, also when the append throws.
  struct Inside {
    Partition& partition;
    LeaderEpoch epoch;
    const LogAppendInfo* appended = nullptr;
    ~Inside() { partition.leave(epoch, appended); }
  };
  storage::LeaderAppend request;
  request.records = append.records;
  request.leader_epoch = entry.epoch;
  request.origin = append.origin;
  request.produce_version = append.produce_version;
  request.defer_flush = append.defer_flush;
  LogAppendInfo info;
  Inside inside{*this, entry.epoch};
  auto result = co_await entry.log->append_as_leader(request);
  if (result) {
    info = *result;
    inside.appended = &info;
  }
  co_return result;
}

void Partition::on_flushed() {
  bool moved = false;
  {
    const std::lock_guard lock(mutex_);
    if (!state_.is_leader() || !log_) return;
    state_.on_leader_append(log_->durable_offset());
    moved = advance_high_watermark_locked();
  }
  if (moved) wake(std::numeric_limits<std::int64_t>::max());
}

Awaitable<ErrorCode> Partition::wait_durable(Offset end) {
  while (true) {
    const auto l = log();
    if (!l) co_return is_offline() ? ErrorCode::kafka_storage_error : ErrorCode::not_leader_or_follower;
    const auto flushed = co_await l->flush(end);
    if (!flushed) co_return flushed.error().code;
    const auto now = log();
    if (!now || now == l) co_return ErrorCode::none;  // else a log in another directory has taken its place
  }
}

std::optional<ErrorCode> Partition::check_replicated(Offset required) const {
  const std::lock_guard lock(mutex_);
  if (is_offline()) return ErrorCode::kafka_storage_error;
  if (!log_) return ErrorCode::not_leader_or_follower;
  return state_.check_replicated(required, log_->high_watermark(), min_isr_locked());
}

// ---- reads ----

Partition::Access Partition::access(LeaderEpoch believed, bool leader_only) const {
  Access a;
  if (is_offline()) {
    a.error = ErrorCode::kafka_storage_error;
    return a;
  }
  const std::lock_guard lock(mutex_);
  a.leader_epoch = state_.leader_epoch();
  a.epoch_start = state_.epoch_start();
  a.error = state_.check_access(believed, leader_only);
  if (a.error != ErrorCode::none) return a;
  if (log_) {
    a.log = log_;
  } else {
    a.error = ErrorCode::not_leader_or_follower;
  }
  return a;
}

void Partition::read(const PartitionRead& request, bool update_follower, PartitionReadResult& out) {
  out = PartitionReadResult{};
  const bool from_follower = request.replica >= BrokerId(0);
  if (!is_consistent(request.topic_id)) {
    out.error = ErrorCode::inconsistent_topic_id;
    return;
  }
  const Access a = access(request.current_leader_epoch, request.leader_only);
  if (a.error != ErrorCode::none) {
    out.error = a.error;
    return;
  }
  if (from_follower) {
    const std::lock_guard lock(mutex_);
    out.error = state_.check_follower(request.replica, request.current_leader_epoch);
    if (out.error != ErrorCode::none) return;
  }
  // Offsets from before the read: appends during it must not keep a follower out of the ISR.
  const storage::LogOffsets at = a.log->offsets();
  const auto fail = [&](ErrorCode code) {
    out = PartitionReadResult{};
    out.error = code;
  };

  if (request.last_fetched_epoch != kNoLeaderEpoch) {
    const auto [epoch, end] = a.log->end_offset_for_epoch(request.last_fetched_epoch);
    if (epoch == kNoLeaderEpoch || end == kNoOffset || request.fetch_offset < at.log_start) return fail(ErrorCode::offset_out_of_range);
    if (epoch < request.last_fetched_epoch || end < request.fetch_offset) out.diverging = DivergingEpoch{epoch, end};
  }
  if (!out.diverging) {
    auto data = a.log->read(request.fetch_offset, request.max_bytes, request.isolation, request.min_one_batch, request.cold);
    if (!data && storage::is_needs_disk(data.error())) {
      out.needs_disk = true;
      return;
    }
    if (!data) {
      MOLDAU_LOG(replica, debug, "reading {} at {}: {} {}", tp_, request.fetch_offset, data.error().code, data.error().message);
      return fail(data.error().code);
    }
    out.data = std::move(*data);
  }
  out.high_watermark = at.high_watermark;
  out.last_stable_offset = at.last_stable;
  out.log_start_offset = at.log_start;
  out.log_end_offset = at.log_end;

  if (!from_follower || !update_follower || out.diverging) return;
  PartitionState::FetchOutcome outcome;
  bool moved = false;
  {
    const std::lock_guard lock(mutex_);
    if (!state_.is_leader() || log_ != a.log) return;
    FollowerFetch fetch;
    fetch.replica = request.replica;
    fetch.fetch_offset = request.fetch_offset;
    fetch.log_start = request.follower_log_start;
    fetch.leader_log_end = at.log_end;
    fetch.high_watermark = log_->high_watermark();
    fetch.now_ms = now_ms();
    fetch.eligible = env_.is_alive(request.replica);
    outcome = state_.on_follower_fetch(fetch);
    if (outcome.log_end_moved) moved = advance_high_watermark_locked();
  }
  if (outcome.alter) send_alter(std::move(*outcome.alter));
  if (moved || (outcome.low_watermark_may_move && waiters_.anyone_waits_for_low_watermark())) wake(std::numeric_limits<std::int64_t>::max());
}

void Partition::refresh_offsets(PartitionReadResult& out) const {
  const auto l = log();
  if (!l || out.error != ErrorCode::none) return;
  const storage::LogOffsets at = l->offsets();
  out.high_watermark = at.high_watermark;
  out.last_stable_offset = at.last_stable;
  out.log_start_offset = at.log_start;
  out.log_end_offset = at.log_end;
}

Offset Partition::reached(WaitFor what) const {
  if (what == WaitFor::low_watermark) return low_watermark().value_or(kNoOffset);
  const auto l = log();
  if (!l) return kNoOffset;
  const storage::LogOffsets at = l->offsets();
  switch (what) {
    case WaitFor::log_end: return at.log_end;
    case WaitFor::last_stable: return at.last_stable;
    default: return at.high_watermark;
  }
}

Result<Partition::DeleteOutcome> Partition::delete_records(Offset before) {
  DeleteOutcome out;
  for (std::shared_ptr<storage::Log> done; done != log() || !done;) {
    const Access a = access(kNoLeaderEpoch, true);
    if (a.error != ErrorCode::none) return Error(a.error);
    if (!a.log->config()->cleanup_delete) {
      return Error(ErrorCode::policy_violation, fmt::format("Records of partition {} can not be deleted due to the configured policy", tp_));
    }
    out.requested = before == kNoOffset ? a.log->high_watermark() : before;
    if (out.requested < Offset(0)) return Error(ErrorCode::offset_out_of_range, fmt::format("The offset {} for partition {} is not valid", before, tp_));
    const auto moved = a.log->maybe_increment_log_start_offset(out.requested);
    if (!moved) return moved.error();
    done = a.log;  // one that was replaced meanwhile may have been asked for its log start before: the new one is told again
  }
  out.low_watermark = low_watermark().value_or(kNoOffset);
  return out;
}

std::optional<Offset> Partition::low_watermark() const {
  const std::lock_guard lock(mutex_);
  if (!state_.is_leader() || !log_) return std::nullopt;
  return state_.low_watermark(log_->log_start_offset(), env_.is_alive);
}

// ---- role changes ----

void Partition::set_log(std::shared_ptr<storage::Log> log) {
  const TopicId id = log->topic_id();
  follow_flushes(*log);
  const std::lock_guard lock(mutex_);
  log_ = std::move(log);
  topic_id_ = id;
}

void Partition::follow_flushes(storage::Log& log) {
  log.set_flush_listener([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_flushed();
  });
}

void Partition::set_future_log(std::shared_ptr<storage::Log> future) {
  const std::lock_guard lock(mutex_);
  future_log_ = std::move(future);
}

std::shared_ptr<storage::Log> Partition::take_future_log() {
  const std::lock_guard lock(mutex_);
  return std::exchange(future_log_, nullptr);
}

void Partition::replace_log(std::shared_ptr<storage::Log> next) {
  // Appends that did not wait for the old log's disk have the new one's to wait for.
  follow_flushes(*next);
  if (next->config()->flush_messages == 1) next->start_flush();
  const std::lock_guard lock(mutex_);
  if (log_) next->maybe_increment_high_watermark(log_->high_watermark());  // a follower's fetch may have raised it since
  log_ = std::move(next);
  future_log_.reset();
}

ErrorCode Partition::make_leader(const PartitionAssignment& to) {
  std::shared_ptr<storage::Log> l;
  bool new_epoch = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_offline() || !log_) return ErrorCode::kafka_storage_error;
    l = log_;
    new_epoch = to.leader_epoch > state_.leader_epoch();
  }
  // What counts toward the high watermark is on the disk, where the topic asks for it: what a start has found, or what an earlier leader's appends did not wait for.
  if (!l->settle()) return ErrorCode::kafka_storage_error;
  // The gate is closed or the replica was no leader: the log end stands still.
  const Offset end = l->log_end_offset();
  if (new_epoch) l->assign_epoch_start(to.leader_epoch, end);
  bool moved = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_offline() || log_ != l) return ErrorCode::kafka_storage_error;
    state_.become_leader(to, end, now_ms());
    moved = advance_high_watermark_locked();  // an ISR of one moves at once
  }
  if (moved) wake(std::numeric_limits<std::int64_t>::max());
  return ErrorCode::none;
}

ErrorCode Partition::make_follower(const PartitionAssignment& to) {
  {
    const std::lock_guard lock(mutex_);
    if (is_offline() || !log_) return ErrorCode::kafka_storage_error;
    state_.become_follower(to);
  }
  waiters_.wake_all();
  return ErrorCode::none;
}

void Partition::stop() {
  {
    const std::lock_guard lock(mutex_);
    state_.clear();
    log_.reset();
    future_log_.reset();
  }
  waiters_.wake_all();
}

void Partition::expire_isr() {
  std::optional<AlterIsr> alter;
  bool moved = false;
  {
    const std::lock_guard lock(mutex_);
    if (!state_.is_leader() || !log_ || state_.remote_replicas().empty()) return;
    alter = state_.maybe_shrink(log_->log_end_offset(), now_ms(), env_.replica_lag_time_max_ms);
    moved = advance_high_watermark_locked();
  }
  if (alter) send_alter(std::move(*alter));
  if (moved) wake(std::numeric_limits<std::int64_t>::max());
}

void Partition::send_alter(AlterIsr alter) {
  if (env_.alter_partition == nullptr) return;  // a cluster of one has no other replica to add or to drop
  const TopicId id = topic_id().value_or(TopicId{});
  AlterIsr asked = alter;
  env_.alter_partition->submit(tp_, id, std::move(alter), [weak = weak_from_this(), asked = std::move(asked)](const AlterIsrAnswer& answer) {
    if (const auto self = weak.lock()) self->on_alter_answer(asked, answer);
  });
}

void Partition::on_alter_answer(const AlterIsr& asked, const AlterIsrAnswer& answer) {
  bool moved = false;
  AlterIsrOutcome outcome = AlterIsrOutcome::stale;
  {
    const std::lock_guard lock(mutex_);
    if (state_.leader_epoch() != asked.leader_epoch || !log_) return;
    outcome = state_.on_alter_answer(answer);
    if (outcome == AlterIsrOutcome::committed || outcome == AlterIsrOutcome::rolled_back) moved = advance_high_watermark_locked();
  }
  auto& m = config::metrics();
  switch (outcome) {
    case AlterIsrOutcome::committed:
      (asked.expand ? m.isr_expands : m.isr_shrinks).add();
      break;
    case AlterIsrOutcome::retry:
      send_alter(asked);
      break;
    case AlterIsrOutcome::rolled_back:
    case AlterIsrOutcome::wait_for_controller:
      m.failed_isr_updates.add();
      MOLDAU_LOG(replica, info, "the controller refused the new ISR of {}: {}", tp_, answer.error);
      break;
    case AlterIsrOutcome::stale:
      break;
  }
  // The waiters look again also when only the ISR changed: acks=all counts its size.
  if (moved || outcome == AlterIsrOutcome::committed) wake(std::numeric_limits<std::int64_t>::max());
}

}  // namespace moldau::replication
