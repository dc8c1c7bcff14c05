// DeleteRecords (key 21, v0-2): raises the log start of partitions (KIP-107). Kafka 3.9 KafkaApis.handleDeleteRecordsRequest.
#include <utility>
#include <vector>

#include "protocol/messages/delete_records.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteRecordsResponse> handle_delete_records(RequestContext& ctx, const protocol::DeleteRecordsRequest& req) {
  const auto image = ctx.metadata().image();
  std::vector<std::pair<TopicPartitionView, Offset>> offsets;
  std::vector<replication::DeleteRecordsResult> results;
  for (const auto& topic : req.topics) {
    for (const auto& asked : topic.partitions) {
      const TopicPartitionView tp(topic.name, asked.partition_index);
      offsets.emplace_back(tp, asked.offset);
      replication::DeleteRecordsResult result;
      if (image->partition(tp) == nullptr) result.error = ErrorCode::unknown_topic_or_partition;
      results.push_back(result);
    }
  }
  co_await ctx.replicas().delete_records(offsets, Millis(req.timeout_ms), results);

  protocol::DeleteRecordsResponse response;
  std::size_t next = 0;
  for (const auto& topic : req.topics) {
    auto& topic_out = response.topics.add(ctx.arena());
    topic_out.name = topic.name;
    for (const auto& asked : topic.partitions) {
      const auto& result = results[next++];
      auto& out = topic_out.partitions.add(ctx.arena());
      out.partition_index = asked.partition_index;
      out.error_code = result.error;
      out.low_watermark = result.error == ErrorCode::none || result.error == ErrorCode::request_timed_out ? result.low_watermark : kNoOffset;
    }
  }
  co_return response;
}

}  // namespace moldau::server
