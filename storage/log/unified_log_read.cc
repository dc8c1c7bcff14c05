// Reads of UnifiedLog: by offset and by time. Readers copy what they need under the short lock and then look at files without any.
#include <algorithm>

#include "protocol/base/format.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {
namespace {

/// Of what was written within seconds, so much is surely in the page cache still.
constexpr std::uint64_t kHotBytes = std::uint64_t{8} << 20;

}  // namespace

std::uint64_t UnifiedLog::RecentRing::fresh_from(SteadyTime now) const {
  for (const auto& mark : marks)
    if (mark.position != UINT64_MAX && now - mark.at < kFresh) return mark.position;
  return UINT64_MAX;
}

UnifiedLog::View UnifiedLog::view(Offset start, FetchIsolation isolation) const {
  const std::lock_guard lock(mutex_);
  View v;
  v.segments = segments_;
  v.log_start = log_start_;
  v.log_end = log_end_;
  v.end_position = end_position_;
  switch (isolation) {
    case FetchIsolation::log_end: v.bound = log_end_; break;
    case FetchIsolation::high_watermark: v.bound = high_watermark_; break;
    case FetchIsolation::txn_committed: v.bound = last_stable_locked(); break;
  }
  if (v.bound == log_end_) v.bound_position = end_position_;
  if (recent_) {
    for (std::size_t i = 0; i < recent_->count; ++i) {
      const auto& r = recent_->entries[(recent_->next + RecentRing::kSize - 1 - i) % RecentRing::kSize];
      if (start >= r.base && start <= r.last) v.start_batch = r;
      if (!v.bound_position && v.bound >= r.base && v.bound <= r.last) v.bound_position = r.position;
    }
    v.hot_from = std::max(recent_->fresh_from(env_.clock.steady()), end_position_ > kHotBytes ? end_position_ - kHotBytes : 0);
  }
  return v;
}

Result<FetchDataInfo> UnifiedLog::read(Offset start, std::int32_t max_bytes, FetchIsolation isolation, bool min_one_batch, ColdRead cold) const {
  constexpr int kAttempts = 4;
  for (int attempt = 1;; ++attempt) {
    if (!env_.dir->online()) return env_.dir->offline_error();
    bool gone = false;
    auto info = read_view(view(start, isolation), start, max_bytes, isolation, min_one_batch, cold, gone);
    if (!gone || attempt == kAttempts) return info;
  }
}

Result<FetchDataInfo> UnifiedLog::read_view(const View& v, Offset start, std::int32_t max_bytes, FetchIsolation isolation, bool min_one_batch, ColdRead cold,
                                            bool& gone) const {
  if (start < v.log_start || start > v.log_end)
    return Error(ErrorCode::offset_out_of_range,
                 fmt::format("Received request for offset {} for partition {}, but we only have log segments from offset {} up to {}.", start, tp_, v.log_start, v.log_end));
  FetchDataInfo info;
  info.fetch_offset = start;
  if (start >= v.bound) return info;
  if (max_bytes < 0) return Error(ErrorCode::unknown_server_error, fmt::format("Invalid max size {} for log read from {}", max_bytes, tp_));
  const auto& segments = *v.segments;
  const LogSegment* current = nullptr;
  const auto fail = [&](const Error& e) {
    if (is_needs_disk(e)) return e;
    // Retention took the segment away while it was looked at, or compaction replaced it.
    gone = current->deleted() && start >= log_start_offset();
    if (current->deleted()) return Error(ErrorCode::offset_out_of_range, fmt::format("Offset {} of {} was just deleted", start, tp_));
    report(e);
    return e;
  };
  for (auto i = std::min(segments.floor(start), segments.size() - 1); i < segments.size(); ++i) {
    auto& segment = *segments[i];
    current = &segment;
    if (segment.base_offset() > v.bound) break;
    const bool active = i + 1 == segments.size();
    auto end = active ? v.end_position : segment.size();
    const bool bound_here = active || segments[i + 1]->base_offset() > v.bound;
    if (bound_here && v.bound < v.log_end) {
      if (active && v.bound_position) {
        end = *v.bound_position;
      } else {
        auto at = segment.locate(v.bound, end, cold);
        if (!at) return fail(at.error());
        if (*at) end = (*at)->position;
      }
    }
    std::uint64_t position = 0;
    std::uint32_t first_size = 0;
    if (active && v.start_batch) {
      position = v.start_batch->position;
      first_size = v.start_batch->size;
    } else {
      auto at = segment.locate(start, end, cold);
      if (!at) return fail(at.error());
      if (!*at) continue;
      position = (*at)->position;
      first_size = (*at)->size;
    }
    info.on_older_segment = !bound_here;
    const auto wanted = static_cast<std::uint32_t>(std::max(max_bytes, 0));
    const auto adjusted = min_one_batch ? std::max(wanted, first_size) : wanted;
    if (adjusted == 0 || position >= end) return info;
    auto file = segment.open_log(cold);
    if (!file) return fail(file.error());
    info.slice.file = std::move(*file);
    info.slice.position = position;
    info.slice.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(end - position, adjusted));
    info.slice.hot = active && position >= v.hot_from;
    info.first_entry_incomplete = adjusted < first_size;
    if (isolation == FetchIsolation::txn_committed) {
      if (auto s = collect_aborted(v, i, info, cold, info.aborted); !s) return fail(s.error());
    }
    return info;
  }
  return info;
}

