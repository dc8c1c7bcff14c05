// Fetch (key 1, v0-18): reads batches for consumers and followers. v7 sessions (KIP-227); v10 zstd; v12 divergence (KIP-595); v13 topic ids (KIP-516); v16 leader
// hints (KIP-951). Kafka 3.9 KafkaApis.handleFetchRequest.
//
// Stored bytes go out as file slices; only old clients (v0-3) get converted copies. A slice that is not in the page cache is pulled in by the blocking pool first.
#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <memory>

#include "config/dynamic_config.h"
#include "protocol/base/log.h"
#include "protocol/messages/fetch.h"
#include "protocol/records/any_batch.h"
#include "server/fetch_session/fetch_session_cache.h"
#include "server/handlers/handlers.h"
#include "server/handlers/isolation_level.h"
#include "server/handlers/leader_hint.h"
#include "storage/io/offload.h"
#include "storage/io/page_cache.h"
#include "storage/io/read_slice.h"
#include "storage/log/record_conversion.h"

namespace moldau::server {
namespace {

using protocol::FetchRequest;
using protocol::FetchResponse;
using protocol::Records;
using replication::FetchParams;
using replication::FetchPartition;
using replication::FetchResult;

constexpr std::int16_t kFirstWithSoftLimits = 3;
constexpr std::int16_t kFirstWithBatchesV2 = 4;
constexpr std::int16_t kFirstWithStorageErrors = 6;
constexpr std::int16_t kFirstWithZstd = 10;
constexpr std::int16_t kFirstServedByFollowers = 11;
constexpr std::int16_t kFirstWithTopicIds = 13;
constexpr std::int16_t kFirstWithReplicaState = 15;
constexpr std::int16_t kFirstWithLeaderHints = 16;

FetchParams make_params(RequestContext& ctx, const FetchRequest& req) {
  FetchParams p;
  p.replica = ctx.api_version >= kFirstWithReplicaState ? req.replica_state.replica_id : req.replica_id;
  p.max_wait = Millis(req.max_wait_ms);
  const bool follower = p.replica >= BrokerId(0);
  // A follower's limit is its own affair.
  p.max_bytes = follower ? req.max_bytes : std::min(req.max_bytes, ctx.config().current()->fetch_max_bytes);
  p.min_bytes = std::min(req.min_bytes, p.max_bytes);
  p.hard_max_bytes = ctx.api_version < kFirstWithSoftLimits;
  p.read_committed = req.isolation_level == 1;
  p.leader_only = follower || ctx.api_version < kFirstServedByFollowers;
  return p;
}

/// Decides per partition what cannot be read at all.
ErrorCode refuse(const SessionPartition& p, std::int16_t version, const replication::MetadataImage& image) {
  if (version >= kFirstWithTopicIds && p.topic.empty()) return ErrorCode::unknown_topic_id;
  if (image.partition(TopicPartitionView(p.topic, p.partition)) == nullptr) return ErrorCode::unknown_topic_or_partition;
  return ErrorCode::none;
}

/// What is made of the stored bytes for a client that cannot take them as they are.
struct Conversion {
  ErrorCode error = ErrorCode::none;
  protocol::ByteBuffer bytes;
};

/// The size that converted records are announced with (Kafka 3.9 LazyDownConversionRecords): that of the stored ones, more when the first batch grows beyond it,
/// and nothing when not one batch is whole.
std::size_t announced_size(Bytes stored, std::size_t converted, std::int8_t magic, Offset fetch_offset) {
  if (stored.size() < protocol::kBatchPrefixSize) return 0;
  const auto first = protocol::parse_batch_prefix(stored);
  if (!first || first->size_in_bytes > stored.size()) return 0;
  if (converted <= stored.size()) return stored.size();
  const auto alone = storage::down_convert(stored.first(first->size_in_bytes), magic, fetch_offset);
  return alone ? std::max(stored.size(), alone->bytes.size()) : stored.size();
}

/// Reads the slice and converts it. Blocking and costly: on a pool.
Conversion convert(const storage::FileSlice& slice, std::int8_t magic, Offset fetch_offset) {
  Conversion out;
  protocol::ByteBuffer stored(slice.size);
  MutableBytes into(stored.extend(slice.size), slice.size);
  const auto filled = storage::read_slice(slice, into);
  if (!filled) {
    out.error = filled.error().code;
    return out;
  }
  auto converted = storage::down_convert(Bytes(into.data(), *filled), magic, fetch_offset);
  if (!converted) {
    MOLDAU_LOG(request, info, "down-conversion failed: {}", converted.error().message);
    out.error = converted.error().code;
    return out;
  }
  out.bytes = std::move(converted->bytes);
  storage::pad_to_announced(out.bytes, announced_size(Bytes(into.data(), *filled), out.bytes.size(), magic, fetch_offset));
  return out;
}

/// Answers of v0-9: batches that the client cannot read are refused, those of v0-3 converted (Kafka 3.9 maybeConvertFetchedData).
Awaitable<void> adapt_to_old_client(RequestContext& ctx, FetchPartition& asked, FetchResult& result, Records& records) {
  auto& read = result.read;
  const auto log = result.partition ? result.partition->log() : nullptr;
  const auto fail = [&](ErrorCode code) {
    read = replication::PartitionReadResult{};
    read.error = code;
    asked.refused = code;
  };
  if (!log) co_return;
  const auto config = log->config();
  if (config->compression_type == config::CompressionSetting::zstd) {
    fail(ErrorCode::unsupported_compression_type);
    co_return;
  }
  if (ctx.api_version >= kFirstWithBatchesV2) co_return;
  if (!config->message_downconversion_enable) {
    fail(ErrorCode::unsupported_version);
    co_return;
  }
  if (read.data.slice.size == 0) co_return;
  const std::int8_t magic = ctx.api_version <= 1 ? 0 : 1;
  const storage::FileSlice slice = std::move(read.data.slice);
  read.data.slice = storage::FileSlice{};
  const Offset from = asked.fetch_offset;
  auto work = [&slice, magic, from] { return convert(slice, magic, from); };
  Conversion done = co_await storage::offload(ctx.blocking_pool(), std::move(work));
  if (done.error != ErrorCode::none) {
    fail(done.error);
    co_return;
  }
  result.partition->metrics().count_fetch_conversion();
  records = Records(ctx.arena().dup(done.bytes.bytes()));
}

/// Brings cold slices into the page cache before sendfile meets them.
Awaitable<void> warm(RequestContext& ctx, std::span<FetchResult> results) {
  for (FetchResult& r : results) {
    storage::FileSlice& slice = r.read.data.slice;
    if (storage::is_cached(slice)) continue;
    auto work = [&slice] { return storage::pull_in(slice); };
    const Status pulled = co_await storage::offload(ctx.blocking_pool(), std::move(work));
    if (pulled) continue;
    MOLDAU_LOG(storage, err, "reading a segment failed: {}", pulled.error().message);
    r.read = replication::PartitionReadResult{};
    r.read.error = pulled.error().code;
  }
}

FetchedState state_of(const FetchResult& result, const Records& converted) {
  FetchedState s;
  s.error = result.read.error;
  s.high_watermark = result.read.high_watermark;
  s.log_start_offset = result.read.log_start_offset;
  s.has_records = result.read.data.slice.size > 0 || !converted.empty();
  s.diverging = result.read.diverging.has_value();
  return s;
}

void fill(RequestContext& ctx, bool read_committed, bool refused, FetchResult& result, const Records& converted, FetchResponse::PartitionData& out) {
  auto& read = result.read;
  out.error_code = read.error;
  if (read.error == ErrorCode::kafka_storage_error && ctx.api_version < kFirstWithStorageErrors) out.error_code = ErrorCode::not_leader_or_follower;
  out.high_watermark = read.high_watermark;
  out.last_stable_offset = read.last_stable_offset;
  out.log_start_offset = read.log_start_offset;
  if (read.diverging) {
    out.diverging_epoch.epoch = read.diverging->epoch;
    out.diverging_epoch.end_offset = read.diverging->end_offset;
  }
  // Only what was read with READ_COMMITTED has the list, if empty; and what was refused before it was read, as the oracle's generated default.
  if ((read_committed && read.error == ErrorCode::none) || refused) {
    out.aborted_transactions.emplace();
    for (const auto& aborted : read.data.aborted) {
      auto& a = out.aborted_transactions->add(ctx.arena());
      a.producer_id = aborted.producer_id;
      a.first_offset = aborted.first_offset;
    }
  } else {
    out.aborted_transactions.reset();
  }
  if (!converted.empty()) {
    out.records = converted;
  } else if (read.data.slice.size > 0) {
    const std::uint32_t size = read.data.slice.size;
    out.records = Records::make_external(ctx.attach(std::move(read.data.slice)), size);
  }
  if (result.partition && read.error == ErrorCode::none) result.partition->metrics().count_fetched(out.records.size());
}

}  // namespace

Awaitable<FetchResponse> handle_fetch(RequestContext& ctx, const FetchRequest& req) {
  FetchResponse response;
  const FetchParams params = make_params(ctx, req);
  const bool follower = params.replica >= BrokerId(0);
  const auto image = ctx.metadata().image();
  FetchContext context = ctx.fetch_sessions().begin(req, ctx.api_version, follower, *image, ctx.arena());
  if (context.error != ErrorCode::none) {
    response.error_code = context.error;
    co_return response;
  }

  const std::size_t n = context.partitions.size();
  Array<FetchPartition> asked(ctx.arena(), n);
  boost::container::small_vector<FetchResult, 4> results(n);
  for (std::size_t i = 0; i < n; ++i) {
    const SessionPartition& p = context.partitions[i];
    FetchPartition& a = asked[i];
    a.tp = TopicPartitionView(p.topic, p.partition);
    a.id = p.id;
    a.fetch_offset = p.position.fetch_offset;
    a.log_start_offset = p.position.log_start_offset;
    a.max_bytes = p.position.max_bytes;
    a.current_leader_epoch = p.position.current_leader_epoch;
    a.last_fetched_epoch = p.position.last_fetched_epoch;
    a.refused = refuse(p, ctx.api_version, *image);
  }
  const bool any_read = std::any_of(asked.begin(), asked.end(), [](const FetchPartition& a) { return a.refused == ErrorCode::none; });
  if (any_read && !is_isolation_level(req.isolation_level)) {
    response = error_response(req, ErrorCode::unknown_server_error, ctx.arena());
    if (ctx.api_version >= kFirstWithTopicIds) response.responses.clear();
    for (auto& topic : response.responses)
      for (auto& partition : topic.partitions) partition.records = Records::make_null();
    co_return response;
  }
  const std::span<const FetchPartition> asked_span(asked.data(), n);
  const std::span<FetchResult> result_span(results.data(), n);
  co_await ctx.replicas().fetch(params, asked_span, result_span);

  Array<Records> converted(ctx.arena(), n);
  if (ctx.api_version < kFirstWithZstd) {
    for (std::size_t i = 0; i < n; ++i) co_await adapt_to_old_client(ctx, asked[i], results[i], converted[i]);
  }
  co_await warm(ctx, result_span);

  Array<FetchedState> answered(ctx.arena(), n);
  Array<bool> include(ctx.arena(), n);
  for (std::size_t i = 0; i < n; ++i) answered[i] = state_of(results[i], converted[i]);
  response.session_id =
      ctx.fetch_sessions().finish(context, std::span<const FetchedState>(answered.data(), n), std::span<bool>(include.data(), n));
  if (context.error != ErrorCode::none) {
    response.error_code = context.error;
    co_return response;
  }

  const bool by_id = ctx.api_version >= kFirstWithTopicIds;
  FetchResponse::FetchableTopicResponse* topic = nullptr;
  const auto add = [&](std::size_t i) {
    const SessionPartition& p = context.partitions[i];
    if (topic == nullptr || (by_id ? topic->topic_id != p.id : topic->topic != p.topic)) {
      topic = &response.responses.add(ctx.arena());
      topic->topic = p.topic;
      topic->topic_id = p.id;
    }
    auto& out = topic->partitions.add(ctx.arena());
    out.partition_index = p.partition;
    fill(ctx, params.read_committed && !follower, asked[i].refused != ErrorCode::none, results[i], converted[i], out);
    if (ctx.api_version >= kFirstWithLeaderHints &&
        (out.error_code == ErrorCode::not_leader_or_follower || out.error_code == ErrorCode::fenced_leader_epoch)) {
      add_leader_hint(ctx, *ctx.metadata().image(), asked[i].tp, out.current_leader, response.node_endpoints);
    }
  };
  // What was not even read comes last.
  for (std::size_t i = 0; i < n; ++i)
    if (include[i] && asked[i].refused == ErrorCode::none) add(i);
  for (std::size_t i = 0; i < n; ++i)
    if (include[i] && asked[i].refused != ErrorCode::none) add(i);
  co_return response;
}

}  // namespace moldau::server
