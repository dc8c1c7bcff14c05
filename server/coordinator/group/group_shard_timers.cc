// Timers of a shard: sessions, pending members, the join phase, the sync phase. One heap; entries are checked when they fire and
// never taken out, so that a heartbeat costs an assignment.
#include <algorithm>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "server/coordinator/group/group_shard.h"

namespace moldau::server {

void GroupShard::push_timer(GroupMetadata& g, TimerKind kind, SteadyTime at, std::string member_id) {
  timers_.push_back(Timer{at, kind, g.uid, g.id, std::move(member_id)});
  std::push_heap(timers_.begin(), timers_.end());
}

void GroupShard::schedule_session(GroupMetadata& g, GroupMember& member, std::int64_t timeout_ms, Now now) {
  member.session_deadline = now.steady + Millis(timeout_ms);
  if (!member.session_timer_at || *member.session_timer_at > member.session_deadline) {
    member.session_timer_at = member.session_deadline;
    push_timer(g, TimerKind::session, member.session_deadline, member.id);
  }
}

std::optional<SteadyTime> GroupShard::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.front().at;
}

void GroupShard::pop_timer() {
  std::pop_heap(timers_.begin(), timers_.end());
  timers_.pop_back();
}

bool GroupShard::is_live(const Timer& timer, Now now) {
  auto* g = lookup(timer.group_id);
  if (g == nullptr || g->uid != timer.group_uid) return false;
  switch (timer.kind) {
    case TimerKind::pending_member: return g->pending_deadline(timer.member_id) == timer.at;
    case TimerKind::join: return g->join_deadline == timer.at;
    case TimerKind::sync: return g->sync_deadline == timer.at;
    case TimerKind::session: break;
  }
  auto* member = g->find(timer.member_id);
  if (member == nullptr || member->session_timer_at != timer.at) return false;
  // Who waits in JoinGroup or SyncGroup can't send heartbeats.
  const bool waits = !member->is_new && (member->awaiting_join || member->awaiting_sync);
  return member->session_deadline <= now.steady && !waits;
}

bool GroupShard::due(SteadyTime until, Now now) {
  while (!timers_.empty() && timers_.front().at <= until) {
    if (is_live(timers_.front(), now)) return true;
    const Timer old = timers_.front();
    pop_timer();
    if (old.kind != TimerKind::session) continue;
    auto* g = lookup(old.group_id);
    auto* member = g != nullptr && g->uid == old.group_uid ? g->find(old.member_id) : nullptr;
    if (member == nullptr || member->session_timer_at != old.at) continue;
    // Its session goes on: heard since, or waiting.
    member->session_timer_at.reset();
    if (member->session_deadline > now.steady) {
      member->session_timer_at = member->session_deadline;
      push_timer(*g, TimerKind::session, member->session_deadline, member->id);
    } else {
      schedule_session(*g, *member, member->session_timeout_ms, now);
    }
  }
  return false;
}

void GroupShard::on_tick(SteadyTime until, Now now, Effects& fx) {
  while (due(until, now)) {
    const Timer timer = timers_.front();
    pop_timer();
    fire(timer, *lookup(timer.group_id), now, fx);
  }
}

void GroupShard::fire(const Timer& timer, GroupMetadata& g, Now now, Effects& fx) {
  switch (timer.kind) {
    case TimerKind::session: fire_session(g, *g.find(timer.member_id), now, fx); return;
    case TimerKind::pending_member:
      MOLDAU_LOG(group, info, "group {}: pending member {} did not join within its session timeout", log_text(g.id), log_text(timer.member_id));
      g.remove(timer.member_id);
      if (g.is(GroupState::preparing_rebalance)) maybe_complete_join(g, now, fx);
      return;
    case TimerKind::join: fire_join(g, now, fx); return;
    case TimerKind::sync: fire_sync(g, now, fx); return;
  }
}

void GroupShard::fire_session(GroupMetadata& g, GroupMember& member, Now now, Effects& fx) {
  member.session_timer_at.reset();
  MOLDAU_LOG(group, info, "group {}: member {} has failed and is removed", log_text(g.id), log_text(member.id));
  remove_member_and_update(g, member, "a member's session timed out", now, fx);
}

}  // namespace moldau::server
