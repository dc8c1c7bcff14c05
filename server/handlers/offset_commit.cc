// OffsetCommit (key 8, v0-10): stores a group's offsets. v0 in the metadata store, later in __consumer_offsets; v1 a timestamp each,
// v2-4 a retention, v6 leader epochs, v7 static members, v10 topic ids.
#include "protocol/messages/offset_commit.h"

#include "config/broker_config.h"
#include "config/dynamic_config.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/store/metadata_store.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/group_mapping.h"
#include "server/handlers/handlers.h"
#include "server/handlers/store_offsets.h"

namespace moldau::server {

namespace {

using CommitResponse = protocol::OffsetCommitResponse;
/// A slot of the answer that the coordinator (or the store) fills in.
struct Slot {
  std::size_t topic = 0;
  std::size_t partition = 0;
};

ErrorCode& error_at(CommitResponse& response, const Slot& slot) { return response.topics[slot.topic].partitions[slot.partition].error_code; }

/// Offsets of version 0 clients: `/consumers/GROUP/offsets/TOPIC/PARTITION` (Kafka 3.9 KafkaApis.commitOffsetsToZookeeper).
Awaitable<void> commit_to_store(RequestContext& ctx, const CommitRequest& commit, const std::vector<Slot>& slots, CommitResponse& response) {
  const auto limit = static_cast<std::size_t>(ctx.config().current()->offset_metadata_max_bytes);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& offset = commit.offsets[i];
    auto& error = error_at(response, slots[i]);
    error = offset.metadata.size() > limit ? ErrorCode::offset_metadata_too_large
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
  std::vector<Slot> slots;
  CommitResponse response;
  response.topics.reserve(arena, req.topics.size());
  for (const auto& topic : req.topics) {
    auto& answered = response.topics.add(arena);
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    answered.partitions.reserve(arena, topic.partitions.size());
    const auto* known = by_id ? image->topic(TopicId(topic.topic_id)) : image->topic(topic.name);
    for (const auto& p : topic.partitions) {
      auto& slot = answered.partitions.add(arena);
      slot.partition_index = p.partition_index;
      if (known == nullptr || known->partition(p.partition_index) == nullptr) {
        slot.error_code = known == nullptr && by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
        continue;
      }
      OffsetToCommit offset;
      offset.topic = known->name();
      offset.partition = p.partition_index;
      offset.offset = p.committed_offset.value();
      offset.leader_epoch = p.committed_leader_epoch.value();
      offset.metadata = p.committed_metadata.value_or("");
      offset.commit_timestamp_ms = p.commit_timestamp == -1 ? now_ms : p.commit_timestamp;
      if (req.retention_time_ms != -1) offset.expire_timestamp_ms = now_ms + req.retention_time_ms;
      commit.offsets.push_back(std::move(offset));
      slots.push_back(Slot{response.topics.size() - 1, answered.partitions.size() - 1});
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
