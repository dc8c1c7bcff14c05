#include "storage/cleaner/cleanable_range.h"

#include <algorithm>
#include <limits>

namespace moldau::storage {
namespace {

std::uint64_t bytes_of(const std::vector<CompactionSegment>& segments, std::pair<std::size_t, std::size_t> range) {
  std::uint64_t total = 0;
  for (auto i = range.first; i < range.second; ++i) total += segments[i].size;
  return total;
}

/// Closed segments from `from` on.
std::pair<std::size_t, std::size_t> closed_from(const CompactionView& log, Offset from) {
  const auto active = log.segments.back().base;
  if (from > active) return {0, 0};
  return segments_between(log.segments, from, active);
}

Result<std::int64_t> compaction_delay(const CompactionView& log, Offset first_dirty) {
  const auto max_lag = std::max<std::int64_t>(log.max_lag_ms, 0);
  if (max_lag == std::numeric_limits<std::int64_t>::max()) return std::int64_t{0};
  auto earliest = std::numeric_limits<std::int64_t>::max();
  const auto [from, to] = closed_from(log, first_dirty);
  for (auto i = from; i < to; ++i) {
    auto first = log.first_batch_timestamp(i);
    if (!first) return first;
    if (*first > 0) earliest = std::min(earliest, *first);
  }
  const auto until = log.now_ms - max_lag;
  return earliest < until ? until - earliest : std::int64_t{0};
}

}  // namespace

std::pair<std::size_t, std::size_t> segments_between(const std::vector<CompactionSegment>& segments, Offset from, Offset to) {
  if (from >= to) return {0, 0};
  const auto below = [](Offset o, const CompactionSegment& s) { return o < s.base; };
  auto first = std::upper_bound(segments.begin(), segments.end(), from, below);
  if (first != segments.begin()) --first;
  const auto last = std::lower_bound(first, segments.end(), to, [](const CompactionSegment& s, Offset o) { return s.base < o; });
  return {static_cast<std::size_t>(first - segments.begin()), static_cast<std::size_t>(last - segments.begin())};
}

Result<CleanableRange> cleanable_range(const CompactionView& log, std::optional<Offset> checkpoint) {
  CleanableRange range;
  range.first_dirty = checkpoint.value_or(log.log_start);
  if (range.first_dirty < log.log_start || range.first_dirty > log.log_end) {
    range.first_dirty = log.log_start;
    range.checkpoint_invalid = true;
  }
  const auto active = log.segments.back().base;
  auto limit = std::min(log.last_stable, active);
  if (const auto min_lag = std::max<std::int64_t>(log.min_lag_ms, 0); min_lag > 0) {
    const auto [from, to] = closed_from(log, range.first_dirty);
    for (auto i = from; i < to; ++i) {
      auto largest = log.largest_timestamp(i);
      if (!largest) return largest.error();
      if (*largest > log.now_ms - min_lag) {
        limit = std::min(limit, log.segments[i].base);
        break;
      }
    }
  }
  limit = std::max(limit, range.first_dirty);
  // Down to the base of the segment that holds the limit.
  const auto [from, to] = closed_from(log, limit);
  range.first_uncleanable = from < to ? log.segments[from].base : active;
  range.clean_bytes = bytes_of(log.segments, segments_between(log.segments, Offset(-1), range.first_dirty));
  range.cleanable_bytes = bytes_of(log.segments, segments_between(log.segments, std::min(range.first_dirty, range.first_uncleanable), range.first_uncleanable));
  auto delay = compaction_delay(log, range.first_dirty);
  if (!delay) return delay.error();
  range.compaction_delay_ms = *delay;
  return range;
}

}  // namespace moldau::storage
