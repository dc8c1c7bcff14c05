// TransactionIndex (Kafka 3.9 TransactionIndex, KIP-98): the aborted transactions whose marker lies in the segment, in the order of their markers.
//
//   .txnindex   34 bytes: int16 version = 0, int64 producer id, int64 first offset, int64 last offset (the marker), int64 last stable offset
//
// The file exists only when the segment has an aborted transaction.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "storage/index/entry_file.h"
#include "storage/types/log_types.h"

namespace moldau::storage {

/// Threads as EntryFile.
class TransactionIndex {
 public:
  static constexpr std::uint32_t kEntrySize = 34;
  static constexpr const char* kSuffix = ".txnindex";

  TransactionIndex(FileCache& cache, std::shared_ptr<const DirPath> dir, Offset base)
      : base_(base), entries_(cache, std::move(dir), base.value(), kSuffix, {kEntrySize, 0}) {}

  [[nodiscard]] EntryFile& entries() noexcept { return entries_; }
  void attach(std::uint64_t file_size) {
    entries_.attach(file_size);
    exists_ = true;
  }
  [[nodiscard]] bool exists() const noexcept { return exists_; }
  /// Appends; an entry whose last offset is not above the previous one's is left out.
  Status append(const AbortedTxn& txn);
  /// Adds the aborted transactions that overlap [fetch_offset, upper_bound). True: no later segment can have another one.
  Result<bool> collect(Offset fetch_offset, Offset upper_bound, std::vector<AbortedTxn>& out, ColdRead cold = ColdRead::wait) const;
  [[nodiscard]] Result<std::vector<AbortedTxn>> all() const;
  /// Removes entries whose marker is at `offset` or later.
  Status truncate_to(Offset offset);
  Status reset();
  /// Lets go of the descriptor.
  Status close();
  [[nodiscard]] Status sanity_check(std::uint64_t file_size) const;

 private:
  Offset base_;
  EntryFile entries_;
  std::atomic<bool> exists_{false};
};

}  // namespace moldau::storage
