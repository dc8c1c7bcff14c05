// The rebalance: from the first member that calls for it to the assignment that all hold; SyncGroup, Heartbeat, LeaveGroup.
#include <algorithm>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "server/coordinator/group/append_errors.h"
#include "server/coordinator/group/group_shard.h"

namespace moldau::server {

void GroupShard::answer_join(GroupMetadata& g, GroupMember& member, JoinResult result, Effects& fx) {
  if (const auto request = g.take_join(member)) fx.answers.emplace_back(*request, std::move(result));
}

bool GroupShard::answer_sync(GroupMember& member, SyncResult result, Effects& fx) {
  if (!member.awaiting_sync) return false;
  fx.answers.emplace_back(*member.awaiting_sync, std::move(result));
  member.awaiting_sync.reset();
  return true;
}

// ---- the join phase ----

void GroupShard::maybe_prepare_rebalance(GroupMetadata& g, std::string_view reason, Now now, Effects& fx) {
  if (g.can_rebalance()) prepare_rebalance(g, reason, now, fx);
}

void GroupShard::prepare_rebalance(GroupMetadata& g, std::string_view reason, Now now, Effects& fx) {
  // Members that wait for an assignment have to join again.
  if (g.is(GroupState::completing_rebalance)) {
    for (auto& m : g.members()) m.assignment.clear();
    propagate_assignment(g, ErrorCode::rebalance_in_progress, now, fx);
  }
  g.clear_pending_sync();
  g.sync_deadline.reset();

  std::int64_t delay_ms = g.rebalance_timeout_ms();
  g.initial_join = g.is(GroupState::empty);
  if (g.initial_join) {
    delay_ms = config_.initial_rebalance_delay_ms;
    g.initial_delay_ms = delay_ms;
    g.initial_remaining_ms = std::max<std::int64_t>(g.rebalance_timeout_ms() - delay_ms, 0);
  }
  g.transition_to(GroupState::preparing_rebalance, now.wall_ms);
  MOLDAU_LOG(group, info, "group {}: preparing to rebalance, old generation {} (__consumer_offsets-{}), reason: {}", log_text(g.id), g.generation(), partition_,
             log_text(reason));
  g.join_deadline = now.steady + Millis(delay_ms);
  push_timer(g, TimerKind::join, *g.join_deadline);
  maybe_complete_join(g, now, fx);
}

void GroupShard::maybe_complete_join(GroupMetadata& g, Now now, Effects& fx) {
  // The initial delay runs to its end even when all have joined: more may come.
  if (g.join_deadline && !g.initial_join && g.all_members_joined()) {
    g.join_deadline.reset();
    complete_join(g, now, fx);
  }
}

void GroupShard::fire_join(GroupMetadata& g, Now now, Effects& fx) {
  g.join_deadline.reset();
  if (g.initial_join && g.new_member_added && g.initial_remaining_ms != 0) {
    g.new_member_added = false;
    const auto delay = std::min<std::int64_t>(config_.initial_rebalance_delay_ms, g.initial_remaining_ms);
    g.initial_remaining_ms = std::max<std::int64_t>(g.initial_remaining_ms - g.initial_delay_ms, 0);
    g.initial_delay_ms = delay;
    g.join_deadline = now.steady + Millis(delay);
    push_timer(g, TimerKind::join, *g.join_deadline);
    return;
  }
  g.initial_join = false;
  complete_join(g, now, fx);
}

void GroupShard::complete_join(GroupMetadata& g, Now now, Effects& fx) {
  std::vector<std::string> gone;
  for (const auto& m : g.members())
    if (!m.awaiting_join && !m.instance_id) gone.push_back(m.id);
  for (const auto& id : gone) {
    MOLDAU_LOG(group, info, "group {}: dynamic member {} did not rejoin in time and is removed", log_text(g.id), log_text(id));
    g.remove(id);
  }
  if (!g.elect_joined_leader() && g.size() > 0) {
    // Only static members, and none of them back: wait until the session timeouts have removed them.
    MOLDAU_LOG(group, warn, "group {}: the rebalance can't complete because no member rejoined", log_text(g.id));
    g.join_deadline = now.steady + Millis(std::max(g.rebalance_timeout_ms(), 1));
    push_timer(g, TimerKind::join, *g.join_deadline);
    return;
  }
  g.init_next_generation(now.wall_ms);
  if (g.is(GroupState::empty)) {
    MOLDAU_LOG(group, info, "group {}: empty now, generation {} (__consumer_offsets-{})", log_text(g.id), g.generation(), partition_);
    store_group(g, {}, EmptyGroupAppend{}, now, fx);
    return;
  }
  MOLDAU_LOG(group, info, "group {}: generation {} has {} members (__consumer_offsets-{})", log_text(g.id), g.generation(), g.size(), partition_);
  for (auto& m : g.members()) {
    answer_join(g, m, current_generation(g, m.id), fx);
    m.is_new = false;
    schedule_session(g, m, m.session_timeout_ms, now);
    g.add_pending_sync(m.id);
  }
  g.sync_deadline = now.steady + Millis(g.rebalance_timeout_ms());
  push_timer(g, TimerKind::sync, *g.sync_deadline);
}

// ---- the sync phase ----

void GroupShard::sync(RequestId request, SyncRequest req, Now now, Effects& fx) {
  const auto refuse = [&](ErrorCode error) { fx.answers.emplace_back(request, SyncResult::failure(error)); };
  auto* found = lookup(req.group_id);
  if (found == nullptr) return refuse(ErrorCode::unknown_member_id);
  auto& g = *found;
  if (const auto error = validate_member(g, req.member_id, req.group_instance_id)) return refuse(*error);
  if (req.generation != g.generation()) return refuse(ErrorCode::illegal_generation);
  if (req.protocol_type && g.protocol_type() != *req.protocol_type) return refuse(ErrorCode::inconsistent_group_protocol);
  if (req.protocol_name && g.protocol_name() != *req.protocol_name) return refuse(ErrorCode::inconsistent_group_protocol);

  auto& member = *g.find(req.member_id);
  switch (g.state()) {
    case GroupState::empty:
    case GroupState::dead: return refuse(ErrorCode::unknown_member_id);
    case GroupState::preparing_rebalance: return refuse(ErrorCode::rebalance_in_progress);
    case GroupState::completing_rebalance: {
      // DIFFERS: Kafka forgets the older of two waiting requests of one member; it is answered here.
      answer_sync(member, SyncResult::failure(ErrorCode::rebalance_in_progress), fx);
      member.awaiting_sync = request;
      sync_received(g, member.id);
      if (!g.is_leader(member.id)) return;
      AssignmentAppend stored;
      stored.generation = g.generation();
      stored.leader = member.id;
      for (auto& [id, assignment] : req.assignments) stored.assignments.insert_or_assign(std::move(id), std::move(assignment));
      for (const auto& m : g.members()) {
        // Members that the leader left out get an empty assignment.
        if (stored.assignments.try_emplace(m.id).second) {
          MOLDAU_LOG(group, warn, "group {}: no assignment for member {} in generation {}, it gets an empty one", log_text(g.id), log_text(m.id),
                     g.generation());
        }
      }
      const auto assignments = stored.assignments;
      store_group(g, assignments, std::move(stored), now, fx);
      return;
    }
    case GroupState::stable: {
      sync_received(g, member.id);
      SyncResult result;
      result.protocol_type = g.protocol_type();
      result.protocol_name = g.protocol_name();
      result.assignment = member.assignment;
      fx.answers.emplace_back(request, std::move(result));
      schedule_session(g, member, member.session_timeout_ms, now);
      return;
    }
  }
}

void GroupShard::sync_received(GroupMetadata& g, std::string_view member_id) {
  g.remove_pending_sync(member_id);
  if (g.pending_sync().empty()) g.sync_deadline.reset();
}

void GroupShard::on_assignment_stored(GroupMetadata& g, AssignmentAppend& stored, ErrorCode error, Now now, Effects& fx) {
  // Another rebalance may have begun while the append was under way: then its outcome means nothing to the members.
  if (!g.is(GroupState::completing_rebalance) || g.generation() != stored.generation) return;
  if (error != ErrorCode::none) {
    const auto mapped = group_metadata_error(error);
    MOLDAU_LOG(group, warn, "group {}: storing the assignment of generation {} failed: {}", log_text(g.id), stored.generation, to_string(error));
    for (auto& m : g.members()) m.assignment.clear();
    propagate_assignment(g, mapped, now, fx);
    maybe_prepare_rebalance(g, "the assignment could not be stored", now, fx);
    return;
  }
  for (auto& m : g.members()) {
    const auto at = stored.assignments.find(m.id);
    m.assignment = at == stored.assignments.end() ? std::string() : std::move(at->second);
  }
  propagate_assignment(g, ErrorCode::none, now, fx);
  g.transition_to(GroupState::stable, now.wall_ms);
}

void GroupShard::propagate_assignment(GroupMetadata& g, ErrorCode error, Now now, Effects& fx) {
  for (auto& m : g.members()) {
    SyncResult result;
    result.error = error;
    if (error == ErrorCode::none) {
      result.protocol_type = g.protocol_type();
      result.protocol_name = g.protocol_name();
      result.assignment = m.assignment;
    }
    // Its session could not run out while it waited; from here on it can.
    if (answer_sync(m, std::move(result), fx)) schedule_session(g, m, m.session_timeout_ms, now);
  }
}

void GroupShard::fire_sync(GroupMetadata& g, Now now, Effects& fx) {
  g.sync_deadline.reset();
  if (!g.is(GroupState::completing_rebalance) && !g.is(GroupState::stable)) return;
  if (g.pending_sync().empty()) return;
  const std::vector<std::string> late(g.pending_sync().begin(), g.pending_sync().end());
  for (const auto& id : late) {
    MOLDAU_LOG(group, info, "group {}: member {} did not sync in time and is removed", log_text(g.id), log_text(id));
    // A static member may wait for its new id to be stored.
    if (auto* member = g.find(id)) answer_join(g, *member, JoinResult::failure("", ErrorCode::unknown_member_id), fx);
    g.remove(id);
  }
  prepare_rebalance(g, "members did not sync in time", now, fx);
}

// ---- Heartbeat ----

ErrorCode GroupShard::heartbeat(const HeartbeatQuery& beat, Now now) {
  auto* g = lookup(beat.group_id);
  if (g == nullptr) return ErrorCode::unknown_member_id;
  if (const auto error = validate_member(*g, beat.member_id, beat.group_instance_id)) return *error;
  if (beat.generation != g->generation()) return ErrorCode::illegal_generation;
  if (g->is(GroupState::empty) || g->is(GroupState::dead)) return ErrorCode::unknown_member_id;
  auto& member = *g->find(beat.member_id);
  schedule_session(*g, member, member.session_timeout_ms, now);
  return g->is(GroupState::preparing_rebalance) ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

// ---- LeaveGroup ----

LeaveResult GroupShard::leave(std::string_view group_id, const std::vector<LeavingMember>& members, Now now, Effects& fx) {
  LeaveResult result;
  auto* g = lookup(group_id);
  for (const auto& leaving : members) {
    LeftMember left;
    left.member_id = leaving.member_id;
    left.group_instance_id = leaving.group_instance_id;
    if (g == nullptr) {
      left.error = ErrorCode::unknown_member_id;
    } else if (leaving.member_id.empty()) {
      // An administrator removes a static member by its instance id.
      const auto* current = leaving.group_instance_id ? g->static_member_id(*leaving.group_instance_id) : nullptr;
      if (current == nullptr) {
        left.error = ErrorCode::unknown_member_id;
      } else {
        remove_member_and_update(*g, *g->find(*current), "member leaves", now, fx);
      }
    } else if (g->is_pending(leaving.member_id)) {
      g->remove(leaving.member_id);
      if (g->is(GroupState::preparing_rebalance)) maybe_complete_join(*g, now, fx);
    } else if (const auto error = validate_member(*g, leaving.member_id, leaving.group_instance_id)) {
      left.error = *error;
    } else {
      remove_member_and_update(*g, *g->find(leaving.member_id), "member leaves", now, fx);
    }
    if (left.error == ErrorCode::none) {
      MOLDAU_LOG(group, info, "group {}: member {} left; reason of the client: {}", log_text(group_id), log_text(leaving.member_id),
                 log_text(leaving.reason.empty() ? "not provided" : leaving.reason));
    }
    result.members.push_back(std::move(left));
  }
  return result;
}

void GroupShard::remove_member_and_update(GroupMetadata& g, GroupMember& member, std::string_view reason, Now now, Effects& fx) {
  // UNKNOWN_MEMBER_ID makes a client that is still there join again.
  answer_join(g, member, JoinResult::failure("", ErrorCode::unknown_member_id), fx);
  answer_sync(member, SyncResult::failure(ErrorCode::unknown_member_id), fx);
  g.remove(member.id);
  switch (g.state()) {
    case GroupState::stable:
    case GroupState::completing_rebalance: maybe_prepare_rebalance(g, reason, now, fx); return;
    case GroupState::preparing_rebalance: maybe_complete_join(g, now, fx); return;
    case GroupState::empty:
    case GroupState::dead: return;
  }
}

}  // namespace moldau::server
