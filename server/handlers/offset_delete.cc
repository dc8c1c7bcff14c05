// OffsetDelete (key 47, v0): drops a group's offsets of partitions that nobody in it subscribes to (KIP-496).
#include "protocol/messages/offset_delete.h"

#include "replication/metadata/metadata_cache.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/by_topic.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::OffsetDeleteResponse> handle_offset_delete(RequestContext& ctx, const protocol::OffsetDeleteRequest& req) {
  auto& arena = ctx.arena();
  const auto image = ctx.metadata().image();
  protocol::OffsetDeleteResponse response;
  std::vector<TopicPartition> known;
  std::vector<Place> slots;
  Places places;
  const auto entry = [&](std::string_view topic, Place place) -> auto& {
    auto& answered = topic_at(arena, response.topics, place);
    answered.name = topic;
    return answered.partitions;
  };
  const auto slot = [&](std::string_view topic, Place place) -> auto& { return partition_at(arena, entry(topic, place), place); };
  // What is not known comes first, as often as it was asked for.
  for (const auto& topic : req.topics) {
    if (image->topic(topic.name) == nullptr) entry(topic.name, places.of_topic(topic.name));
    for (const auto& p : topic.partitions) {
      if (image->partition(TopicPartitionView(topic.name, p.partition_index)) != nullptr) continue;
      auto& refused = slot(topic.name, places.another(topic.name));
      refused.partition_index = p.partition_index;
      refused.error_code = ErrorCode::unknown_topic_or_partition;
    }
  }
  for (const auto& topic : req.topics) {
    for (const auto& p : topic.partitions) {
      if (image->partition(TopicPartitionView(topic.name, p.partition_index)) == nullptr) continue;
      const Place place = places.of(topic.name, p.partition_index);
      slot(topic.name, place).partition_index = p.partition_index;
      known.push_back(TopicPartition{std::string(topic.name), p.partition_index});
      slots.push_back(place);
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
    response.topics[slots[i].topic].partitions[slots[i].partition].error_code = deleted.errors[i];
  co_return response;
}

}  // namespace moldau::server
