#include "server/coordinator/group/group_records.h"

#include "protocol/base/arena.h"
#include "protocol/messages/group_records.h"
#include "protocol/wire/byte_buffer.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

namespace moldau::server {

namespace {

constexpr std::int16_t kOffsetKeyVersion = 1;
constexpr std::int16_t kOffsetValueVersion = 3;
constexpr std::int16_t kOffsetValueVersionWithExpiry = 1;
constexpr std::int16_t kGroupKeyVersion = 2;
constexpr std::int16_t kGroupValueVersion = 3;  // inter.broker.protocol.version 2.3 and later

template <class Message>
std::string versioned(const Message& message, std::int16_t version) {
  thread_local protocol::ByteBuffer scratch;
  scratch.clear();
  protocol::Writer w(scratch);
  w.write(version);
  message.encode(w, version);
  return std::string(as_string(scratch.bytes()));
}

}  // namespace

std::string offset_commit_key(std::string_view group, std::string_view topic, std::int32_t partition) {
  protocol::OffsetCommitKey key;
  key.group = group;
  key.topic = topic;
  key.partition = partition;
  return versioned(key, kOffsetKeyVersion);
}

std::string offset_commit_value(const OffsetToCommit& o) {
  protocol::OffsetCommitValue value;
  value.offset = Offset(o.offset);
  value.leader_epoch = LeaderEpoch(o.leader_epoch);
  value.metadata = o.metadata;
  value.commit_timestamp = o.commit_timestamp_ms;
  if (o.expire_timestamp_ms) value.expire_timestamp = *o.expire_timestamp_ms;
  return versioned(value, o.expire_timestamp_ms ? kOffsetValueVersionWithExpiry : kOffsetValueVersion);
}

std::string group_metadata_key(std::string_view group) {
  protocol::GroupMetadataKey key;
  key.group = group;
  return versioned(key, kGroupKeyVersion);
}

std::string group_metadata_value(const GroupMetadata& g, const std::map<std::string, std::string, std::less<>>& assignments) {
  Arena arena;
  protocol::GroupMetadataValue value;
  value.protocol_type = g.protocol_type() ? std::string_view(*g.protocol_type()) : std::string_view();
  value.generation = g.generation();
  value.protocol.reset();
  if (g.protocol_name()) value.protocol = *g.protocol_name();
  value.leader.reset();
  if (g.leader()) value.leader = *g.leader();
  value.current_state_timestamp = g.state_timestamp().value_or(-1);
  value.members.reserve(arena, g.size());
  for (const auto& m : g.members()) {
    auto& one = value.members.add(arena);
    one.member_id = m.id;
    if (m.instance_id) one.group_instance_id = *m.instance_id;
    one.client_id = m.client_id;
    one.client_host = m.client_host;
    one.rebalance_timeout = m.rebalance_timeout_ms;
    one.session_timeout = m.session_timeout_ms;
    if (g.protocol_name()) one.subscription = as_bytes(m.metadata(*g.protocol_name()));
    if (const auto at = assignments.find(m.id); at != assignments.end()) one.assignment = as_bytes(at->second);
  }
  return versioned(value, kGroupValueVersion);
}

RecordKey read_key(Bytes bytes) {
  protocol::Reader r(bytes);
  const auto version = r.integer<std::int16_t>();
  if (!r.ok()) return BrokenKey{};
  Arena arena(64);
  if (version == 0 || version == 1) {
    protocol::OffsetCommitKey key;
    if (!key.decode(r, version, arena)) return BrokenKey{};
    return OffsetKey{key.group, key.topic, key.partition};
  }
  if (version == kGroupKeyVersion) {
    protocol::GroupMetadataKey key;
    if (!key.decode(r, version, arena)) return BrokenKey{};
    return GroupKey{key.group};
  }
  return UnknownKey{version};
}

std::optional<CommittedOffset> read_offset_value(Bytes bytes) {
  protocol::Reader r(bytes);
  const auto version = r.integer<std::int16_t>();
  protocol::OffsetCommitValue value;
  Arena arena(64);
  if (!r.ok() || !value.decode(r, version, arena)) return std::nullopt;
  CommittedOffset o;
  o.offset = value.offset.value();
  o.leader_epoch = value.leader_epoch.value();
  o.metadata = value.metadata;
  o.commit_timestamp_ms = value.commit_timestamp;
  if (value.expire_timestamp != -1) o.expire_timestamp_ms = value.expire_timestamp;
  return o;
}

std::optional<StoredGroup> read_group_value(Bytes bytes) {
  protocol::Reader r(bytes);
  const auto version = r.integer<std::int16_t>();
  protocol::GroupMetadataValue value;
  Arena arena;
  if (!r.ok() || !value.decode(r, version, arena)) return std::nullopt;
  StoredGroup g;
  if (!value.protocol_type.empty()) g.protocol_type = value.protocol_type;
  g.generation = value.generation;
  if (value.protocol) g.protocol = *value.protocol;
  if (value.leader) g.leader = *value.leader;
  if (value.current_state_timestamp != -1) g.state_timestamp_ms = value.current_state_timestamp;
  g.members.reserve(value.members.size());
  for (const auto& m : value.members) {
    GroupMember one;
    one.id = m.member_id;
    if (m.group_instance_id) one.instance_id = *m.group_instance_id;
    one.client_id = m.client_id;
    one.client_host = m.client_host;
    one.rebalance_timeout_ms = version == 0 ? m.session_timeout : m.rebalance_timeout;
    one.session_timeout_ms = m.session_timeout;
    one.protocol_type = value.protocol_type;
    one.protocols.push_back(GroupProtocol{std::string(value.protocol.value_or("")), std::string(as_string(m.subscription))});
    one.assignment = as_string(m.assignment);
    g.members.push_back(std::move(one));
  }
  return g;
}

}  // namespace moldau::server
