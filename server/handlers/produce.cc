// Produce (key 0, v0-13): appends batches to partitions. v3 batches of magic 2 (KIP-98); v8 record errors (KIP-467); v10 leader hints (KIP-951); v13 topic ids
// (KIP-516). Kafka 3.9 KafkaApis.handleProduceRequest.
//
// Two phases: after the append the connection may take its next Produce, while this one waits for replication. With acks=0 the order is never released: an error
// closes the connection, and nothing behind it may be appended.
#include <boost/container/flat_set.hpp>
#include <boost/container/small_vector.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/messages/produce.h"
#include "protocol/records/record_batch.h"
#include "server/handlers/handlers.h"
#include "server/handlers/leader_hint.h"
#include "storage/log/log_validator.h"

namespace moldau::server {
namespace {

using protocol::ProduceRequest;
using protocol::ProduceResponse;
using replication::PartitionAppendResult;
using replication::PartitionRecords;

constexpr std::int16_t kFirstWithTopicIds = 13;
constexpr std::int16_t kFirstWithLeaderHints = 10;
constexpr std::int16_t kFirstWithAbortableTransactions = 11;
constexpr std::int32_t kSmallestBatch = 14;  // a record of magic 0 without key and value
constexpr std::string_view kAdminClient = "__admin_client";
constexpr std::string_view kNoTransactions = "transactions are not supported yet";

/// True when the first batch is transactional (only magic 2 can be; a request holds one batch a partition then).
bool is_transactional(Bytes records) {
  return records.size() >= protocol::kBatchHeaderSize && static_cast<std::int8_t>(records[protocol::batch_field::magic]) == 2 &&
         protocol::RecordBatchView(records).is_transactional();
}

/// What is wrong with the head of the first batch, if anything (Kafka 3.9 ByteBufferLogInputStream.nextBatchSize).
std::string fault_of_head(Bytes records) {
  if (records.size() < protocol::kLogOverhead) return {};
  const auto size = load_be<std::int32_t>(records.data() + protocol::batch_field::length);
  if (size < kSmallestBatch) return fmt::format("Record size {} is less than the minimum record overhead ({})", size, kSmallestBatch);
  if (records.size() <= protocol::batch_field::magic) return {};
  const auto magic = static_cast<std::int8_t>(records[protocol::batch_field::magic]);
  return magic >= 0 && magic <= 2 ? std::string() : fmt::format("Invalid magic found in record: {}", magic);
}

/// What the first batches of the partitions say of the request. Kafka 3.9 looks for a transactional one before anything else, and stumbles over a broken head.
struct FirstBatches {
  bool transactional = false;
  std::string fault;
};

FirstBatches first_batches(const ProduceRequest& req) {
  FirstBatches out;
  for (const auto& topic : req.topic_data)
    for (const auto& partition : topic.partition_data) {
      const Bytes records = partition.records.bytes;
      out.fault = fault_of_head(records);
      out.transactional = out.fault.empty() && is_transactional(records);
      if (out.transactional || !out.fault.empty()) return out;
    }
  return out;
}

/// The checks that need no partition; none, or why it is refused.
ErrorCode check_records(RequestContext& ctx, Bytes records, PartitionAppendResult& result) {
  if (const auto valid = storage::validate_produce_records(ctx.api_version, records); !valid) {
    MOLDAU_LOG(request, debug, "produce of '{}' refused: {}", log_text(ctx.client_id), valid.error().message);
    return valid.error().code;
  }
  if (is_transactional(records)) {
    result.message = kNoTransactions;
    return ctx.api_version >= kFirstWithAbortableTransactions ? ErrorCode::transaction_abortable : ErrorCode::invalid_txn_state;
  }
  return ErrorCode::none;
}

/// A partition that the request names more than once has the records of its last mention and one answer, where its first mention stands (Kafka 3.9 keeps a map).
/// DIFFERS: when one of the mentions is refused nothing is appended; Apache Kafka appends the last good one and answers with the refusal.
class Repeats {
 public:
  Repeats(std::span<PartitionRecords> records, std::span<PartitionAppendResult> results) {
    if (records.size() < 2) return;
    boost::container::small_vector<std::size_t, 16> order(records.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto name = [&](std::size_t i) { return std::pair(records[i].tp.topic, records[i].tp.partition); };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::pair(name(a), a) < std::pair(name(b), b); });
    for (std::size_t at = 1, first = order[0]; at < order.size(); ++at) {
      const auto again = order[at];
      if (name(again) != name(first)) {
        first = again;
        continue;
      }
      records[first].records = records[again].records;
      if (results[again].error != ErrorCode::none) results[first] = results[again];
      records[again].records = {};
      results[again].error = ErrorCode::invalid_request;  // not appended, nor answered
      later_.insert(again);
    }
  }
  [[nodiscard]] bool contains(std::size_t i) const { return later_.contains(i); }

 private:
  boost::container::flat_set<std::size_t> later_;
};

/// Errors after which the answer carries the partition's log start, as Kafka 3.9 ReplicaManager.appendToLocalLog has it.
bool tells_log_start(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::corrupt_message:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::invalid_topic_exception:
      return false;
    default:
      return true;
  }
}

