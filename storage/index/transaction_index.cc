#include "storage/index/transaction_index.h"

#include "protocol/base/bytes.h"
#include "storage/index/entry_format.h"

namespace moldau::storage {
Status TransactionIndex::append(const AbortedTxn& txn) {
  const auto n = entries_.count();
  std::byte entry[kEntrySize];
  if (n > 0) {
    if (auto s = entries_.read(n - 1, entry); !s) return s;
    if (decode_transaction_entry(entry).last_offset >= txn.last_offset) return {};
  }
  store_be(entry, kTransactionIndexVersion);
  store_be(entry + 2, txn.producer_id.value());
  store_be(entry + 10, txn.first_offset.value());
  store_be(entry + 18, txn.last_offset.value());
  store_be(entry + 26, txn.last_stable_offset.value());
  exists_ = true;
  return entries_.append(entry);
}

Result<bool> TransactionIndex::collect(Offset fetch_offset, Offset upper_bound, std::vector<AbortedTxn>& out, ColdRead cold) const {
  if (!exists_) return false;
  auto first = entries_.partition_point([&](const std::byte* e) { return load_be<std::int64_t>(e + 18) < fetch_offset.value(); }, cold);
  if (!first) return first.error();
  const auto n = entries_.count();
  for (auto i = *first; i < n; ++i) {
    std::byte entry[kEntrySize];
    if (auto s = entries_.read(i, entry, cold); !s) return s.error();
    const auto txn = decode_transaction_entry(entry);
    if (txn.first_offset < upper_bound) out.push_back(txn);
    if (txn.last_stable_offset >= upper_bound) return true;
  }
  return false;
}

Result<std::vector<AbortedTxn>> TransactionIndex::all() const {
  std::vector<AbortedTxn> txns;
  const auto n = exists_ ? entries_.count() : 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::byte entry[kEntrySize];
    if (auto s = entries_.read(i, entry); !s) return s.error();
    txns.push_back(decode_transaction_entry(entry));
  }
  return txns;
}

Status TransactionIndex::truncate_to(Offset offset) {
  if (!exists_) return {};
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::int64_t>(e + 18) < offset.value(); });
  if (!n) return n.error();
  if (*n == entries_.count()) return {};
  if (*n == 0) return reset();
  if (auto s = entries_.truncate_entries(*n); !s) return s;
  return entries_.trim();
}

Status TransactionIndex::reset() {
  if (auto s = entries_.truncate_entries(0); !s) return s;
  if (exists_.exchange(false)) return entries_.file().remove();
  return {};
}

Status TransactionIndex::close() {
  if (!exists_) return {};
  auto s = entries_.write_pending();
  entries_.file().close();
  return s;
}

Status TransactionIndex::sanity_check(std::uint64_t file_size) const {
  const auto corrupt = [&](const std::string& why) { return Error(ErrorCode::corrupt_message, entries_.file().path() + ": " + why); };
  if (file_size % kEntrySize != 0) return corrupt("its size " + std::to_string(file_size) + " is not a multiple of 34");
  const auto n = entries_.count();
  std::byte entry[kEntrySize];
  Offset previous = kNoOffset;
  for (std::size_t i = 0; i < n; ++i) {
    if (auto s = entries_.read(i, entry); !s) return s;
    const auto txn = decode_transaction_entry(entry);
    if (load_be<std::int16_t>(entry) > kTransactionIndexVersion) return corrupt("entry " + std::to_string(i) + " has an unknown version");
    if (txn.last_offset < base_ || txn.last_offset <= previous || txn.first_offset >= txn.last_offset)  // a transaction has a record before its marker
      return corrupt("entry " + std::to_string(i) + " is out of order");
    previous = txn.last_offset;
  }
  return {};
}

}  // namespace moldau::storage
