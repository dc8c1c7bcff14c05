#include "server/coordinator/group/group_metadata.h"

#include <algorithm>

#include "protocol/base/check.h"
#include "protocol/base/java_math.h"
#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "server/coordinator/group/consumer_subscription.h"

namespace moldau::server {

std::string_view to_string(GroupState state) noexcept {
  switch (state) {
    case GroupState::empty: return "Empty";
    case GroupState::preparing_rebalance: return "PreparingRebalance";
    case GroupState::completing_rebalance: return "CompletingRebalance";
    case GroupState::stable: return "Stable";
    case GroupState::dead: return "Dead";
  }
  return "";
}

const std::string& GroupMember::metadata(std::string_view protocol) const {
  static const std::string kNone;
  for (const auto& p : protocols)
    if (p.name == protocol) return p.metadata;
  return kNone;
}

void GroupMetadata::transition_to(GroupState to, std::int64_t wall_ms) {
  state_ = to;
  state_timestamp_ms_ = wall_ms;
}

GroupMember* GroupMetadata::find(std::string_view member_id) {
  const auto at = by_id_.find(member_id);
  return at == by_id_.end() ? nullptr : &*at->second;
}

const GroupMember* GroupMetadata::find(std::string_view member_id) const {
  const auto at = by_id_.find(member_id);
  return at == by_id_.end() ? nullptr : &*at->second;
}

void GroupMetadata::count_protocols(const GroupMember& member, int by) {
  // A name given twice by one member counts once.
  for (auto p = member.protocols.begin(); p != member.protocols.end(); ++p) {
    if (std::any_of(member.protocols.begin(), p, [&](const auto& earlier) { return earlier.name == p->name; })) continue;
    auto& count = supported_protocols_[p->name];
    count = by > 0 ? count + 1 : count - 1;
    if (count == 0) supported_protocols_.erase(p->name);
  }
}

GroupMember& GroupMetadata::add(GroupMember member, std::optional<RequestId> join) {
  MOLDAU_CHECK(!has(member.id), "a member joins twice");
  if (member.instance_id) static_members_[*member.instance_id] = member.id;
  if (members_.empty()) protocol_type_ = member.protocol_type;
  if (!leader_) leader_ = member.id;
  if (const auto at = pending_.find(member.id); at != pending_.end()) pending_.erase(at);
  members_.push_back(std::move(member));
  const auto added = std::prev(members_.end());
  by_id_.emplace(added->id, added);
  count_protocols(*added, 1);
  added->awaiting_join = join;
  if (join) ++awaiting_join_;
  return *added;
}

bool GroupMetadata::remove(std::string_view member_id) {
  const std::string id_copy(member_id);  // the text may belong to the member that goes
  bool known = false;
  if (const auto at = by_id_.find(id_copy); at != by_id_.end()) {
    const auto member = at->second;
    count_protocols(*member, -1);
    if (member->awaiting_join) --awaiting_join_;
    if (member->instance_id) static_members_.erase(*member->instance_id);
    by_id_.erase(at);
    members_.erase(member);
    known = true;
  }
  if (is_leader(id_copy)) leader_ = members_.empty() ? std::nullopt : std::optional(members_.front().id);
  if (const auto at = pending_.find(id_copy); at != pending_.end()) {
    pending_.erase(at);
    known = true;
  }
  remove_pending_sync(id_copy);
  return known;
}

void GroupMetadata::update(GroupMember& member, std::vector<GroupProtocol> protocols, std::int32_t rebalance_timeout_ms, std::int32_t session_timeout_ms,
                           std::optional<RequestId> join) {
  count_protocols(member, -1);
  member.protocols = std::move(protocols);
  count_protocols(member, 1);
  member.rebalance_timeout_ms = rebalance_timeout_ms;
  member.session_timeout_ms = session_timeout_ms;
  if (join && !member.awaiting_join) ++awaiting_join_;
  if (!join && member.awaiting_join) --awaiting_join_;
  member.awaiting_join = join;
}

GroupMember& GroupMetadata::replace_static(std::string_view instance_id, std::string_view old_id, const std::string& new_id) {
  const auto at = by_id_.find(old_id);
  MOLDAU_CHECK(at != by_id_.end(), "no member of that id to replace");
  const auto member = at->second;
  const bool led = is_leader(old_id);
  by_id_.erase(at);
  member->id = new_id;
  by_id_.emplace(new_id, member);
  if (led) leader_ = new_id;
  static_members_[std::string(instance_id)] = new_id;
  member->session_timer_at.reset();  // entries under the old id are void
  return *member;
}

const std::string* GroupMetadata::static_member_id(std::string_view instance_id) const {
  const auto at = static_members_.find(instance_id);
  return at == static_members_.end() ? nullptr : &at->second;
}

std::int32_t GroupMetadata::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& m : members_) longest = std::max(longest, m.rebalance_timeout_ms);
  return longest;
}

std::optional<RequestId> GroupMetadata::take_join(GroupMember& member) {
  const auto join = member.awaiting_join;
  if (join) {
    member.awaiting_join.reset();
    --awaiting_join_;
  }
  return join;
}

bool GroupMetadata::elect_joined_leader() {
  if (!leader_) return false;
  const auto* current = find(*leader_);
  if (current != nullptr && current->awaiting_join) return true;
  const auto joined = std::find_if(members_.begin(), members_.end(), [](const GroupMember& m) { return m.awaiting_join.has_value(); });
  if (joined == members_.end()) return false;
  MOLDAU_LOG(group, info, "group {}: leader {} failed to join before the rebalance timeout, {} leads now", log_text(id), log_text(*leader_),
             log_text(joined->id));
  leader_ = joined->id;
  return true;
}

