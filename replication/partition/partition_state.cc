#include "replication/partition/partition_state.h"

#include <algorithm>

namespace moldau::replication {

bool PartitionState::contains(const std::vector<BrokerId>& list, BrokerId id) noexcept { return std::find(list.begin(), list.end(), id) != list.end(); }

ReplicaState* PartitionState::remote(BrokerId id) noexcept {
  const auto it = std::find_if(remote_.begin(), remote_.end(), [id](const ReplicaState& r) { return r.id == id; });
  return it == remote_.end() ? nullptr : &*it;
}

void PartitionState::set_assignment(const PartitionAssignment& to) {
  leader_ = to.leader;
  partition_epoch_ = to.partition_epoch;
  controller_epoch_ = to.controller_epoch;
  replicas_.assign(to.replicas.begin(), to.replicas.end());
  isr_.assign(to.isr.begin(), to.isr.end());
  adding_.assign(to.adding.begin(), to.adding.end());
  removing_.assign(to.removing.begin(), to.removing.end());
  pending_.reset();
  // Replicas that stay keep what is known of them.
  std::vector<ReplicaState> remote;
  remote.reserve(replicas_.size());
  for (const BrokerId id : replicas_) {
    if (id == self_) continue;
    const ReplicaState* known = this->remote(id);
    remote.push_back(known != nullptr ? *known : ReplicaState{.id = id});
  }
  remote_ = std::move(remote);
}

bool PartitionState::become_leader(const PartitionAssignment& to, Offset log_end, std::int64_t now_ms) {
  const bool new_epoch = to.leader_epoch > leader_epoch_;
  const bool new_leader = role_ != Role::leader;
  set_assignment(to);
  role_ = Role::leader;
  if (new_epoch) {
    leader_epoch_ = to.leader_epoch;
    epoch_start_ = log_end;
    leader_end_ = log_end;
    for (ReplicaState& r : remote_) {
      // A new leader knows nothing of the others' logs; one that stays leader keeps what they fetched last.
      if (new_leader) {
        r.log_end = kNoOffset;
        r.log_start = kNoOffset;
      }
      const bool in_sync = contains(isr_, r.id);
      r.last_caught_up_ms = in_sync ? now_ms : 0;
      r.last_fetch_ms = in_sync ? now_ms : 0;
      r.last_fetch_leader_log_end = in_sync ? log_end : Offset(0);
    }
  }
  return new_epoch;
}

bool PartitionState::become_follower(const PartitionAssignment& to) {
  const bool changed = role_ != Role::follower || leader_ != to.leader || to.leader_epoch > leader_epoch_;
  set_assignment(to);
  role_ = Role::follower;
  leader_epoch_ = std::max(leader_epoch_, to.leader_epoch);
  epoch_start_.reset();
  isr_.clear();  // a follower does not know it
  for (ReplicaState& r : remote_) r = ReplicaState{.id = r.id};
  return changed;
}

void PartitionState::clear() noexcept {
  role_ = Role::none;
  leader_ = kNoBroker;
  epoch_start_.reset();
  isr_.clear();
  remote_.clear();
  replicas_.clear();
  adding_.clear();
  removing_.clear();
  pending_.reset();
}

ErrorCode PartitionState::check_access(LeaderEpoch believed, bool leader_only) const noexcept {
  if (believed != kNoLeaderEpoch) {
    if (believed < leader_epoch_) return ErrorCode::fenced_leader_epoch;
    if (believed > leader_epoch_) return ErrorCode::unknown_leader_epoch;
  }
  if (role_ == Role::none || (leader_only && role_ != Role::leader)) return ErrorCode::not_leader_or_follower;
  return ErrorCode::none;
}

std::optional<ErrorCode> PartitionState::check_replicated(Offset required, Offset high_watermark, std::int32_t min_insync_replicas) const noexcept {
  if (role_ != Role::leader) return ErrorCode::not_leader_or_follower;
  if (high_watermark < required) return std::nullopt;
  const bool enough = effective_min_isr(min_insync_replicas) <= static_cast<std::int32_t>(maximal_isr().size());
  return enough ? ErrorCode::none : ErrorCode::not_enough_replicas_after_append;
}

std::optional<Offset> PartitionState::high_watermark_target(std::int64_t now_ms, std::int64_t max_lag_ms, std::int32_t min_insync_replicas,
                                                            const std::function<bool(BrokerId)>& eligible) const {
  if (role_ != Role::leader || is_under_min_isr(min_insync_replicas)) return std::nullopt;
  Offset target = leader_end_;
  for (const ReplicaState& r : remote_) {
    if (r.log_end >= target) continue;
    if (contains(maximal_isr(), r.id) || (r.is_caught_up(leader_end_, now_ms, max_lag_ms) && eligible(r.id))) target = r.log_end;
  }
  if (target < Offset(0)) return std::nullopt;  // a member of the ISR that has not fetched from this leader yet
  return target;
}

ErrorCode PartitionState::check_follower(BrokerId replica, LeaderEpoch believed) const noexcept {
  for (const ReplicaState& r : remote_)
    if (r.id == replica) return ErrorCode::none;
  // A replica that was just added may come before the LeaderAndIsr that tells of it; with our own epoch in its hand it waits and comes again.
  return believed != kNoLeaderEpoch && believed == leader_epoch_ ? ErrorCode::unknown_leader_epoch : ErrorCode::not_leader_or_follower;
}

PartitionState::FetchOutcome PartitionState::on_follower_fetch(const FollowerFetch& fetch) {
  FetchOutcome out;
  ReplicaState* r = remote(fetch.replica);
  if (role_ != Role::leader || r == nullptr) return out;
  if (fetch.fetch_offset >= fetch.leader_log_end) {
    r->last_caught_up_ms = std::max(r->last_caught_up_ms, fetch.now_ms);
  } else if (fetch.fetch_offset >= r->last_fetch_leader_log_end) {
    r->last_caught_up_ms = std::max(r->last_caught_up_ms, r->last_fetch_ms);
  }
  out.log_end_moved = r->log_end != fetch.fetch_offset;
  out.low_watermark_may_move = r->log_start != fetch.log_start;
  r->log_end = fetch.fetch_offset;
  r->log_start = fetch.log_start;
  r->last_fetch_leader_log_end = std::max(r->last_fetch_leader_log_end, fetch.leader_log_end);
  r->last_fetch_ms = fetch.now_ms;

  if (!pending_ && fetch.eligible && !contains(isr_, r->id) && r->log_end >= fetch.high_watermark && epoch_start_ && r->log_end >= *epoch_start_) {
    std::vector<BrokerId> isr = isr_;
    isr.push_back(r->id);
    out.alter = propose(std::move(isr), true);
  }
  return out;
}

std::optional<AlterIsr> PartitionState::maybe_shrink(Offset leader_log_end, std::int64_t now_ms, std::int64_t max_lag_ms) {
  if (role_ != Role::leader || pending_) return std::nullopt;
  std::vector<BrokerId> isr;
  for (const BrokerId id : isr_) {
    const ReplicaState* r = remote(id);
    const bool behind = r != nullptr && r->log_end != leader_log_end && now_ms - r->last_caught_up_ms > max_lag_ms;
    if (!behind) isr.push_back(id);
  }
  if (isr.size() == isr_.size()) return std::nullopt;
  return propose(std::move(isr), false);
}

AlterIsr PartitionState::propose(std::vector<BrokerId> isr, bool expand) {
  AlterIsr alter{leader_epoch_, partition_epoch_, isr, expand};
  // Until the controller has decided, the larger of both sets counts: what the new member lacks must not be acknowledged.
  pending_ = Pending{isr, expand ? isr : isr_};
  return alter;
}

AlterIsrOutcome PartitionState::on_alter_answer(const AlterIsrAnswer& answer) {
  if (!pending_ || role_ != Role::leader) return AlterIsrOutcome::stale;
  switch (answer.error) {
    case ErrorCode::none:
      // A newer leader or state comes by LeaderAndIsr.
      if (answer.leader_epoch != leader_epoch_ || answer.partition_epoch < partition_epoch_) return AlterIsrOutcome::stale;
      isr_ = answer.isr;
      partition_epoch_ = answer.partition_epoch;
      pending_.reset();
      return AlterIsrOutcome::committed;
    case ErrorCode::operation_not_attempted:
    case ErrorCode::ineligible_replica:
      pending_.reset();
      return AlterIsrOutcome::rolled_back;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_update_version:
    case ErrorCode::invalid_request:
    case ErrorCode::new_leader_elected:
      return AlterIsrOutcome::wait_for_controller;
    default:
      return AlterIsrOutcome::retry;
  }
}

Offset PartitionState::low_watermark(Offset leader_log_start, const std::function<bool(BrokerId)>& alive) const {
  Offset low = leader_log_start;
  for (const ReplicaState& r : remote_)
    if (alive(r.id)) low = std::min(low, r.log_start);
  return low;
}

}  // namespace moldau::replication
