// ListOffsets (key 2, v0-11): offsets by time. v1 one offset and timestamp; v2 isolation; v4 leader epochs; v7 max timestamp (KIP-734); v8 earliest local
// (KIP-405); v9 latest tiered (KIP-1005); v10 timeout; v11 earliest pending upload (KIP-1023). Kafka 3.9 KafkaApis.handleListOffsetRequest.
#include <algorithm>
#include <optional>
#include <vector>

#include "protocol/base/log.h"
#include "protocol/messages/list_offsets.h"
#include "replication/partition/replica_manager.h"
#include "server/handlers/handlers.h"
#include "server/handlers/isolation_level.h"
#include "storage/io/offload.h"

namespace moldau::server {
namespace {

using protocol::ListOffsetsRequest;
using protocol::ListOffsetsResponse;
using Asked = ListOffsetsRequest::ListOffsetsPartition;
using Answer = ListOffsetsResponse::ListOffsetsPartitionResponse;

constexpr BrokerId kConsumer{-1};
constexpr BrokerId kDebugger{-2};
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kMaxTimestamp = -3;

/// The first version that knows a special timestamp; nothing for one that no version knows.
std::optional<std::int16_t> first_version_of(std::int64_t timestamp) {
  switch (timestamp) {
    case -1: return std::int16_t{0};  // latest
    case -2: return std::int16_t{0};  // earliest
    case -3: return std::int16_t{7};  // max timestamp
    case -4: return std::int16_t{8};  // earliest local
    case -5: return std::int16_t{9};  // latest tiered
    case -6: return std::int16_t{11};  // earliest pending upload
    default: return std::nullopt;
  }
}

/// Looking up a time reads the index, and where that is coarse the log.
bool needs_io(const ListOffsetsRequest& req, std::int16_t version) {
  if (version == 0) return true;
  for (const auto& topic : req.topics)
    for (const auto& p : topic.partitions)
      if (p.timestamp >= 0 || p.timestamp == kMaxTimestamp) return true;
  return false;
}

void answer_v0(RequestContext& ctx, const ListOffsetsRequest& req, TopicPartitionView tp, const Asked& asked, Answer& out) {
  if (asked.timestamp < kEarliest) {
    out.error_code = ErrorCode::unsupported_version;
    return;
  }
  auto offsets = ctx.replicas().legacy_offsets(tp, asked.timestamp, asked.max_num_offsets, req.replica_id == kConsumer, req.replica_id != kDebugger);
  if (!offsets) {
    out.error_code = offsets.error().code;
    return;
  }
  if (asked.max_num_offsets < 0) {
    out.error_code = ErrorCode::unknown_server_error;
    return;
  }
  out.old_style_offsets = Array<Offset>::copy(ctx.arena(), *offsets);
}

void answer(RequestContext& ctx, const ListOffsetsRequest& req, TopicPartitionView tp, const Asked& asked, Answer& out) {
  if (asked.timestamp < 0) {
    const auto since = first_version_of(asked.timestamp);
    if (!since || ctx.api_version < *since) {
      out.error_code = ErrorCode::unsupported_version;
      return;
    }
  }
  replication::OffsetLookup lookup;
  lookup.timestamp = asked.timestamp;
  if (req.replica_id == kConsumer && !is_isolation_level(req.isolation_level)) {
    out.error_code = ErrorCode::unknown_server_error;
    return;
  }
  if (req.replica_id == kConsumer) lookup.read_committed = req.isolation_level == 1;
  lookup.current_leader_epoch = asked.current_leader_epoch;
  lookup.leader_only = req.replica_id != kDebugger;
  const auto found = ctx.replicas().offset_for_timestamp(tp, lookup);
  if (!found) {
    out.error_code = found.error().code;
    // Older clients do not know the code and refresh their metadata on this one.
    if (out.error_code == ErrorCode::offset_not_available && ctx.api_version < 5) out.error_code = ErrorCode::leader_not_available;
    return;
  }
  if (!*found) return;
  out.timestamp = (*found)->timestamp;
  out.offset = (*found)->offset;
  if (ctx.api_version >= 4) out.leader_epoch = (*found)->leader_epoch;
}

/// Partitions of a topic that are asked for more than once, ascending.
std::vector<std::int32_t> find_duplicates(const ListOffsetsRequest::ListOffsetsTopic& topic) {
  std::vector<std::int32_t> sorted;
  sorted.reserve(topic.partitions.size());
  for (const Asked& p : topic.partitions) sorted.push_back(p.partition_index);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int32_t> twice;
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i] == sorted[i - 1]) twice.push_back(sorted[i]);
  return twice;
}

void answer_all(RequestContext& ctx, const ListOffsetsRequest& req, ListOffsetsResponse& response) {
  for (const auto& topic : req.topics) {
    const auto twice = find_duplicates(topic);
    auto& topic_out = response.topics.add(ctx.arena());
    topic_out.name = topic.name;
    topic_out.partitions.reserve(ctx.arena(), topic.partitions.size());
    for (const Asked& asked : topic.partitions) {
      Answer& out = topic_out.partitions.add(ctx.arena());
      out.partition_index = asked.partition_index;
      const TopicPartitionView tp(topic.name, asked.partition_index);
      if (ctx.api_version == 0) {
        answer_v0(ctx, req, tp, asked, out);
      } else if (std::binary_search(twice.begin(), twice.end(), asked.partition_index)) {
        out.error_code = ErrorCode::invalid_request;
      } else {
        answer(ctx, req, tp, asked, out);
      }
    }
  }
}

}  // namespace

Awaitable<ListOffsetsResponse> handle_list_offsets(RequestContext& ctx, const ListOffsetsRequest& req) {
  ListOffsetsResponse response;
  if (needs_io(req, ctx.api_version)) {
    auto work = [&] {
      answer_all(ctx, req, response);
      return true;
    };
    co_await storage::offload(ctx.blocking_pool(), std::move(work));
  } else {
    answer_all(ctx, req, response);
  }
  co_return response;
}

}  // namespace moldau::server
