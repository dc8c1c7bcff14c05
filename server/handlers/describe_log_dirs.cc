// DescribeLogDirs (key 35, v0-4): the log directories and what lies in them (KIP-113); v4 sizes of the volumes (KIP-827).
// Kafka 3.9 KafkaApis.handleDescribeLogDirsRequest.
#include <map>
#include <unordered_set>
#include <vector>

#include "protocol/messages/describe_log_dirs.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/handlers.h"
#include "server/handlers/log_dir_path.h"
#include "storage/io/offload.h"

namespace moldau::server {

Awaitable<protocol::DescribeLogDirsResponse> handle_describe_log_dirs(RequestContext& ctx, const protocol::DescribeLogDirsRequest& req) {
  std::unordered_set<TopicPartition, TopicPartitionHash, TopicPartitionEqual> wanted;
  if (req.topics) {
    for (const auto& topic : *req.topics)
      for (const std::int32_t p : topic.partitions) wanted.insert(TopicPartition{std::string(topic.topic), p});
  }
  auto work = [&ctx, &wanted, all = !req.topics.has_value()] {
    return ctx.replicas().describe_log_dirs([&](TopicPartitionView tp) { return all || wanted.find(tp) != wanted.end(); });
  };
  const auto dirs = co_await storage::offload(ctx.blocking_pool(), std::move(work));

  protocol::DescribeLogDirsResponse response;
  for (const auto& dir : dirs) {
    auto& out = response.results.add(ctx.arena());
    out.error_code = dir.error;
    out.log_dir = ctx.arena().dup(absolute_log_dir(dir.path));
    out.total_bytes = dir.total_bytes;
    out.usable_bytes = dir.usable_bytes;
    std::map<std::string_view, std::vector<const replication::LogDirDescription::Replica*>> by_topic;
    for (const auto& replica : dir.replicas) by_topic[replica.tp.topic].push_back(&replica);
    for (const auto& [topic, replicas] : by_topic) {
      auto& topic_out = out.topics.add(ctx.arena());
      topic_out.name = ctx.arena().dup(topic);
      for (const auto* replica : replicas) {
        auto& p = topic_out.partitions.add(ctx.arena());
        p.partition_index = replica->tp.partition;
        p.partition_size = replica->size;
        p.offset_lag = replica->offset_lag;
        p.is_future_key = replica->is_future;
      }
    }
  }
  co_return response;
}

}  // namespace moldau::server
