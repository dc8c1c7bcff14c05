// OffsetIndex (Kafka 3.9 OffsetIndex): from offsets to positions in the log file, sparse.
//
//   .index   int32 relative offset (the last offset of the batch), int32 position of the batch in the .log
#pragma once

#include <optional>

#include "protocol/base/ids.h"
#include "storage/index/entry_file.h"

namespace moldau::storage {

struct OffsetPosition {
  Offset offset;
  std::uint32_t position = 0;
};

/// Threads as EntryFile.
class OffsetIndex {
 public:
  static constexpr std::uint32_t kEntrySize = 8;
  static constexpr const char* kSuffix = ".index";

  OffsetIndex(FileCache& cache, std::shared_ptr<const DirPath> dir, Offset base)
      : base_(base), entries_(cache, std::move(dir), base.value(), kSuffix, {kEntrySize, 64}) {}

  [[nodiscard]] EntryFile& entries() noexcept { return entries_; }
  void attach(std::uint64_t file_size) { entries_.attach(file_size); }
  /// Appends; an offset not above the last one is left out. REQUIRES: offset fits 31 bits above the base.
  Status append(Offset offset, std::uint32_t position);
  /// The greatest entry not above `target`; (base, 0) without one.
  [[nodiscard]] Result<OffsetPosition> lookup(Offset target, ColdRead cold = ColdRead::wait) const;
  /// Offset of the first entry at `position` or later: no offset of an earlier byte is above it. Nothing without such an entry.
  [[nodiscard]] Result<std::optional<Offset>> upper_bound(std::uint64_t position, ColdRead cold = ColdRead::wait) const;
  /// The last entry; (base, 0) without one.
  [[nodiscard]] Result<OffsetPosition> last() const;
  /// Removes all entries with offset >= `offset`.
  Status truncate_to(Offset offset);
  Status reset() { return entries_.truncate_entries(0); }
  [[nodiscard]] bool is_full(std::int32_t max_bytes) const { return entries_.count() >= static_cast<std::size_t>(max_bytes) / kEntrySize; }
  Status presize(std::int32_t max_bytes) { return entries_.presize(static_cast<std::uint64_t>(max_bytes) / kEntrySize * kEntrySize); }
  Status trim() { return entries_.trim(); }
  /// CORRUPT_MESSAGE when the file cannot be the index of a log of `log_size` bytes. `file_size` as found on disk.
  [[nodiscard]] Status sanity_check(std::uint64_t file_size, std::uint64_t log_size) const;

 private:
  [[nodiscard]] OffsetPosition decode(const std::byte* entry) const;

  Offset base_;
  EntryFile entries_;
};

}  // namespace moldau::storage
