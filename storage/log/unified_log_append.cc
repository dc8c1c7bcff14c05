// Appends of UnifiedLog: validate, one after the other assign offsets, check producers, roll, write, publish.
#include <algorithm>
#include <limits>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/records/control_record.h"
#include "storage/io/offload.h"
#include "storage/log/log_validator.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {
namespace {

constexpr std::chrono::microseconds kInlineBudget{1000};

/// What a control batch ends: its marker and the marker's timestamp. Nothing for an empty batch.
Result<std::optional<std::pair<protocol::EndTransactionMarker, std::int64_t>>> marker_of(const protocol::AnyBatch& batch) {
  using Marker = std::optional<std::pair<protocol::EndTransactionMarker, std::int64_t>>;
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return records.error();
  protocol::RecordView record;
  if (!records->next(record)) return records->failed() ? Result<Marker>(records->error()) : Result<Marker>(Marker());
  auto marker = protocol::parse_end_transaction_marker(record);
  if (!marker) return marker.error();
  return Marker(std::pair(*marker, record.timestamp));
}

AppendError append_error(const Error& e) {
  AppendError error;
  error.code = e.code;
  error.message = e.message;
  return error;
}

}  // namespace

std::optional<AppendError> UnifiedLog::refusal() const {
  if (!env_.dir->online()) return append_error(env_.dir->offline_error());
  if (closed_) return append_error(closed_error());
  return std::nullopt;
}

Error UnifiedLog::closed_error() const { return storage_error("The log of " + to_string(TopicPartitionView(tp_)) + " is closed"); }

AppendError UnifiedLog::failed(const Error& error) const {
  report(error);
  return append_error(error);
}

bool UnifiedLog::flush_due(const config::LogConfig& config) const {
  return log_end_seen_.load(std::memory_order_relaxed) - recovery_point_seen_.load(std::memory_order_relaxed) >= config.flush_messages;
}

Awaitable<void> UnifiedLog::make_ready() {
  const auto active = segments()->active();
  auto work = [this, &active] {
    auto s = topic_id_dirty_ ? write_topic_id(false) : Status();
    if (s && cold_tail_) s = active->warm_up();
    return s;
  };
  (void)co_await offload(env_.jobs->executor(), std::move(work));  // the append meets a bad disk itself
  cold_tail_ = false;
}

Awaitable<AppendResult<LogAppendInfo>> UnifiedLog::append_as_leader(LeaderAppend append) {
  if (auto refused = refusal()) co_return *refused;
  const auto config = this->config();
  if (append.origin == AppendOrigin::client) {
    if (auto s = validate_produce_records(append.produce_version, append.records); !s) co_return append_error(s.error());
  }
  // The caller owns writable memory (see LeaderAppend).
  const MutableBytes bytes(const_cast<std::byte*>(append.records.data()), append.records.size());
  PrepareOptions options;
  options.origin = append.origin;
  options.partition = tp_;
  std::optional<AppendResult<PreparedBatch>> prepared;
  if (estimate_cost(append.records, *config) <= kInlineBudget) {
    // How much comes out of a compressed batch is known only then: beyond the budget it starts anew on the pool.
    options.max_decompressed = content_within(kInlineBudget, append.records, *config);
    prepared.emplace(prepare_append(bytes, *config, env_.clock.wall_ms(), options));
    if (!*prepared && prepared->error().code == ErrorCode::message_too_large) prepared.reset();
  }
  if (!prepared) {
    options.max_decompressed = std::numeric_limits<std::size_t>::max();
    auto work = [&] { return prepare_append(bytes, *config, env_.clock.wall_ms(), options); };
    prepared.emplace(co_await offload(env_.jobs->executor(), work));
  }
  if (!*prepared) co_return prepared->error();
  if ((*prepared)->empty()) {
    LogAppendInfo nothing;
    nothing.log_start_offset = log_start_offset();
    co_return nothing;
  }

  if (needs_pool_first()) [[unlikely]] co_await make_ready();
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (auto refused = refusal()) co_return *refused;
  auto result = append_prepared(**prepared, append, *config);
  guard.release();
  if (!result) co_return result;
  if (flush_due(*config)) {
    if (append.defer_flush && config->flush_messages == 1) {
      result->durable = durable_offset() > result->last_offset;
      if (!result->durable) start_flush();
      co_return result;
    }
    auto flushed = co_await flush(result->last_offset + 1);
    if (!flushed) co_return append_error(flushed.error());
  }
  co_return result;
}

