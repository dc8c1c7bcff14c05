// The value of a classic group's record, with what its consumers said in it.
#include <algorithm>
#include <optional>

#include "protocol/messages/consumer_protocol.h"
#include "protocol/messages/group_records.h"
#include "protocol/wire/reader.h"
#include "server/tools/group_record_json.h"

namespace moldau::server::tools {
namespace {

template <class T>
void write_owned(JsonText& json, std::string_view name, const Array<T>& topics) {
  json.name(name);
  json.array(topics, [&](const T& t) {
    json.open();
    json.field("topic", t.topic);
    json.field("partitions", t.partitions);
    json.close();
  });
}

void write_body(JsonText& json, const protocol::ConsumerProtocolSubscription& m, std::int16_t version) {
  json.open();
  json.field("topics", m.topics);
  json.field("userData", m.user_data);
  if (version >= 1) write_owned(json, "ownedPartitions", m.owned_partitions);
  if (version >= 2) json.field("generationId", m.generation_id);
  if (version >= 3) json.field("rackId", m.rack_id);
  json.close();
}

void write_body(JsonText& json, const protocol::ConsumerProtocolAssignment& m, std::int16_t) {
  json.open();
  write_owned(json, "assignedPartitions", m.assigned_partitions);
  json.field("userData", m.user_data);
  json.close();
}

/// The decoded message; the bytes themselves when they are none. A version of a newer client is read as the highest known one.
template <class Message>
void write_embedded(JsonText& json, std::string_view name, Bytes bytes) {
  protocol::Reader r(bytes);
  const auto version = std::clamp(r.integer<std::int16_t>(), Message::kMinVersion, Message::kMaxVersion);
  Arena arena;
  Message message;
  if (!r.ok() || !message.decode(r, version, arena)) return json.field(name, bytes);
  json.name(name);
  write_body(json, message, version);
}

}  // namespace

void write_json(JsonText& json, const protocol::GroupMetadataValue& m, std::int16_t version) {
  const bool consumers = m.protocol_type == "consumer";
  json.open();
  json.field("protocolType", m.protocol_type);
  json.field("generation", m.generation);
  json.field("protocol", m.protocol);
  json.field("leader", m.leader);
  if (version >= 2) json.field("currentStateTimestamp", m.current_state_timestamp);
  json.name("members");
  json.array(m.members, [&](const auto& member) {
    json.open();
    json.field("memberId", member.member_id);
    if (version >= 3) json.field("groupInstanceId", member.group_instance_id);
    json.field("clientId", member.client_id);
    json.field("clientHost", member.client_host);
    if (version >= 1) json.field("rebalanceTimeout", member.rebalance_timeout);
    json.field("sessionTimeout", member.session_timeout);
    if (consumers) {
      write_embedded<protocol::ConsumerProtocolSubscription>(json, "subscription", member.subscription);
      write_embedded<protocol::ConsumerProtocolAssignment>(json, "assignment", member.assignment);
    } else {
      json.field("subscription", member.subscription);
      json.field("assignment", member.assignment);
    }
    json.close();
  });
  json.close();
}

}  // namespace moldau::server::tools
