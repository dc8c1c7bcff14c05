// OffsetForLeaderEpoch (key 23, v0-4): where a leader epoch ended, for truncation and its detection (KIP-101, KIP-279, KIP-320).
// Kafka 3.9 KafkaApis.handleOffsetForLeaderEpochRequest.
#include "protocol/messages/offset_for_leader_epoch.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::OffsetForLeaderEpochResponse> handle_offset_for_leader_epoch(RequestContext& ctx, const protocol::OffsetForLeaderEpochRequest& req) {
  protocol::OffsetForLeaderEpochResponse response;
  response.topics.reserve(ctx.arena(), req.topics.size());
  for (const auto& topic : req.topics) {
    auto& topic_out = response.topics.add(ctx.arena());
    topic_out.topic = topic.topic;
    topic_out.partitions.reserve(ctx.arena(), topic.partitions.size());
    for (const auto& asked : topic.partitions) {
      const auto end = ctx.replicas().last_offset_for_leader_epoch(TopicPartitionView(topic.topic, asked.partition), asked.current_leader_epoch,
                                                                   asked.leader_epoch);
      auto& out = topic_out.partitions.add(ctx.arena());
      out.partition = asked.partition;
      out.error_code = end.error;
      out.leader_epoch = end.epoch;
      out.end_offset = end.end_offset;
    }
  }
  co_return response;
}

}  // namespace moldau::server
