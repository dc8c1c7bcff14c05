// JoinGroup: who may come in, and under which id (KIP-394 member ids, KIP-345 static members).
#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/base/random.h"
#include "protocol/base/uuid.h"
#include "server/coordinator/group/append_errors.h"
#include "server/coordinator/group/group_shard.h"
#include "server/coordinator/group/java_uuid.h"

namespace moldau::server {

namespace {

/// A new member that does not come back within this time of its first JoinGroup is dropped: its connection may be gone unseen.
constexpr std::int64_t kNewMemberJoinTimeoutMs = 5 * 60 * 1000;

void answer(Effects& fx, RequestId request, JoinResult result) { fx.answers.emplace_back(request, std::move(result)); }

}  // namespace

void GroupShard::join(RequestId request, JoinRequest req, Now now, Effects& fx) {
  if (req.session_timeout_ms < config_.min_session_timeout_ms || req.session_timeout_ms > config_.max_session_timeout_ms) {
    answer(fx, request, JoinResult::failure(req.member_id, ErrorCode::invalid_session_timeout));
    return;
  }
  const bool unknown = req.member_id.empty();
  GroupMetadata* g = lookup(req.group_id);
  if (g == nullptr) {
    if (!unknown) {
      answer(fx, request, JoinResult::failure(req.member_id, ErrorCode::unknown_member_id));
      return;
    }
    g = &create(req.group_id, now);
  }
  if (!accepts(*g, req.member_id)) {
    if (auto* member = g->find(req.member_id)) {
      // Its waiting requests would be forgotten with it.
      answer_join(*g, *member, JoinResult::failure("", ErrorCode::group_max_size_reached), fx);
      answer_sync(*member, SyncResult::failure(ErrorCode::unknown_member_id), fx);
    }
    g->remove(req.member_id);
    answer(fx, request, JoinResult::failure("", ErrorCode::group_max_size_reached));
  } else if (unknown) {
    join_new_member(*g, request, req, now, fx);
  } else {
    join_known_member(*g, request, req, now, fx);
  }
  if (g->is(GroupState::preparing_rebalance)) maybe_complete_join(*g, now, fx);
}

bool GroupShard::accepts(const GroupMetadata& g, std::string_view member_id) const {
  const auto max_size = static_cast<std::size_t>(config_.max_size);
  switch (g.state()) {
    case GroupState::empty:
    case GroupState::dead: return true;
    case GroupState::preparing_rebalance: {
      // Waiting members count, not all: so the last to rejoin are shed when the group is over its size.
      const auto* member = g.find(member_id);
      return (member != nullptr && member->awaiting_join) || g.awaiting_join_count() < max_size;
    }
    case GroupState::completing_rebalance:
    case GroupState::stable: return g.has(member_id) || g.size() < max_size;
  }
  return true;
}

std::string GroupShard::new_member_id(const JoinRequest& req) {
  // A string on the wire has at most 32767 bytes.
  constexpr std::size_t kMaxPrefix = 32'767 - 37;
  return (req.group_instance_id ? *req.group_instance_id : req.client_id).substr(0, kMaxPrefix) + "-" + java_uuid_text(Uuid::make_random(random_));
}

void GroupShard::join_new_member(GroupMetadata& g, RequestId request, JoinRequest& req, Now now, Effects& fx) {
  if (!g.supports(req.protocol_type, req.protocols)) {
    answer(fx, request, JoinResult::failure("", ErrorCode::inconsistent_group_protocol));
    return;
  }
  const std::string member_id = new_member_id(req);
  if (req.group_instance_id) {
    if (const auto* old_id = g.static_member_id(*req.group_instance_id)) {
      const std::string old_member_id = *old_id;
      MOLDAU_LOG(group, info, "group {}: static member {} joins in state {}: {} replaces {}", log_text(g.id), log_text(*req.group_instance_id),
                 to_string(g.state()), log_text(member_id), log_text(old_member_id));
      rejoin_static_member(g, old_member_id, member_id, request, req, now, fx);
    } else {
      MOLDAU_LOG(group, info, "group {}: static member {} joins in state {} as {}", log_text(g.id), log_text(*req.group_instance_id), to_string(g.state()),
                 log_text(member_id));
      add_member_and_rebalance(g, member_id, request, req, now, fx);
    }
    return;
  }
  if (req.require_known_member_id) {
    const auto deadline = now.steady + Millis(req.session_timeout_ms);
    g.add_pending(member_id, deadline);
    push_timer(g, TimerKind::pending_member, deadline, member_id);
    answer(fx, request, JoinResult::failure(member_id, ErrorCode::member_id_required));
    return;
  }
  MOLDAU_LOG(group, info, "group {}: dynamic member joins in state {} as {}", log_text(g.id), to_string(g.state()), log_text(member_id));
  add_member_and_rebalance(g, member_id, request, req, now, fx);
}

void GroupShard::join_known_member(GroupMetadata& g, RequestId request, JoinRequest& req, Now now, Effects& fx) {
  if (!g.supports(req.protocol_type, req.protocols)) {
    answer(fx, request, JoinResult::failure(req.member_id, ErrorCode::inconsistent_group_protocol));
    return;
  }
  if (g.is_pending(req.member_id)) {
    if (req.group_instance_id) {
      // A static member never gets a pending id.
      answer(fx, request, JoinResult::failure(req.member_id, ErrorCode::unknown_server_error));
      return;
    }
    add_member_and_rebalance(g, std::string(req.member_id), request, req, now, fx);
    return;
  }
  if (const auto error = validate_member(g, req.member_id, req.group_instance_id)) {
    answer(fx, request, JoinResult::failure(req.member_id, *error));
    return;
  }
  auto& member = *g.find(req.member_id);
  switch (g.state()) {
    case GroupState::preparing_rebalance: update_member_and_rebalance(g, member, request, req, "member joins", now, fx); return;
    case GroupState::completing_rebalance:
      if (member.matches(req.protocols)) {
        // The answer of its first JoinGroup may be lost: the same again.
        answer(fx, request, current_generation(g, member.id));
      } else {
        update_member_and_rebalance(g, member, request, req, "member changes its metadata", now, fx);
      }
      return;
    case GroupState::stable:
      if (g.is_leader(member.id)) {
        // The leader asks for a rebalance, for changes that no member's metadata shows (new partitions).
        update_member_and_rebalance(g, member, request, req, "leader rejoins", now, fx);
      } else if (!member.matches(req.protocols)) {
        update_member_and_rebalance(g, member, request, req, "member changes its metadata", now, fx);
      } else {
        answer(fx, request, current_generation(g, member.id));
      }
      return;
    case GroupState::empty:
    case GroupState::dead: answer(fx, request, JoinResult::failure(req.member_id, ErrorCode::unknown_member_id)); return;
  }
}

JoinResult GroupShard::current_generation(const GroupMetadata& g, const std::string& member_id) const {
  JoinResult r;
  r.generation = g.generation();
  r.protocol_type = g.protocol_type();
  r.protocol_name = g.protocol_name();
  r.leader = g.leader().value_or("");
  r.member_id = member_id;
  if (g.is_leader(member_id)) r.members = g.joined_members();
  return r;
}

/// DIFFERS: Kafka forgets the older of two waiting requests of one member; it is answered here.
void GroupShard::supersede_join(GroupMetadata& g, GroupMember& member, Effects& fx) {
  if (member.awaiting_join) answer_join(g, member, JoinResult::failure(member.id, ErrorCode::rebalance_in_progress), fx);
}

void GroupShard::add_member_and_rebalance(GroupMetadata& g, const std::string& member_id, RequestId request, JoinRequest& req, Now now, Effects& fx) {
  GroupMember member;
  member.id = member_id;
  member.instance_id = req.group_instance_id;
  member.client_id = std::move(req.client_id);
  member.client_host = std::move(req.client_host);
  member.rebalance_timeout_ms = req.rebalance_timeout_ms;
  member.session_timeout_ms = req.session_timeout_ms;
  member.protocol_type = std::move(req.protocol_type);
  member.protocols = std::move(req.protocols);
  member.is_new = true;
  // The first rebalance of a group waits longer while members come.
  if (g.is(GroupState::preparing_rebalance) && g.generation() == 0) g.new_member_added = true;
  auto& added = g.add(std::move(member), request);
  schedule_session(g, added, kNewMemberJoinTimeoutMs, now);
  maybe_prepare_rebalance(g, "new member", now, fx);
}

void GroupShard::update_member_and_rebalance(GroupMetadata& g, GroupMember& member, RequestId request, JoinRequest& req, std::string_view reason, Now now,
                                             Effects& fx) {
  supersede_join(g, member, fx);
  g.update(member, std::move(req.protocols), req.rebalance_timeout_ms, req.session_timeout_ms, request);
  maybe_prepare_rebalance(g, reason, now, fx);
}

void GroupShard::rejoin_static_member(GroupMetadata& g, const std::string& old_id, const std::string& new_id, RequestId request, JoinRequest& req, Now now,
                                      Effects& fx) {
  const auto old_leader = g.leader();
  auto& old_member = *g.find(old_id);
  // Whoever still waits under the old id is a duplicate: fence it at once.
  answer_join(g, old_member, JoinResult::failure(old_id, ErrorCode::fenced_instance_id), fx);
  answer_sync(old_member, SyncResult::failure(ErrorCode::fenced_instance_id), fx);
  const bool owes_sync = g.pending_sync().contains(old_id);
  g.remove_pending_sync(old_id);
  auto& member = g.replace_static(*req.group_instance_id, old_id, new_id);
  if (owes_sync) g.add_pending_sync(new_id);
  schedule_session(g, member, req.session_timeout_ms, now);

  StaticMemberAppend stored;
  stored.request = request;
  stored.generation = g.generation();
  stored.instance_id = *req.group_instance_id;
  stored.old_member_id = old_id;
  stored.new_member_id = new_id;
  stored.old_leader = old_leader;
  stored.old_protocols = member.protocols;
  stored.old_rebalance_timeout_ms = member.rebalance_timeout_ms;
  stored.old_session_timeout_ms = member.session_timeout_ms;
  stored.supports_skipping_assignment = req.supports_skipping_assignment;
  g.update(member, std::move(req.protocols), req.rebalance_timeout_ms, req.session_timeout_ms, request);

  switch (g.state()) {
    case GroupState::stable: {
      // When the protocol stays, nobody rebalances: the new id is stored, and the join answered with the generation that runs.
      if (g.protocol_name() == g.select_protocol()) {
        std::map<std::string, std::string, std::less<>> assignments;
        for (const auto& m : g.members()) assignments.emplace(m.id, m.assignment);
        store_group(g, assignments, std::move(stored), now, fx);
      } else {
        maybe_prepare_rebalance(g, "static member changes the group's protocol", now, fx);
      }
      return;
    }
    case GroupState::completing_rebalance:
      // The leader assigns to the old id: only a new rebalance gives the new one partitions.
      prepare_rebalance(g, "static member with a new id", now, fx);
      return;
    case GroupState::preparing_rebalance: return;
    case GroupState::empty:
    case GroupState::dead: {
      // No member is in an empty group, so none can be replaced.
      answer_join(g, member, JoinResult::failure("", ErrorCode::unknown_server_error), fx);
      return;
    }
  }
}

void GroupShard::on_static_member_stored(GroupMetadata& g, StaticMemberAppend& stored, ErrorCode error, Now now, Effects& fx) {
  auto* member = g.find(stored.new_member_id);
  if (member == nullptr || member->awaiting_join != stored.request) return;      // left, or joined anew
  if (!g.is(GroupState::stable) || g.generation() != stored.generation) return;  // its join is part of a rebalance by now
  if (error != ErrorCode::none) {
    MOLDAU_LOG(group, warn, "group {}: storing the new id of static member {} failed: {}", log_text(g.id), log_text(stored.instance_id), to_string(error));
    JoinResult failed = JoinResult::failure("", group_metadata_error(error));
    failed.generation = g.generation();
    failed.protocol_type = g.protocol_type();
    failed.protocol_name = g.protocol_name();
    failed.leader = stored.old_leader.value_or("");
    answer_join(g, *member, std::move(failed), fx);
    g.update(*member, std::move(stored.old_protocols), stored.old_rebalance_timeout_ms, stored.old_session_timeout_ms, std::nullopt);
    auto& restored = g.replace_static(stored.instance_id, stored.new_member_id, stored.old_member_id);
    schedule_session(g, restored, restored.session_timeout_ms, now);
    return;
  }
  JoinResult joined = current_generation(g, member->id);
  if (stored.supports_skipping_assignment) {
    // v9: the leader learns that it leads, but does not assign: nobody would take its assignment in a stable group.
    joined.skip_assignment = g.is_leader(member->id);
  } else {
    // Below v9 only the old leader's id keeps a returning leader from assigning.
    joined.leader = stored.old_leader.value_or("");
    joined.members.clear();
  }
  answer_join(g, *member, std::move(joined), fx);
}

}  // namespace moldau::server
