#include "storage/cleaner/cleaned_transactions.h"

#include "protocol/records/control_record.h"

namespace moldau::storage {

void CleanedTransactions::add_aborted(const std::vector<AbortedTxn>& transactions) {
  for (const auto& txn : transactions) aborted_.push(txn);
}

void CleanedTransactions::begin_up_to(Offset offset) {
  for (; !aborted_.empty() && aborted_.top().first_offset <= offset; aborted_.pop()) ongoing_aborted_.try_emplace(aborted_.top().producer_id, Ongoing{aborted_.top()});
}

bool CleanedTransactions::on_data_batch(const protocol::AnyBatch& batch) {
  begin_up_to(batch.last_offset());
  if (!batch.is_transactional()) return false;
  if (const auto it = ongoing_aborted_.find(batch.producer_id()); it != ongoing_aborted_.end()) {
    it->second.batch_seen = true;
    return true;
  }
  ongoing_committed_.insert(batch.producer_id());
  return false;
}

Result<bool> CleanedTransactions::on_control_batch(const protocol::AnyBatch& batch) {
  begin_up_to(batch.last_offset());
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return records.error();
  protocol::RecordView record;
  if (!records->next(record)) {
    if (records->failed()) return records->error();
    return true;  // a pass before this one emptied it
  }
  auto type = protocol::parse_control_record_type(record);
  if (!type) return type.error();
  switch (*type) {
    case protocol::ControlRecordType::abort: {
      const auto it = ongoing_aborted_.find(batch.producer_id());
      if (it == ongoing_aborted_.end()) return true;
      const auto ended = it->second;
      ongoing_aborted_.erase(it);
      if (!ended.batch_seen) return true;
      retained_.push_back(ended.transaction);
      return false;
    }
    case protocol::ControlRecordType::commit: return ongoing_committed_.erase(batch.producer_id()) == 0;
    default: return false;
  }
}

}  // namespace moldau::storage
