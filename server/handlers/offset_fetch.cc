// OffsetFetch (key 9, v0-10): reads a group's offsets. v0 from the metadata store; v2 all topics and a top-level error, v5 leader epochs,
// v7 require_stable (KIP-447), v8 many groups, v10 topic ids.
#include "protocol/messages/offset_fetch.h"

#include "replication/metadata/metadata_cache.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/handlers/by_topic.h"
#include "server/handlers/handlers.h"
#include "server/handlers/store_offsets.h"

namespace moldau::server {

namespace {

using OffsetsRequest = protocol::OffsetFetchRequest;
using OffsetsResponse = protocol::OffsetFetchResponse;

constexpr Offset kNoCommittedOffset{-1};
constexpr auto name_of = [](const auto& topic) -> std::string_view { return topic.name; };

template <class Slot>
void fill(Arena& arena, Slot& slot, const FetchedOffset& fetched) {
  slot.partition_index = fetched.partition;
  slot.committed_offset = Offset(fetched.offset);
  slot.committed_leader_epoch = LeaderEpoch(fetched.leader_epoch);
  slot.metadata = arena.dup(std::string_view(fetched.metadata));
  slot.error_code = fetched.error;
}

template <class Slot>
void fill_error(Slot& slot, std::int32_t partition, ErrorCode error) {
  slot.partition_index = partition;
  slot.committed_offset = kNoCommittedOffset;
  slot.metadata = "";
  slot.error_code = error;
}

/// Adds fetched offsets, which stand together by topic, to an array of topics.
template <class Topics>
void add_topics(Arena& arena, Topics& topics, const std::vector<FetchedOffset>& fetched) {
  for (std::size_t i = 0; i < fetched.size(); ++i) {
    if (i == 0 || fetched[i].topic != fetched[i - 1].topic) topics.add(arena).name = arena.dup(std::string_view(fetched[i].topic));
    fill(arena, topics.back().partitions.add(arena), fetched[i]);
  }
}

/// v0: offsets in the metadata store. A partition without one is UNKNOWN_TOPIC_OR_PARTITION (Kafka 3.9 KafkaApis.fetchOffsetsFromZookeeper).
Awaitable<OffsetsResponse> fetch_from_store(RequestContext& ctx, const OffsetsRequest& req) {
  const auto image = ctx.metadata().image();
  OffsetsResponse response;
  if (!req.topics) co_return response;
  const auto asked = each_once(*req.topics, name_of);
  for (const auto& tp : asked) {
    ErrorCode error = ErrorCode::unknown_topic_or_partition;
    Offset offset = kNoCommittedOffset;
    if (image->partition(tp) != nullptr) {
      const auto stored = co_await stored_offset(ctx.store(), req.group_id, tp);
      if (!stored) {
        error = stored.error().code;
      } else if (stored->has_value()) {
        error = ErrorCode::none;
        offset = Offset(**stored);
      }
    }
    if (response.topics.empty() || response.topics.back().name != tp.topic) response.topics.add(ctx.arena()).name = tp.topic;
    auto& slot = response.topics.back().partitions.add(ctx.arena());
    fill_error(slot, tp.partition, error);
    slot.committed_offset = offset;
  }
  co_return response;
}

/// v1-7: one group.
OffsetsResponse fetch_one_group(RequestContext& ctx, const OffsetsRequest& req) {
  auto& arena = ctx.arena();
  OffsetsResponse response;
  std::vector<TopicPartitionView> asked;
  if (req.topics) asked = each_once(*req.topics, name_of);
  std::optional<std::span<const TopicPartitionView>> partitions;
  if (req.topics) partitions = asked;
  const auto fetched = ctx.groups().fetch_offsets(req.group_id, partitions, req.require_stable);
  if (fetched.error != ErrorCode::none) {
    response.error_code = fetched.error;
    // v1 has no place for it but the partitions.
    if (ctx.api_version < 2 && req.topics) {
      for (const auto& topic : *req.topics) {
        auto& answered = response.topics.add(arena);
        answered.name = topic.name;
        for (const auto partition : topic.partition_indexes) fill_error(answered.partitions.add(arena), partition, fetched.error);
      }
    }
    return response;
  }
  add_topics(arena, response.topics, fetched.offsets);
  return response;
}

/// v8+: one of several groups.
void fetch_group(RequestContext& ctx, const OffsetsRequest::OffsetFetchRequestGroup& group, bool require_stable, OffsetsResponse::OffsetFetchResponseGroup& answer) {
  auto& arena = ctx.arena();
  const bool by_id = ctx.api_version >= 10;
  const auto image = by_id ? ctx.metadata().image() : nullptr;
  answer.group_id = group.group_id;
  std::vector<TopicPartitionView> asked;
  if (group.topics && !by_id) asked = each_once(*group.topics, name_of);
  if (group.topics && by_id) {
    for (const auto& topic : *group.topics) {
      const auto* known = image->topic(TopicId(topic.topic_id));
      if (known == nullptr) {
        auto& answered = answer.topics.add(arena);
        answered.topic_id = topic.topic_id;
        for (const auto partition : topic.partition_indexes) fill_error(answered.partitions.add(arena), partition, ErrorCode::unknown_topic_id);
        continue;
      }
      for (const auto partition : topic.partition_indexes) asked.emplace_back(known->name(), partition);
    }
  }
  std::optional<std::span<const TopicPartitionView>> partitions;
  if (group.topics) partitions = asked;
  const auto fetched = ctx.groups().fetch_offsets(group.group_id, partitions, require_stable);
  if (fetched.error != ErrorCode::none) {
    answer.error_code = fetched.error;
    answer.topics.clear();
    return;
  }
  if (!by_id) {
    add_topics(arena, answer.topics, fetched.offsets);
    return;
  }
  std::string_view last;
  bool shown = false;
  for (const auto& offset : fetched.offsets) {
    if (offset.topic != last) {
      last = offset.topic;
      // A topic that is gone has no id to name it by.
      const auto* known = image->topic(offset.topic);
      shown = known != nullptr;
      if (shown) answer.topics.add(arena).topic_id = known->id();
    }
    if (shown) fill(arena, answer.topics.back().partitions.add(arena), offset);
  }
}

}  // namespace

Awaitable<protocol::OffsetFetchResponse> handle_offset_fetch(RequestContext& ctx, const protocol::OffsetFetchRequest& req) {
  if (ctx.api_version == 0) co_return co_await fetch_from_store(ctx, req);
  if (ctx.api_version < 8) co_return fetch_one_group(ctx, req);
  OffsetsResponse response;
  // DIFFERS: Apache Kafka never answers a request without groups.
  response.groups.reserve(ctx.arena(), req.groups.size());
  for (const auto& group : req.groups) {
    auto& answer = response.groups.add(ctx.arena());
    fetch_group(ctx, group, req.require_stable, answer);
  }
  co_return response;
}

}  // namespace moldau::server