void fill_error(RequestContext& ctx, const PartitionAppendResult& result, ProduceResponse::PartitionProduceResponse& out) {
  out.base_offset = kNoOffset;
  if (result.partition && tells_log_start(result.error)) {
    if (const auto log = result.partition->log()) out.log_start_offset = log->log_start_offset();
  }
  for (const auto& error : result.record_errors) {
    auto& e = out.record_errors.add(ctx.arena());
    e.batch_index = error.batch_index;
    e.batch_index_error_message = ctx.arena().dup(error.message);
  }
  // The oracle words an error only where single records caused it.
  if (!result.record_errors.empty() || result.message == kNoTransactions) out.error_message = ctx.arena().dup(result.message);
}

}  // namespace

Awaitable<ProduceResponse> handle_produce(RequestContext& ctx, const ProduceRequest& req) {
  ProduceResponse response;
  if (req.acks == 0) ctx.suppress_response();
  const bool bad_acks = req.acks < -1 || req.acks > 1;
  const auto batches = first_batches(req);
  if (!batches.fault.empty()) {
    if (req.acks == 0) ctx.close_connection();
    co_return error_response(req, ErrorCode::corrupt_message, ctx.arena(), ctx.arena().dup(batches.fault));
  }
  // Without a transactional id there is no right to write transactional records.
  if (!req.transactional_id && batches.transactional) {
    if (req.acks == 0) ctx.close_connection();
    co_return error_response(req, ErrorCode::transactional_id_authorization_failed, ctx.arena());
  }

  const auto image = ctx.metadata().image();
  boost::container::small_vector<PartitionRecords, 4> records;
  boost::container::small_vector<PartitionAppendResult, 4> results;
  for (const auto& topic : req.topic_data) {
    std::string_view name = topic.name;
    const auto* known = ctx.api_version >= kFirstWithTopicIds ? image->topic(topic.topic_id) : image->topic(topic.name);
    if (known != nullptr) name = known->name();
    for (const auto& partition : topic.partition_data) {
      PartitionRecords in;
      in.tp = TopicPartitionView(name, partition.index);
      if (ctx.api_version >= kFirstWithTopicIds) in.id = topic.topic_id;
      in.records = partition.records.bytes;
      PartitionAppendResult result;
      if (known == nullptr) {
        result.error = ctx.api_version >= kFirstWithTopicIds ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      } else if (known->partition(partition.index) == nullptr) {
        result.error = ErrorCode::unknown_topic_or_partition;
      } else if (result.error = check_records(ctx, in.records, result); result.error == ErrorCode::none && bad_acks) {
        result.error = ErrorCode::invalid_required_acks;
      }
      records.push_back(in);
      results.push_back(std::move(result));
    }
  }

  replication::AppendOptions options;
  options.acks = req.acks;
  options.timeout = Millis(req.timeout_ms);
  options.internal_topics_allowed = ctx.client_id == kAdminClient;
  options.produce_version = ctx.api_version;
  const std::span<const PartitionRecords> in(records.data(), records.size());
  const std::span<PartitionAppendResult> out(results.data(), results.size());
  const Repeats repeats(std::span(records.data(), records.size()), out);
  co_await ctx.replicas().append_records(options, in, out);

  if (req.acks == 0) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      const PartitionAppendResult& result = results[i];
      if (result.error == ErrorCode::none || repeats.contains(i)) continue;
      MOLDAU_LOG(request, info, "closing the connection of '{}': a produce with acks=0 failed: {} {}", log_text(ctx.client_id), to_string(result.error),
                 result.message);
      ctx.close_connection();
      break;
    }
    co_return response;
  }
  ctx.release_order();
  if (replication::ReplicaManager::needs_replication(options, out)) co_await ctx.replicas().wait_replicated(options, out);

  std::size_t next = 0;
  response.responses.reserve(ctx.arena(), req.topic_data.size());
  for (const auto& topic : req.topic_data) {
    ProduceResponse::TopicProduceResponse* topic_out = nullptr;
    for (const auto& partition : topic.partition_data) {
      const std::size_t at = next++;
      if (repeats.contains(at)) continue;
      if (topic_out == nullptr) {
        topic_out = &response.responses.add(ctx.arena());
        topic_out->name = topic.name;
        topic_out->topic_id = topic.topic_id;
        topic_out->partition_responses.reserve(ctx.arena(), topic.partition_data.size());
      }
      const TopicPartitionView tp = records[at].tp;
      const PartitionAppendResult& result = results[at];
      auto& p = topic_out->partition_responses.add(ctx.arena());
      p.index = partition.index;
      p.error_code = result.error;
      // After REQUEST_TIMED_OUT or NOT_ENOUGH_REPLICAS_AFTER_APPEND the records are there: their offsets are told.
      if (result.error == ErrorCode::none || result.info.last_offset >= Offset(0)) {
        p.base_offset = result.info.first_offset;
        p.log_append_time_ms = result.info.log_append_time;
        p.log_start_offset = result.info.log_start_offset;
        continue;
      }
      fill_error(ctx, result, p);
      if (result.error == ErrorCode::not_leader_or_follower && ctx.api_version >= kFirstWithLeaderHints) {
        add_leader_hint(ctx, *ctx.metadata().image(), tp, p.current_leader, response.node_endpoints);
      }
    }
  }
  co_return response;
}

}  // namespace moldau::server