Status UnifiedLog::collect_aborted(const View& v, std::size_t at, const FetchDataInfo& info, ColdRead cold, std::vector<AbortedTxn>& out) const {
  const auto& segments = *v.segments;
  const bool any = std::any_of(segments.begin() + static_cast<std::ptrdiff_t>(at), segments.end(), [](const auto& s) { return s->txn_index().exists(); });
  if (!any) return {};
  auto upper = segments[at]->offset_index().upper_bound(info.slice.position + info.slice.size, cold);
  if (!upper) return upper.error();
  const auto bound = *upper ? **upper : at + 1 < segments.size() ? segments[at + 1]->base_offset() : v.log_end;
  for (auto i = at; i < segments.size(); ++i) {
    auto complete = segments[i]->txn_index().collect(info.fetch_offset, bound, out, cold);
    if (!complete) return complete.error();
    if (*complete) break;
  }
  return {};
}

Result<std::optional<TimestampAndOffset>> UnifiedLog::offset_by_timestamp(std::int64_t timestamp) const {
  using Found = std::optional<TimestampAndOffset>;
  constexpr std::int64_t kLatest = -1, kEarliest = -2, kMax = -3, kEarliestLocal = -4;
  if (!env_.dir->online()) return env_.dir->offline_error();
  const auto v = view(kNoOffset, FetchIsolation::log_end);
  if (timestamp == kEarliest || timestamp == kEarliestLocal) {
    const auto epoch = epochs_.earliest();
    return Found(TimestampAndOffset{-1, v.log_start, epoch && epoch->start <= v.log_start ? epoch->epoch : kNoLeaderEpoch});
  }
  if (timestamp == kLatest) return Found(TimestampAndOffset{-1, v.log_end, latest_epoch()});
  const auto& segments = *v.segments;
  const auto end_of = [&](std::size_t i) { return i + 1 == segments.size() ? v.end_position : segments[i]->size(); };
  if (timestamp == kMax) {
    std::size_t best = 0;
    TimestampOffset largest;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      auto max = segments[i]->max_timestamp();
      if (!max) return max.error();
      if (i == 0 || max->timestamp > largest.timestamp) {
        largest = *max;
        best = i;
      }
    }
    if (largest.timestamp < 0) return Found();
    // Only now, or the batch that has it may lie behind the end: a log under load has moved on since the view was taken.
    const auto now = view(kNoOffset, FetchIsolation::log_end);
    const auto end = now.segments->active() == segments[best] ? now.end_position : segments[best]->size();
    return segments[best]->find_record(largest.timestamp, segments[best]->base_offset(), largest.offset, end);
  }
  if (timestamp < 0) return Found();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto largest = segments[i]->largest_timestamp();
    if (!largest) return largest.error();
    if (*largest < timestamp) continue;
    // A segment that DeleteRecords emptied may still be there: then the next one has the answer.
    auto found = segments[i]->find_by_timestamp(timestamp, v.log_start, end_of(i));
    if (!found || *found) return found;
  }
  return Found();
}

Result<std::vector<Offset>> UnifiedLog::legacy_offsets_before(std::int64_t timestamp, std::int32_t max) const {
  constexpr std::int64_t kLatest = -1, kEarliest = -2;
  if (!env_.dir->online()) return env_.dir->offline_error();
  const auto v = view(kNoOffset, FetchIsolation::log_end);
  std::vector<std::pair<Offset, std::int64_t>> times;
  for (const auto& segment : *v.segments) {
    auto modified = segment->last_modified();
    if (!modified) return modified.error();
    times.emplace_back(std::max(segment->base_offset(), v.log_start), *modified);
  }
  if (v.end_position > 0) times.emplace_back(v.log_end, env_.clock.wall_ms());
  std::int64_t last = static_cast<std::int64_t>(times.size()) - 1;
  if (timestamp == kEarliest) {
    last = 0;
  } else if (timestamp != kLatest) {
    while (last >= 0 && times[static_cast<std::size_t>(last)].second > timestamp) --last;
  }
  std::vector<Offset> offsets;
  for (; last >= 0 && offsets.size() < static_cast<std::size_t>(std::max(max, 0)); --last) offsets.push_back(times[static_cast<std::size_t>(last)].first);
  std::sort(offsets.begin(), offsets.end(), std::greater<>());
  return offsets;
}

}  // namespace moldau::storage
