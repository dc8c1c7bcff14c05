// The messages of __consumer_offsets as JSON, field by field as Apache Kafka's generated JsonConverters write them: names in camel case, bytes in Base64,
// fields that the version does not carry left out.
#pragma once

#include "server/tools/json_text.h"

namespace moldau::protocol {
struct OffsetCommitKey;
struct OffsetCommitValue;
struct GroupMetadataKey;
struct GroupMetadataValue;
struct ConsumerGroupMetadataKey;
struct ConsumerGroupMetadataValue;
struct ConsumerGroupPartitionMetadataKey;
struct ConsumerGroupPartitionMetadataValue;
struct ConsumerGroupMemberMetadataKey;
struct ConsumerGroupMemberMetadataValue;
struct ConsumerGroupTargetAssignmentMetadataKey;
struct ConsumerGroupTargetAssignmentMetadataValue;
struct ConsumerGroupTargetAssignmentMemberKey;
struct ConsumerGroupTargetAssignmentMemberValue;
struct ConsumerGroupCurrentMemberAssignmentKey;
struct ConsumerGroupCurrentMemberAssignmentValue;
}  // namespace moldau::protocol

namespace moldau::server::tools {

void write_json(JsonText& json, const protocol::OffsetCommitKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::OffsetCommitValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::GroupMetadataKey& m, std::int16_t version);
/// Subscriptions and assignments of members of the protocol type "consumer" are shown decoded where they can be.
void write_json(JsonText& json, const protocol::GroupMetadataValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupMetadataKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupMetadataValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupPartitionMetadataKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupPartitionMetadataValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupMemberMetadataKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupMemberMetadataValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMetadataKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMetadataValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMemberKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupTargetAssignmentMemberValue& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupCurrentMemberAssignmentKey& m, std::int16_t version);
void write_json(JsonText& json, const protocol::ConsumerGroupCurrentMemberAssignmentValue& m, std::int16_t version);

}  // namespace moldau::server::tools
