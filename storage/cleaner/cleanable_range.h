// What of a log may be compacted, and how urgent that is (Kafka 3.9 LogCleanerManager.cleanableOffsets, maxCompactionDelay, LogToClean). Pure: the log is given as
// its offsets and segments.
//
//   log start ... first dirty ........ first uncleanable ... log end
//        cleaned before     to be cleaned          LSO, active segment, min.compaction.lag.ms
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::storage {

struct CompactionSegment {
  Offset base;
  std::uint64_t size = 0;
};

struct CompactionView {
  Offset log_start;
  Offset log_end;
  Offset last_stable;
  std::vector<CompactionSegment> segments;  ///< all of them, the active one last
  std::int64_t min_lag_ms = 0;
  std::int64_t max_lag_ms = 0;
  std::int64_t now_ms = 0;
  /// Asked only when a lag is set; file I/O.
  std::function<Result<std::int64_t>(std::size_t segment)> largest_timestamp;
  std::function<Result<std::int64_t>(std::size_t segment)> first_batch_timestamp;
};

struct CleanableRange {
  Offset first_dirty;
  Offset first_uncleanable;        ///< the base of a segment, except when nothing is cleanable
  bool checkpoint_invalid = false; ///< the checkpoint lies outside of the log; first_dirty stands for it
  std::uint64_t clean_bytes = 0;
  std::uint64_t cleanable_bytes = 0;
  std::int64_t compaction_delay_ms = 0;  ///< by how much max.compaction.lag.ms is exceeded

  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return clean_bytes + cleanable_bytes; }
  [[nodiscard]] double dirty_ratio() const noexcept {
    return total_bytes() == 0 ? 0 : static_cast<double>(cleanable_bytes) / static_cast<double>(total_bytes());
  }
  [[nodiscard]] bool due(double min_ratio) const noexcept {
    return total_bytes() > 0 && ((compaction_delay_ms > 0 && cleanable_bytes > 0) || dirty_ratio() > min_ratio);
  }
};

/// Errors: those of the view's functions.
Result<CleanableRange> cleanable_range(const CompactionView& log, std::optional<Offset> checkpoint);

/// Indexes [first, last) of the segments that hold offsets of [from, to): Kafka 3.9 LogSegments.values.
std::pair<std::size_t, std::size_t> segments_between(const std::vector<CompactionSegment>& segments, Offset from, Offset to);

}  // namespace moldau::storage
