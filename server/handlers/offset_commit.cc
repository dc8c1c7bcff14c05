// OffsetCommit (key 8, v0-10): stores a group's offsets. v0 in the metadata store, later in __consumer_offsets; v1 a timestamp each,
// v2-4 a retention, v6 leader epochs, v7 static members, v10 topic ids.
#include "protocol/messages/offset_commit.h"

#include "config/broker_config.h"
#include "config/dynamic_config.h"
#include "protocol/base/java_math.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/store/metadata_store.h"
#include "server/coordinator/group/java_text.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/by_topic.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"
#include "server/handlers/store_offsets.h"

namespace moldau::server {

namespace {

using CommitResponse = protocol::OffsetCommitResponse;

std::string_view bytes_of(const TopicId& id) { return {reinterpret_cast<const char*>(&id), sizeof id}; }

ErrorCode& error_at(CommitResponse& response, const Place& slot) { return response.topics[slot.topic].partitions[slot.partition].error_code; }

/// Offsets of version 0 clients: `/consumers/GROUP/offsets/TOPIC/PARTITION` (Kafka 3.9 KafkaApis.commitOffsetsToZookeeper).
Awaitable<void> commit_to_store(RequestContext& ctx, const CommitRequest& commit, const std::vector<Place>& slots, CommitResponse& response) {
  const auto limit = static_cast<std::size_t>(ctx.config().current()->offset_metadata_max_bytes);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& offset = commit.offsets[i];
    auto& error = error_at(response, slots[i]);
    error = java_length(offset.metadata) > limit ? ErrorCode::offset_metadata_too_large
                                           : co_await set_stored_offset(ctx.store(), commit.group_id, TopicPartitionView(offset.topic, offset.partition), offset.offset);
  }
}

}  // namespace

Awaitable<protocol::OffsetCommitResponse> handle_offset_commit(RequestContext& ctx, const protocol::OffsetCommitRequest& req) {
  auto& arena = ctx.arena();
  const auto image = ctx.metadata().image();
  const auto now_ms = ctx.clock().wall_ms();
  const bool by_id = ctx.api_version >= 10;

  CommitRequest commit;
  commit.group_id = req.group_id;
  commit.member_id = req.member_id;
  commit.group_instance_id = owned(req.group_instance_id);
  commit.generation = req.generation_id_or_member_epoch;
  std::vector<Place> slots;
  CommitResponse response;
  Places places;
  const auto find = [&](const auto& topic) { return by_id ? image->topic(TopicId(topic.topic_id)) : image->topic(topic.name); };
  const auto key_of = [&](const auto& topic) { return by_id ? bytes_of(topic.topic_id) : std::string_view(topic.name); };
  const auto entry = [&](const auto& topic, Place place) -> auto& {
    auto& answered = topic_at(arena, response.topics, place);
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    return answered.partitions;
  };
  const auto slot = [&](const auto& topic, Place place) -> auto& { return partition_at(arena, entry(topic, place), place); };
  // What is not known comes first, as often as it was asked for.
  for (const auto& topic : req.topics) {
    const auto* known = find(topic);
    if (known == nullptr) entry(topic, places.of_topic(key_of(topic)));
    for (const auto& p : topic.partitions) {
      if (known != nullptr && known->partition(p.partition_index) != nullptr) continue;
      auto& refused = slot(topic, places.another(key_of(topic)));
      refused.partition_index = p.partition_index;
      refused.error_code = known == nullptr && by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    }
  }
  for (const auto& topic : req.topics) {
    const auto* known = find(topic);
    if (known == nullptr) continue;
    for (const auto& p : topic.partitions) {
      if (known->partition(p.partition_index) == nullptr) continue;
      const Place place = ctx.api_version == 0 ? places.another(key_of(topic)) : places.of(key_of(topic), p.partition_index);
      slot(topic, place).partition_index = p.partition_index;
      OffsetToCommit offset;
      offset.topic = known->name();
      offset.partition = p.partition_index;
      offset.offset = p.committed_offset.value();
      offset.leader_epoch = p.committed_leader_epoch.value();
      offset.metadata = p.committed_metadata.value_or("");
      offset.commit_timestamp_ms = p.commit_timestamp == -1 ? now_ms : p.commit_timestamp;
      if (req.retention_time_ms != -1) offset.expire_timestamp_ms = wrapping_plus(now_ms, req.retention_time_ms);  // in the past when it overflows, as in Kafka
      commit.offsets.push_back(std::move(offset));
      slots.push_back(place);
    }
  }
  if (slots.empty()) co_return response;
  if (ctx.api_version == 0) {
    co_await commit_to_store(ctx, commit, slots, response);
    co_return response;
  }
  const auto committed = co_await ctx.groups().commit_offsets(std::move(commit));
  for (std::size_t i = 0; i < slots.size() && i < committed.errors.size(); ++i) error_at(response, slots[i]) = committed.errors[i];
  co_return response;
}

}  // namespace moldau::server
