#include "server/tools/group_record_json.h"

#include "protocol/messages/consumer_group_records.h"
#include "protocol/messages/group_records.h"

namespace moldau::server::tools {
namespace {

/// A key that names a group, and maybe a member.
template <class Key>
void write_group_key(JsonText& json, const Key& m) {
  json.open();
  json.field("groupId", m.group_id);
  if constexpr (requires { m.member_id; }) json.field("memberId", m.member_id);
  json.close();
}

template <class T>
void write_topics(JsonText& json, std::string_view name, const Array<T>& topics) {
  json.name(name);
  json.array(topics, [&](const T& t) {
    json.open();
    json.field("topicId", t.topic_id);
    json.field("partitions", t.partitions);
    json.close();
  });
}

}  // namespace

void write_json(JsonText& json, const protocol::OffsetCommitKey& m, std::int16_t) {
  json.open();
  json.field("group", m.group);
  json.field("topic", m.topic);
  json.field("partition", m.partition);
  json.close();
}

void write_json(JsonText& json, const protocol::OffsetCommitValue& m, std::int16_t version) {
  json.open();
  json.field("offset", m.offset);
  if (version >= 3) json.field("leaderEpoch", m.leader_epoch);
  json.field("metadata", m.metadata);
  json.field("commitTimestamp", m.commit_timestamp);
  if (version == 1) json.field("expireTimestamp", m.expire_timestamp);
  json.close();
}

void write_json(JsonText& json, const protocol::GroupMetadataKey& m, std::int16_t) {
  json.open();
  json.field("group", m.group);
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupMetadataKey& m, std::int16_t) { write_group_key(json, m); }
void write_json(JsonText& json, const protocol::ConsumerGroupPartitionMetadataKey& m, std::int16_t) { write_group_key(json, m); }
void write_json(JsonText& json, const protocol::ConsumerGroupMemberMetadataKey& m, std::int16_t) { write_group_key(json, m); }
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMetadataKey& m, std::int16_t) { write_group_key(json, m); }
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMemberKey& m, std::int16_t) { write_group_key(json, m); }
void write_json(JsonText& json, const protocol::ConsumerGroupCurrentMemberAssignmentKey& m, std::int16_t) { write_group_key(json, m); }

void write_json(JsonText& json, const protocol::ConsumerGroupMetadataValue& m, std::int16_t) {
  json.open();
  json.field("epoch", m.epoch);
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupPartitionMetadataValue& m, std::int16_t) {
  json.open();
  json.name("topics");
  json.array(m.topics, [&](const auto& topic) {
    json.open();
    json.field("topicId", topic.topic_id);
    json.field("topicName", topic.topic_name);
    json.field("numPartitions", topic.num_partitions);
    json.name("partitionMetadata");
    json.array(topic.partition_metadata, [&](const auto& partition) {
      json.open();
      json.field("partition", partition.partition);
      json.field("racks", partition.racks);
      json.close();
    });
    json.close();
  });
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupMemberMetadataValue& m, std::int16_t) {
  json.open();
  json.field("instanceId", m.instance_id);
  json.field("rackId", m.rack_id);
  json.field("clientId", m.client_id);
  json.field("clientHost", m.client_host);
  json.field("subscribedTopicNames", m.subscribed_topic_names);
  json.field("subscribedTopicRegex", m.subscribed_topic_regex);
  json.field("rebalanceTimeoutMs", m.rebalance_timeout_ms);
  json.field("serverAssignor", m.server_assignor);
  const auto& classic = m.classic_member_metadata;
  if (classic && *classic != protocol::ConsumerGroupMemberMetadataValue::ClassicMemberMetadata{}) {
    json.name("classicMemberMetadata");
    json.open();
    json.field("sessionTimeoutMs", classic->session_timeout_ms);
    json.name("supportedProtocols");
    json.array(classic->supported_protocols, [&](const auto& one) {
      json.open();
      json.field("name", one.name);
      json.field("metadata", one.metadata);
      json.close();
    });
    json.close();
  }
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMetadataValue& m, std::int16_t) {
  json.open();
  json.field("assignmentEpoch", m.assignment_epoch);
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMemberValue& m, std::int16_t) {
  json.open();
  write_topics(json, "topicPartitions", m.topic_partitions);
  json.close();
}

void write_json(JsonText& json, const protocol::ConsumerGroupCurrentMemberAssignmentValue& m, std::int16_t) {
  json.open();
  json.field("memberEpoch", m.member_epoch);
  json.field("previousMemberEpoch", m.previous_member_epoch);
  json.field("state", m.state);
  write_topics(json, "assignedPartitions", m.assigned_partitions);
  write_topics(json, "partitionsPendingRevocation", m.partitions_pending_revocation);
  json.close();
}

}  // namespace moldau::server::tools