AppendResult<LogAppendInfo> UnifiedLog::append_prepared(PreparedBatch& prepared, const LeaderAppend& append, const config::LogConfig& config) {
  const auto base = log_end_offset();
  assign_offsets(prepared, base, append.leader_epoch, env_.clock.wall_ms());
  const auto batch = prepared.batch();
  LogAppendInfo info;
  info.first_offset = base;
  info.last_offset = batch.last_offset();
  info.max_timestamp = prepared.max_timestamp();
  info.log_append_time = prepared.log_append_time();
  info.log_start_offset = log_start_offset();
  info.valid_bytes = static_cast<std::int64_t>(prepared.bytes().size());
  info.records = batch.record_count();

  std::optional<ProducerAppendInfo> producer;
  std::vector<CompletedTxn> completed;
  if (batch.has_producer_id()) {
    std::optional<std::pair<protocol::EndTransactionMarker, std::int64_t>> marker;
    if (batch.is_control_batch()) {
      auto read = marker_of(protocol::AnyBatch(prepared.bytes()));
      if (!read) return append_error(read.error());
      marker = *read;
    }
    const std::lock_guard lock(mutex_);
    const auto* known = producers_.find(batch.producer_id());
    if (append.origin == AppendOrigin::client && known != nullptr) {
      if (const auto* original = known->find_duplicate(batch.producer_epoch(), batch.base_sequence(), batch.last_sequence())) {
        info.duplicate = true;
        info.first_offset = original->first_offset();
        info.last_offset = original->last_offset;
        info.log_append_time = original->timestamp;  // Kafka 3.9 UnifiedLog.append does so for CreateTime topics too
        return info;
      }
    }
    producer.emplace(TopicPartitionView(tp_), batch.producer_id(), known, append.origin);
    if (marker) {
      auto ended = producer->append_marker(marker->first, batch.producer_epoch(), base, marker->second);
      if (!ended) return append_error(ended.error());
      if (*ended) completed.push_back(**ended);
    } else if (!batch.is_control_batch()) {
      if (auto s = producer->append_data(batch, base); !s) return append_error(s.error());
    }
  }

  if (!env_.dir->space().admit(info.valid_bytes, append.origin == AppendOrigin::coordinator)) return append_error(env_.dir->space().full_error());
  const LogSegment::Append write{prepared.bytes(), info.last_offset, prepared.max_timestamp(), info.last_offset};
  const auto rolled = maybe_roll(write, base, config);
  if (!rolled) return failed(rolled.error());
  info.rolled = *rolled;
  if (append.leader_epoch >= LeaderEpoch(0) && !epochs_.is_latest(append.leader_epoch)) assign_epoch_start(append.leader_epoch, base);
  if (auto s = write_batches(write, config); !s) return failed(s.error());
  if (producer) {
    const std::lock_guard lock(mutex_);
    producers_.update(*producer);
  }
  if (!completed.empty()) {
    if (auto s = write_txn_index(completed); !s) return failed(s.error());
  }
  publish(info.last_offset + 1, prepared.bytes(), segments_->active()->size() - prepared.bytes().size(), segments_->active());
  return info;
}

Awaitable<AppendResult<LogAppendInfo>> UnifiedLog::append_as_follower(Bytes records, LeaderEpoch leader_epoch) {
  if (auto refused = refusal()) co_return *refused;
  const auto config = this->config();
  if (needs_pool_first()) [[unlikely]] co_await make_ready();
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (auto refused = refusal()) co_return *refused;
  auto result = append_replicated(records, leader_epoch, *config);
  guard.release();
  if (!result) co_return result;
  if (flush_due(*config)) {
    auto flushed = co_await flush(result->last_offset + 1);
    if (!flushed) co_return append_error(flushed.error());
  }
  co_return result;
}