std::optional<SteadyTime> GroupMetadata::pending_deadline(std::string_view member_id) const {
  const auto at = pending_.find(member_id);
  return at == pending_.end() ? std::nullopt : std::optional(at->second);
}

void GroupMetadata::remove_pending_sync(std::string_view member_id) {
  if (const auto at = pending_sync_.find(member_id); at != pending_sync_.end()) pending_sync_.erase(at);
}

bool GroupMetadata::supports(std::string_view protocol_type, const std::vector<GroupProtocol>& protocols) const {
  if (is(GroupState::empty)) return !protocol_type.empty() && !protocols.empty();
  if (protocol_type_ != protocol_type) return false;
  return std::any_of(protocols.begin(), protocols.end(), [&](const GroupProtocol& p) {
    const auto at = supported_protocols_.find(p.name);
    return (at == supported_protocols_.end() ? 0 : at->second) == members_.size();
  });
}

std::string GroupMetadata::select_protocol() const {
  MOLDAU_CHECK(!members_.empty(), "an empty group selects no protocol");
  const auto candidate = [&](const std::string& name) {
    const auto at = supported_protocols_.find(name);
    return at != supported_protocols_.end() && at->second == members_.size();
  };
  std::vector<std::pair<std::string_view, std::size_t>> votes;
  for (const auto& m : members_) {
    const auto vote = std::find_if(m.protocols.begin(), m.protocols.end(), [&](const auto& p) { return candidate(p.name); });
    if (vote == m.protocols.end()) continue;
    const auto at = std::find_if(votes.begin(), votes.end(), [&](const auto& v) { return v.first == vote->name; });
    if (at == votes.end()) {
      votes.emplace_back(vote->name, 1);
    } else {
      ++at->second;
    }
  }
  const auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == votes.end() ? std::string() : std::string(most->first);
}

void GroupMetadata::init_next_generation(std::int64_t wall_ms) {
  ++generation_;
  if (members_.empty()) {
    protocol_name_.reset();
    compute_subscribed_topics();
    transition_to(GroupState::empty, wall_ms);
  } else {
    protocol_name_ = select_protocol();
    compute_subscribed_topics();
    transition_to(GroupState::completing_rebalance, wall_ms);
  }
  clear_pending_sync();
}

void GroupMetadata::compute_subscribed_topics() {
  subscribed_topics_.reset();
  if (!is_consumer_group()) return;
  if (members_.empty()) {
    subscribed_topics_.emplace();
    return;
  }
  if (!protocol_name_) return;
  std::set<std::string, std::less<>> all;
  for (const auto& m : members_) {
    auto topics = subscribed_topics_of(m.metadata(*protocol_name_));
    if (!topics) {
      MOLDAU_LOG(group, warn, "group {}: the consumer protocol metadata of member {} can't be read, the group's topics are not known", log_text(id),
                 log_text(m.id));
      return;
    }
    for (auto& t : *topics) all.insert(std::move(t));
  }
  subscribed_topics_ = std::move(all);
}

std::vector<JoinedMember> GroupMetadata::joined_members() const {
  std::vector<JoinedMember> all;
  all.reserve(members_.size());
  for (const auto& m : members_) all.push_back(JoinedMember{m.id, m.instance_id, m.metadata(protocol_name_.value_or(""))});
  return all;
}

GroupSummary GroupMetadata::summary() const {
  GroupSummary s;
  s.found = true;
  s.state = to_string(state_);
  s.protocol_type = protocol_type_.value_or("");
  const bool stable = is(GroupState::stable);
  if (stable) s.protocol = protocol_name_.value_or("");
  s.members.reserve(members_.size());
  for (const auto& m : members_) {
    MemberSummary one;
    one.member_id = m.id;
    one.group_instance_id = m.instance_id;
    one.client_id = m.client_id;
    one.client_host = m.client_host;
    if (stable) {
      one.metadata = m.metadata(s.protocol);
      one.assignment = m.assignment;
    }
    s.members.push_back(std::move(one));
  }
  return s;
}

std::vector<TopicPartition> GroupMetadata::remove_expired_offsets(std::int64_t wall_ms, std::int64_t retention_ms) {
  const auto outlived = [&](const CommittedOffset& o, std::int64_t base) {
    // Older clients gave each offset its own end.
    return o.expire_timestamp_ms ? wall_ms >= *o.expire_timestamp_ms : wrapping_minus(wall_ms, base) >= retention_ms;
  };
  if (!protocol_type_) {
    // A simple consumer that only stores offsets.
    return offsets.remove_if([&](std::string_view, const CommittedOffset& o) { return outlived(o, o.commit_timestamp_ms); });
  }
  if (is(GroupState::empty)) {
    return offsets.remove_if([&](std::string_view, const CommittedOffset& o) { return outlived(o, state_timestamp_ms_.value_or(o.commit_timestamp_ms)); });
  }
  if (is_consumer_group() && is(GroupState::stable) && subscribed_topics_) {
    return offsets.remove_if(
        [&](std::string_view topic, const CommittedOffset& o) { return !subscribed_topics_->contains(topic) && outlived(o, o.commit_timestamp_ms); });
  }
  return {};
}

void GroupMetadata::restore(GroupState state, std::int32_t generation, std::optional<std::string> protocol_type, std::optional<std::string> protocol_name,
                            std::optional<std::string> leader, std::optional<std::int64_t> state_timestamp) {
  state_ = state;
  generation_ = generation;
  protocol_type_ = std::move(protocol_type);
  protocol_name_ = std::move(protocol_name);
  leader_ = std::move(leader);
  state_timestamp_ms_ = state_timestamp;
}

}  // namespace moldau::server
