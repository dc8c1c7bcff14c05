// TimeIndex (Kafka 3.9 TimeIndex): from timestamps to offsets, sparse.
//
//   .timeindex   int64 timestamp (ms), int32 relative offset: no earlier record has a larger timestamp than this one
#pragma once

#include <cstdint>

#include "protocol/base/ids.h"
#include "storage/index/entry_file.h"

namespace moldau::storage {

struct TimestampOffset {
  std::int64_t timestamp = -1;
  Offset offset;
};

/// Threads as EntryFile.
class TimeIndex {
 public:
  static constexpr std::uint32_t kEntrySize = 12;
  static constexpr const char* kSuffix = ".timeindex";

  TimeIndex(FileCache& cache, std::shared_ptr<const DirPath> dir, Offset base)
      : base_(base), entries_(cache, std::move(dir), base.value(), kSuffix, {kEntrySize, 64}) {}

  [[nodiscard]] EntryFile& entries() noexcept { return entries_; }
  void attach(std::uint64_t file_size) { entries_.attach(file_size); }
  /// Appends when the timestamp is above the last entry's (and the offset not below its).
  Status maybe_append(std::int64_t timestamp, Offset offset);
  /// The greatest entry with a timestamp not above `target`; (-1, base) without one.
  [[nodiscard]] Result<TimestampOffset> lookup(std::int64_t target) const;
  [[nodiscard]] Result<TimestampOffset> last() const;
  /// Removes all entries with offset >= `offset`.
  Status truncate_to(Offset offset);
  Status reset() { return entries_.truncate_entries(0); }
  /// One slot is kept for the entry that closes the segment.
  [[nodiscard]] bool is_full(std::int32_t max_bytes) const { return entries_.count() + 1 >= static_cast<std::size_t>(max_bytes) / kEntrySize; }
  Status presize(std::int32_t max_bytes) { return entries_.presize(static_cast<std::uint64_t>(max_bytes) / kEntrySize * kEntrySize); }
  Status trim() { return entries_.trim(); }
  [[nodiscard]] Status sanity_check(std::uint64_t file_size) const;

 private:
  [[nodiscard]] TimestampOffset decode(const std::byte* entry) const;

  Offset base_;
  EntryFile entries_;
};

}  // namespace moldau::storage
