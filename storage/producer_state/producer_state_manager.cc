#include "storage/producer_state/producer_state_manager.h"

#include <fmt/format.h>

#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::storage {

ProducerAppendInfo::ProducerAppendInfo(TopicPartitionView partition, ProducerId id, const ProducerStateEntry* current, AppendOrigin origin)
    : partition_(partition), origin_(origin) {
  updated_.id = id;
  if (current == nullptr) return;
  current_epoch_ = current->epoch;
  current_last_sequence_ = current->last_sequence();
  updated_.epoch = current->epoch;
  updated_.coordinator_epoch = current->coordinator_epoch;
  updated_.last_timestamp = current->last_timestamp;
  updated_.current_txn_first_offset = current->current_txn_first_offset;
}

std::string ProducerAppendInfo::partition_text() const { return to_string(partition_); }

Status ProducerAppendInfo::check_epoch(ProducerEpoch epoch, Offset offset) const {
  if (epoch >= updated_.epoch) return {};
  auto message = fmt::format("Epoch of producer {} at offset {} in {} is {}, which is smaller than the last seen epoch {}", updated_.id, offset,
                             partition_text(), epoch, updated_.epoch);
  if (origin_ == AppendOrigin::replication) {
    MOLDAU_LOG(storage, warn, "{}", message);
    return {};
  }
  return Error(ErrorCode::invalid_producer_epoch, std::move(message));
}

Status ProducerAppendInfo::check_sequence(ProducerEpoch epoch, std::int32_t first_sequence, Offset offset) const {
  if (epoch != updated_.epoch) {
    if (first_sequence == 0 || updated_.epoch == kNoProducerEpoch) return {};
    return Error(ErrorCode::out_of_order_sequence_number,
                 fmt::format("Invalid sequence number for new epoch of producer {} at offset {} in partition {}: {} (request epoch), {} (seq. number), "
                             "{} (current producer epoch)",
                             updated_.id, offset, partition_text(), epoch, first_sequence, updated_.epoch));
  }
  std::int32_t last = protocol::kNoSequence;
  if (!updated_.batches.empty()) {
    last = updated_.last_sequence();
  } else if (epoch == current_epoch_) {
    last = current_last_sequence_;
  }
  // Without a current epoch (its records may be deleted) any sequence is taken.
  if (current_epoch_ == kNoProducerEpoch || first_sequence == std::int64_t{last} + 1 || (first_sequence == 0 && last == INT32_MAX)) return {};
  return Error(ErrorCode::out_of_order_sequence_number,
               fmt::format("Out of order sequence number for producer {} at offset {} in partition {}: {} (incoming seq. number), {} (current end sequence number)",
                           updated_.id, offset, partition_text(), first_sequence, last));
}

Status ProducerAppendInfo::append_data(const protocol::RecordBatchView& batch, Offset first_offset) {
  const auto epoch = batch.producer_epoch();
  if (auto s = check_epoch(epoch, first_offset); !s) return s;
  if (origin_ == AppendOrigin::client) {
    if (auto s = check_sequence(epoch, batch.base_sequence(), first_offset); !s) return s;
  }
  const bool in_transaction = updated_.current_txn_first_offset.has_value();
  if (in_transaction && !batch.is_transactional())
    return Error(ErrorCode::invalid_txn_state, fmt::format("Expected transactional write from producer {} at offset {} in partition {}", updated_.id, first_offset, partition_text()));
  BatchMetadata added;
  added.last_sequence = batch.last_sequence();
  added.offset_delta = batch.last_offset_delta();
  added.last_offset = first_offset + batch.last_offset_delta();
  added.timestamp = batch.max_timestamp();
  updated_.add_batch(epoch, added);
  if (!in_transaction && batch.is_transactional()) {
    updated_.current_txn_first_offset = first_offset;
    started_.push_back(first_offset);
  }
  return {};
}

