// Timers of a shard: sessions, pending members, the join phase, the sync phase. One heap; entries are checked when they fire and
// never taken out, so that a heartbeat costs an assignment.
#include <algorithm>

#include "protocol/base/log.h"
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

void GroupShard::on_tick(Now now, Effects& fx) {
  while (!timers_.empty() && timers_.front().at <= now.steady) {
    std::pop_heap(timers_.begin(), timers_.end());
    const Timer timer = std::move(timers_.back());
    timers_.pop_back();
    auto* g = lookup(timer.group_id);
    if (g != nullptr && g->uid == timer.group_uid) fire(timer, *g, now, fx);
  }
}

void GroupShard::fire(const Timer& timer, GroupMetadata& g, Now now, Effects& fx) {
  switch (timer.kind) {
    case TimerKind::session: fire_session(timer, g, now, fx); return;
    case TimerKind::pending_member:
      if (g.pending_deadline(timer.member_id) == timer.at) {
        MOLDAU_LOG(group, info, "group {}: pending member {} did not join within its session timeout", g.id, timer.member_id);
        g.remove(timer.member_id);
        if (g.is(GroupState::preparing_rebalance)) maybe_complete_join(g, now, fx);
      }
      return;
    case TimerKind::join:
      if (g.join_deadline == timer.at) fire_join(g, now, fx);
      return;
    case TimerKind::sync:
      if (g.sync_deadline == timer.at) fire_sync(g, now, fx);
      return;
  }
}

void GroupShard::fire_session(const Timer& timer, GroupMetadata& g, Now now, Effects& fx) {
  auto* member = g.find(timer.member_id);
  if (member == nullptr || member->session_timer_at != timer.at) return;
  if (member->session_deadline > now.steady) {
    member->session_timer_at = member->session_deadline;
    push_timer(g, TimerKind::session, member->session_deadline, member->id);
    return;
  }
  member->session_timer_at.reset();
  if (!member->is_new && (member->awaiting_join || member->awaiting_sync)) {
    // Who waits in JoinGroup or SyncGroup can't send heartbeats.
    schedule_session(g, *member, member->session_timeout_ms, now);
    return;
  }
  MOLDAU_LOG(group, info, "group {}: member {} has failed and is removed", g.id, member->id);
  remove_member_and_update(g, *member, "a member's session timed out", now, fx);
}

}  // namespace moldau::server
