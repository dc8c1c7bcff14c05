// DeleteRecords (key 21, v0-2): raises the log start of partitions (KIP-107). Kafka 3.9 KafkaApis.handleDeleteRecordsRequest.
#include <utility>
#include <vector>

#include "protocol/messages/delete_records.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/by_topic.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DeleteRecordsResponse> handle_delete_records(RequestContext& ctx, const protocol::DeleteRecordsRequest& req) {
  const auto image = ctx.metadata().image();
  std::vector<std::pair<TopicPartitionView, Offset>> offsets;
  std::vector<replication::DeleteRecordsResult> results;
  protocol::DeleteRecordsResponse response;
  Places places;
  std::vector<std::vector<std::size_t>> slots;  // by topic and partition of the answer: where its offset and result are
  for (const auto& topic : req.topics) {
    for (const auto& asked : topic.partitions) {
      const TopicPartitionView tp(topic.name, asked.partition_index);
      const Place place = places.of(tp.topic, tp.partition);
      if (place.topic == slots.size()) slots.emplace_back();
      auto& those = slots[place.topic];
      if (place.partition < those.size()) {  // its last mention counts
        offsets[those[place.partition]].second = asked.offset;
        continue;
      }
      those.push_back(offsets.size());
      offsets.emplace_back(tp, asked.offset);
      replication::DeleteRecordsResult result;
      if (image->partition(tp) == nullptr) result.error = ErrorCode::unknown_topic_or_partition;
      results.push_back(result);
    }
  }
  co_await ctx.replicas().delete_records(offsets, Millis(req.timeout_ms), results);

  for (const auto& those : slots) {
    auto& topic_out = response.topics.add(ctx.arena());
    topic_out.name = offsets[those.front()].first.topic;
    for (const std::size_t at : those) {
      const auto& result = results[at];
      auto& out = topic_out.partitions.add(ctx.arena());
      out.partition_index = offsets[at].first.partition;
      out.error_code = result.error;
      out.low_watermark = result.error == ErrorCode::none || result.error == ErrorCode::request_timed_out ? result.low_watermark : kNoOffset;
    }
  }
  co_return response;
}

}  // namespace moldau::server