AppendResult<LogAppendInfo> UnifiedLog::append_replicated(Bytes records, LeaderEpoch leader_epoch, const config::LogConfig& config) {
  AnalyzeOptions options;
  options.origin = AppendOrigin::replication;
  options.max_message_bytes = config.max_message_bytes;
  options.ignore_record_size = true;
  options.leader_epoch = leader_epoch;
  options.partition = tp_;
  auto analysis = analyze_records(records, options);
  if (!analysis) return append_error(analysis.error());
  LogAppendInfo info;
  info.log_start_offset = log_start_offset();
  if (analysis->valid_bytes == 0) return info;
  records = records.first(analysis->valid_bytes);
  const auto first = analysis->first_or_last_offset_of_first_batch();
  if (!analysis->offsets_monotonic)
    return append_error(Error(ErrorCode::unknown_server_error, fmt::format("Out of order offsets found in append to {}", tp_)));
  auto end = log_end_offset();
  if (first < end) {
    // An empty log may have been started too high: it begins anew where the leader's data begins (Kafka 3.9 Partition.appendRecordsToFollowerOrFutureReplica).
    if (log_start_offset() == end && analysis->last_offset >= end) {
      MOLDAU_LOG(storage, info, "The first batch for the empty log of {} begins at {}, below its end {}; the log starts there", tp_, first, end);
      if (auto s = do_truncate_fully(first); !s) return failed(s.error());
      info.log_start_offset = log_start_offset();
    } else {
      return append_error(Error(ErrorCode::unknown_server_error,
                                fmt::format("Unexpected offset in append to {}: first offset {} is less than the next offset {}", tp_, first, end)));
    }
  }
  info.first_offset = first;
  info.last_offset = analysis->last_offset;
  info.valid_bytes = static_cast<std::int64_t>(records.size());

  std::map<ProducerId, ProducerAppendInfo> producers;
  std::vector<CompletedTxn> completed;
  std::int64_t max_timestamp = -1;
  Offset offset_of_max = analysis->last_offset;
  for (const auto& batch : protocol::BatchRange(records)) {
    if (batch.max_timestamp() > max_timestamp) {
      max_timestamp = batch.max_timestamp();
      offset_of_max = batch.last_offset();
    }
    info.records += batch.count().value_or(0);
    if (!batch.has_producer_id()) continue;
    const auto v2 = batch.v2();
    std::optional<std::pair<protocol::EndTransactionMarker, std::int64_t>> marker;
    if (v2.is_control_batch()) {
      auto read = marker_of(batch);
      if (!read) return append_error(read.error());
      if (!*read) continue;
      marker = *read;
    }
    auto it = producers.find(v2.producer_id());
    if (it == producers.end()) {
      const std::lock_guard lock(mutex_);
      it = producers.try_emplace(v2.producer_id(), TopicPartitionView(tp_), v2.producer_id(), producers_.find(v2.producer_id()), AppendOrigin::replication).first;
    }
    if (marker) {
      auto ended = it->second.append_marker(marker->first, v2.producer_epoch(), v2.base_offset(), marker->second);
      if (!ended) return append_error(ended.error());
      if (*ended) completed.push_back(**ended);
    } else if (auto s = it->second.append_data(v2, v2.base_offset()); !s) {
      return append_error(s.error());
    }
  }
  info.max_timestamp = max_timestamp;

  if (!env_.dir->space().admit(info.valid_bytes, false)) return append_error(env_.dir->space().full_error());
  const LogSegment::Append write{records, info.last_offset, max_timestamp, offset_of_max};
  const auto rolled = maybe_roll(write, first, config);
  if (!rolled) return failed(rolled.error());
  info.rolled = *rolled;
  for (const auto& batch : protocol::BatchRange(records)) {
    const auto epoch = batch.partition_leader_epoch();
    if (batch.is_v2() && epoch >= LeaderEpoch(0) && !epochs_.is_latest(epoch)) assign_epoch_start(epoch, batch.v2().base_offset());
  }
  if (auto s = write_batches(write, config); !s) return failed(s.error());
  if (!producers.empty()) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, producer] : producers) producers_.update(producer);
  }
  if (!completed.empty()) {
    if (auto s = write_txn_index(completed); !s) return failed(s.error());
  }
  publish(info.last_offset + 1, records, segments_->active()->size() - records.size(), segments_->active());
  return info;
}

Status UnifiedLog::write_batches(const LogSegment::Append& append, const config::LogConfig& config) {
  if (topic_id_dirty_.load(std::memory_order_acquire)) [[unlikely]] {
    // The topic id stands on the disk before the first record does. It is here only when it was assigned since make_ready().
    if (auto s = write_topic_id(false); !s) return s;
  }
  const auto& active = segments_->active();  // changes only under append_lock_
  if (active->size() == 0) dir_dirty_ = true;
  return active->append(append, config);
}

Status UnifiedLog::write_txn_index(const std::vector<CompletedTxn>& completed) {
  for (const auto& txn : completed) {
    Offset stable;
    {
      const std::lock_guard lock(mutex_);
      stable = producers_.last_stable_offset(txn);
    }
    if (txn.aborted) {
      if (!segments_->active()->txn_index().exists()) dir_dirty_ = true;
      if (auto s = segments_->active()->txn_index().append(AbortedTxn{txn.producer_id, txn.first_offset, txn.last_offset, stable}); !s) return s;
    }
    const std::lock_guard lock(mutex_);
    if (!producers_.complete(txn))
      MOLDAU_LOG(storage, warn, "{}: the marker at {} ends a transaction that began at {}, which is not known", tp_, txn.last_offset, txn.first_offset);
  }
  return {};
}

void UnifiedLog::RecentRing::note_write(std::uint64_t position, SteadyTime now) {
  if (marks[1].position != UINT64_MAX && now - marks[1].at < kFresh / 2) return;
  marks[0] = marks[1];
  marks[1] = {position, now};
}

void UnifiedLog::publish(Offset log_end, Bytes appended, std::uint64_t position, const std::shared_ptr<LogSegment>& segment) {
  const std::lock_guard lock(mutex_);
  if (!recent_) recent_ = std::make_unique<RecentRing>();
  auto& ring = *recent_;
  ring.note_write(position, env_.clock.steady());
  std::size_t at = 0;
  for (const auto& batch : protocol::BatchRange(appended)) {
    const auto size = batch.size_in_bytes();
    if (batch.is_v2()) {
      ring.entries[ring.next] = Recent{batch.raw_offset(), batch.last_offset(), position + at, static_cast<std::uint32_t>(size)};
      ring.next = (ring.next + 1) % RecentRing::kSize;
      ring.count = std::min(ring.count + 1, RecentRing::kSize);
    }
    at += size;
  }
  log_end_ = log_end;
  end_position_ = segment->size();
  segment->publish_max_timestamp();
  producers_.set_map_end(log_end);
  refresh_seen();
}

}  // namespace moldau::storage
