// OffsetDelete (key 47, v0): drops a group's offsets of partitions that nobody in it subscribes to (KIP-496).
#include "protocol/messages/offset_delete.h"

#include "replication/metadata/metadata_cache.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::OffsetDeleteResponse> handle_offset_delete(RequestContext& ctx, const protocol::OffsetDeleteRequest& req) {
  auto& arena = ctx.arena();
  const auto image = ctx.metadata().image();
  protocol::OffsetDeleteResponse response;
  std::vector<TopicPartition> known;
  std::vector<std::pair<std::size_t, std::size_t>> slots;  // topic and partition in the answer
  for (const auto& topic : req.topics) {
    auto& answered = response.topics.add(arena);
    answered.name = topic.name;
    for (const auto& p : topic.partitions) {
      auto& slot = answered.partitions.add(arena);
      slot.partition_index = p.partition_index;
      if (image->partition(TopicPartitionView(topic.name, p.partition_index)) == nullptr) {
        slot.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      known.push_back(TopicPartition{std::string(topic.name), p.partition_index});
      slots.emplace_back(response.topics.size() - 1, answered.partitions.size() - 1);
    }
  }
  const auto deleted = co_await ctx.groups().delete_offsets(std::string(req.group_id), std::move(known));
  if (deleted.group_error != ErrorCode::none) {
    // An error of the group stands alone.
    response.error_code = deleted.group_error;
    response.topics.clear();
    co_return response;
  }
  for (std::size_t i = 0; i < slots.size() && i < deleted.errors.size(); ++i)
    response.topics[slots[i].first].partitions[slots[i].second].error_code = deleted.errors[i];
  co_return response;
}

}  // namespace moldau::server
