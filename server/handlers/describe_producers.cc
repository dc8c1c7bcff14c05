// DescribeProducers (key 61, v0): the producers that a partition knows (KIP-664). Kafka 3.9 KafkaApis.handleDescribeProducersRequest.
#include "protocol/messages/describe_producers.h"
#include "replication/admin/topic_names.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::DescribeProducersResponse> handle_describe_producers(RequestContext& ctx, const protocol::DescribeProducersRequest& req) {
  protocol::DescribeProducersResponse response;
  const auto image = ctx.metadata().image();
  for (const auto& topic : req.topics) {
    auto& topic_out = response.topics.add(ctx.arena());
    topic_out.name = topic.name;
    const auto bad_name = replication::invalid_topic_name(topic.name);
    for (const std::int32_t index : topic.partition_indexes) {
      const TopicPartitionView tp(topic.name, index);
      auto& out = topic_out.partitions.add(ctx.arena());
      out.partition_index = index;
      if (bad_name) {
        out.error_code = ErrorCode::invalid_topic_exception;
        out.error_message = ctx.arena().dup(*bad_name);
        continue;
      }
      if (image->partition(tp) == nullptr) {
        out.error_code = ErrorCode::unknown_topic_or_partition;
        out.error_message = "This server does not host this topic-partition.";
        continue;
      }
      const auto producers = ctx.replicas().active_producers(tp);
      if (!producers) {
        out.error_code = producers.error().code;
        if (!producers.error().message.empty()) out.error_message = ctx.arena().dup(producers.error().message);
        continue;
      }
      for (const auto& producer : *producers) {
        auto& p = out.active_producers.add(ctx.arena());
        p.producer_id = producer.producer_id;
        p.producer_epoch = producer.producer_epoch.value();
        p.last_sequence = producer.last_sequence;
        p.last_timestamp = producer.last_timestamp;
        p.coordinator_epoch = producer.coordinator_epoch;
        p.current_txn_start_offset = producer.current_txn_start;
      }
    }
  }
  co_return response;
}

}  // namespace moldau::server
