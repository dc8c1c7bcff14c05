#include "server/coordinator/group/group_shard.h"

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/base/random.h"
#include "server/coordinator/group/group_loader.h"
#include "server/coordinator/group/group_records.h"

namespace moldau::server {

GroupShard::GroupShard(std::int32_t partition, GroupConfig config, Random& random) : partition_(partition), config_(config), random_(random) {}
GroupShard::~GroupShard() = default;

GroupMetadata* GroupShard::lookup(std::string_view group_id) {
  const auto at = groups_.find(group_id);
  return at == groups_.end() ? nullptr : at->second.get();
}

const GroupMetadata* GroupShard::find(std::string_view group_id) const {
  const auto at = groups_.find(group_id);
  return at == groups_.end() ? nullptr : at->second.get();
}

GroupMetadata& GroupShard::create(std::string_view group_id, Now now) {
  auto& slot = groups_[std::string(group_id)];
  slot = std::make_unique<GroupMetadata>(std::string(group_id), next_group_uid_++, now.wall_ms);
  return *slot;
}

AppendId GroupShard::append(const GroupMetadata& g, std::vector<CoordinatorRecord> records, bool all_replicas, decltype(PendingAppend::what) what, Now now,
                            Effects& fx) {
  const AppendId id = next_append_++;
  AppendAction action;
  action.id = id;
  action.records = std::move(records);
  action.all_replicas = all_replicas;
  action.timestamp_ms = now.wall_ms;
  fx.appends.push_back(std::move(action));
  appends_.emplace(id, PendingAppend{g.id, g.uid, std::move(what)});
  return id;
}

AppendId GroupShard::store_group(GroupMetadata& g, const std::map<std::string, std::string, std::less<>>& assignments, decltype(PendingAppend::what) what,
                                 Now now, Effects& fx) {
  std::vector<CoordinatorRecord> records;
  records.push_back(CoordinatorRecord{group_metadata_key(g.id), group_metadata_value(g, assignments)});
  return append(g, std::move(records), true, std::move(what), now, fx);
}

std::optional<ErrorCode> GroupShard::validate_member(const GroupMetadata& g, std::string_view member_id, std::optional<std::string_view> instance_id) const {
  if (instance_id) {
    const auto* current = g.static_member_id(*instance_id);
    if (current == nullptr) return ErrorCode::unknown_member_id;
    if (*current != member_id) {
      MOLDAU_LOG(group, info, "group {}: member {} of instance {} is fenced by {}", log_text(g.id), log_text(member_id), log_text(*instance_id),
                 log_text(*current));
      return ErrorCode::fenced_instance_id;
    }
  }
  if (!g.has(member_id)) return ErrorCode::unknown_member_id;
  return std::nullopt;
}

void GroupShard::on_appended(AppendId append_id, ErrorCode error, std::int64_t base_offset, Now now, Effects& fx) {
  const auto at = appends_.find(append_id);
  if (at == appends_.end()) return;
  auto pending = std::move(at->second);
  appends_.erase(at);
  GroupMetadata* g = lookup(pending.group_id);
  if (g != nullptr && g->uid != pending.group_uid) g = nullptr;  // another group of that name by now

  if (auto* commit = std::get_if<CommitAppend>(&pending.what)) {
    on_commit_stored(g, append_id, *commit, error, base_offset, fx);
  } else if (auto* assignment = std::get_if<AssignmentAppend>(&pending.what)) {
    if (g != nullptr) on_assignment_stored(*g, *assignment, error, now, fx);
  } else if (auto* member = std::get_if<StaticMemberAppend>(&pending.what)) {
    if (g != nullptr) on_static_member_stored(*g, *member, error, now, fx);
  } else if (auto* tombstone = std::get_if<TombstoneAppend>(&pending.what)) {
    if (error != ErrorCode::none) {
      MOLDAU_LOG(group, err, "group {}: appending tombstones to __consumer_offsets-{} failed: {}", log_text(pending.group_id), partition_, to_string(error));
    }
    if (tombstone->request) fx.answers.emplace_back(*tombstone->request, DoneResult{error});
  } else if (error != ErrorCode::none) {
    // If the broker fails before the next rebalance, the generation before comes back with members that time out: harmless.
    MOLDAU_LOG(group, warn, "group {}: writing the empty generation failed: {}", log_text(pending.group_id), to_string(error));
  }
}

void GroupShard::install(LoadedGroups loaded, Now now, Effects& fx) {
  for (auto& [id, stored] : loaded.groups) {
    auto& g = create(id, now);
    if (stored.metadata) {
      const auto& m = *stored.metadata;
      g.restore(m.members.empty() ? GroupState::empty : GroupState::stable, m.generation, m.protocol_type, m.protocol, m.leader, m.state_timestamp_ms);
      for (const auto& sm : m.members) {
        if (g.has(sm.id)) continue;
        g.add(sm, std::nullopt);
      }
      g.compute_subscribed_topics();
    }
    g.offsets = std::move(stored.offsets);
    for (const auto producer : stored.producers) producer_groups_[producer].insert(id);
    MOLDAU_LOG(group, debug, "group {}: loaded with generation {}, {} members, {} offsets", log_text(id), g.generation(), g.size(), g.offsets.size());
    if (g.size() > static_cast<std::size_t>(config_.max_size)) {
      prepare_rebalance(g, "freshly loaded group is over capacity", now, fx);
    }
    for (auto& member : g.members()) schedule_session(g, member, member.session_timeout_ms, now);
  }
}

void GroupShard::unload(Effects& fx) {
  for (auto& [id, g] : groups_) {
    for (auto& member : g->members()) {
      if (member.awaiting_join) answer_join(*g, member, JoinResult::failure(member.id, ErrorCode::not_coordinator), fx);
      answer_sync(member, SyncResult::failure(ErrorCode::not_coordinator), fx);
    }
  }
  groups_.clear();
  producer_groups_.clear();
  timers_.clear();
  // Appends under way still come back and answer their commits.
}

std::vector<GroupOverview> GroupShard::list() const {
  std::vector<GroupOverview> all;
  all.reserve(groups_.size());
  for (const auto& [id, g] : groups_) all.push_back(GroupOverview{id, g->protocol_type().value_or(""), g->state()});
  return all;
}

GroupSummary GroupShard::describe(std::string_view group_id) const {
  const auto* g = find(group_id);
  if (g != nullptr) return g->summary();
  GroupSummary dead;
  dead.state = to_string(GroupState::dead);
  return dead;
}

std::vector<std::string> GroupShard::group_ids() const {
  std::vector<std::string> ids;
  ids.reserve(groups_.size());
  for (const auto& [id, g] : groups_) ids.push_back(id);
  return ids;
}

void GroupShard::snapshot(std::string_view group_id, GroupsSnapshot& into) const {
  const auto* g = find(group_id);
  if (g == nullptr) return;
  ++into.by_state[static_cast<std::size_t>(g->state())];
  into.members.emplace_back(g->id, g->size());
  for (const auto& [topic, partitions] : g->offsets.topics())
    for (const auto& [partition, committed] : partitions) into.offsets.push_back(CommittedOffsetSnapshot{g->id, topic, partition, committed.offset});
}

std::size_t GroupShard::offset_count() const {
  std::size_t n = 0;
  for (const auto& [id, g] : groups_) n += g->offsets.size();
  return n;
}

}  // namespace moldau::server
