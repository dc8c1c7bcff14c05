// AlterReplicaLogDirs (key 34, v0-2): moves replicas between the log directories of this broker (KIP-113). Kafka 3.9 KafkaApis.handleAlterReplicaLogDirsRequest.
#include <vector>

#include "config/dynamic_config.h"
#include "protocol/messages/alter_replica_log_dirs.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/by_topic.h"
#include "server/handlers/handlers.h"
#include "server/handlers/log_dir_path.h"

namespace moldau::server {

Awaitable<protocol::AlterReplicaLogDirsResponse> handle_alter_replica_log_dirs(RequestContext& ctx, const protocol::AlterReplicaLogDirsRequest& req) {
  const auto config = ctx.config().current();
  std::vector<replication::LogDirMove> moves;
  Places places;
  std::vector<std::vector<std::size_t>> slots;  // by topic and partition of the answer: where its move is
  for (const auto& dir : req.dirs) {
    const auto known = find_log_dir(config->data_dirs, dir.path);
    const auto path = known.empty() ? std::string_view(dir.path) : known;
    for (const auto& topic : dir.topics) {
      for (const std::int32_t partition : topic.partitions) {
        const TopicPartitionView tp(topic.name, partition);
        const Place place = places.of(tp.topic, tp.partition);
        if (place.topic == slots.size()) slots.emplace_back();
        auto& those = slots[place.topic];
        if (place.partition < those.size()) {  // its last mention counts
          moves[those[place.partition]].dir = path;
          continue;
        }
        those.push_back(moves.size());
        moves.push_back({tp, path});
      }
    }
  }
  std::vector<ErrorCode> results(moves.size(), ErrorCode::none);
  co_await ctx.replicas().alter_log_dirs(moves, results);

  protocol::AlterReplicaLogDirsResponse response;
  for (const auto& those : slots) {
    auto& topic_out = response.results.add(ctx.arena());
    topic_out.topic_name = moves[those.front()].tp.topic;
    for (const std::size_t at : those) {
      auto& out = topic_out.partitions.add(ctx.arena());
      out.partition_index = moves[at].tp.partition;
      out.error_code = results[at];
    }
  }
  co_return response;
}

}  // namespace moldau::server