Result<std::optional<CompletedTxn>> ProducerAppendInfo::append_marker(const protocol::EndTransactionMarker& marker, ProducerEpoch epoch, Offset offset,
                                                                      std::int64_t timestamp) {
  if (auto s = check_epoch(epoch, offset); !s) return s.error();
  if (updated_.coordinator_epoch > marker.coordinator_epoch) {
    auto message = fmt::format("Invalid coordinator epoch for producerId {} at offset {} in partition {}: {} (zombie), {} (current)", updated_.id, offset,
                               partition_text(), marker.coordinator_epoch, updated_.coordinator_epoch);
    if (origin_ != AppendOrigin::replication) return Error(ErrorCode::transaction_coordinator_fenced, std::move(message));
    MOLDAU_LOG(storage, info, "{}", message);
  }
  // A marker without data before it has no effect on the last stable offset and no place in the transaction index.
  std::optional<CompletedTxn> completed;
  if (updated_.current_txn_first_offset)
    completed = CompletedTxn{updated_.id, *updated_.current_txn_first_offset, offset, marker.type == protocol::ControlRecordType::abort};
  updated_.set_epoch(epoch);
  updated_.current_txn_first_offset.reset();
  updated_.coordinator_epoch = marker.coordinator_epoch;
  updated_.last_timestamp = timestamp;
  return completed;
}

const ProducerStateEntry* ProducerStateManager::find(ProducerId id) const {
  const auto it = producers_.find(id);
  return it == producers_.end() ? nullptr : &it->second;
}

std::vector<ActiveProducer> ProducerStateManager::active() const {
  std::vector<ActiveProducer> list;
  list.reserve(producers_.size());
  for (const auto& [id, e] : producers_)
    list.push_back(ActiveProducer{id, e.epoch, e.last_sequence(), e.last_timestamp, e.coordinator_epoch, e.current_txn_first_offset.value_or(kNoOffset)});
  return list;
}

void ProducerStateManager::update(const ProducerAppendInfo& info) {
  const auto& next = info.updated();
  auto& entry = producers_[next.id];
  entry.id = next.id;
  entry.set_epoch(next.epoch);
  for (std::size_t i = 0; i < next.batches.size(); ++i) entry.batches.push(next.batches[i]);
  entry.coordinator_epoch = next.coordinator_epoch;
  entry.current_txn_first_offset = next.current_txn_first_offset;
  entry.last_timestamp = next.last_timestamp;
  for (const auto first : info.started()) ongoing_[first] = Txn{next.id};
}

bool ProducerStateManager::complete(const CompletedTxn& txn) {
  const auto it = ongoing_.find(txn.first_offset);
  if (it == ongoing_.end()) return false;
  ongoing_.erase(it);
  unreplicated_[txn.first_offset] = Txn{txn.producer_id, txn.last_offset};
  return true;
}

Offset ProducerStateManager::last_stable_offset(const CompletedTxn& txn) const {
  for (const auto& [first, open] : ongoing_)
    if (open.producer_id != txn.producer_id) return first;
  return txn.last_offset + 1;
}

std::optional<Offset> ProducerStateManager::first_unstable_offset() const {
  std::optional<Offset> first;
  if (!ongoing_.empty()) first = ongoing_.begin()->first;
  if (!unreplicated_.empty() && (!first || unreplicated_.begin()->first < *first)) first = unreplicated_.begin()->first;
  return first;
}

void ProducerStateManager::drop_unreplicated_below(Offset offset) {
  for (auto it = unreplicated_.begin(); it != unreplicated_.end();) it = it->second.last_offset < offset ? unreplicated_.erase(it) : std::next(it);
}

void ProducerStateManager::on_high_watermark(Offset high_watermark) {
  if (!unreplicated_.empty()) drop_unreplicated_below(high_watermark);
}

void ProducerStateManager::on_log_start(Offset log_start) {
  drop_unreplicated_below(log_start);
  if (map_end_ < log_start) map_end_ = log_start;
}

void ProducerStateManager::clear() {
  producers_.clear();
  ongoing_.clear();
  unreplicated_.clear();
}

bool ProducerStateManager::expired(const ProducerStateEntry& entry, std::int64_t now_ms) const {
  return !entry.current_txn_first_offset && now_ms - entry.last_timestamp >= expiration_ms_;
}

void ProducerStateManager::load(const std::vector<ProducerStateEntry>& entries, std::int64_t now_ms) {
  for (const auto& entry : entries) {
    if (expired(entry, now_ms)) continue;
    producers_[entry.id] = entry;
    if (entry.current_txn_first_offset) ongoing_[*entry.current_txn_first_offset] = Txn{entry.id};
  }
}

std::size_t ProducerStateManager::expire(std::int64_t now_ms) {
  return std::erase_if(producers_, [&](const auto& p) { return expired(p.second, now_ms); });
}

std::vector<ProducerStateEntry> ProducerStateManager::entries() const {
  std::vector<ProducerStateEntry> list;
  list.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) list.push_back(entry);
  return list;
}

}  // namespace moldau::storage
