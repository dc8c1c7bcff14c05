// Replacement of UnifiedLog's segments by what compaction made of them.
//
// At each step a crash leaves files from which the loader makes either the old segments or the new one (disk.md §8):
//
//   1  <base>.*.cleaned, synced                     removed at the next start
//   2  renamed to <base>.*.swap                     with a `.cleaned` beside it: not complete, removed too
//   3  the old segments' files renamed to .deleted  the complete `.swap` takes the place of what is left of them
//   4  .swap taken off                              the old ones are removed
//
// Readers that have the old list go on in the old files, which keep their content until file.delete.delay.ms has passed.
#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

std::unordered_map<ProducerId, UnifiedLog::LastRecord> UnifiedLog::last_records_of_producers() const {
  std::unordered_map<ProducerId, LastRecord> last;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : producers_.entries()) last[entry.id] = LastRecord{entry.last_offset(), entry.epoch};
  return last;
}

bool UnifiedLog::begin_cleaning() noexcept {
  being_cleaned_ = true;
  if (!closed_) return true;
  being_cleaned_ = false;
  return false;
}

std::uint64_t UnifiedLog::truncation_count() const {
  const std::lock_guard lock(mutex_);
  return truncations_;
}

std::optional<Offset> UnifiedLog::take_lowest_truncation() {
  const std::lock_guard lock(mutex_);
  return std::exchange(lowest_truncation_, std::nullopt);
}

Result<std::shared_ptr<LogSegment>> UnifiedLog::make_cleaned_segment(Offset base) {
  const LogSegment::Environment env{env_.cache, dir_, env_.clock};
  auto segment = std::make_shared<LogSegment>(env, base, 0, SegmentStage::cleaned);
  if (auto s = segment->remove_files(); !s) return s.error();
  return segment;
}

Awaitable<Result<bool>> UnifiedLog::replace_segments(std::shared_ptr<LogSegment> fresh, std::vector<std::shared_ptr<LogSegment>> old, std::uint64_t truncations) {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  const auto& all = segments_->all();
  // The active segment is not among those that may be replaced.
  const bool there = std::search(all.begin(), all.end() - 1, old.begin(), old.end()) != all.end() - 1;
  if (closed_ || truncation_count() != truncations || !there) co_return false;
  auto s = swap_in(fresh, old);
  guard.release();
  if (s) s = env_.disk().sync_directory(dir_->get());
  if (!s) {
    report(s.error());
    co_return s.error();
  }
  co_return true;
}

Status UnifiedLog::swap_in(const std::shared_ptr<LogSegment>& fresh, const std::vector<std::shared_ptr<LogSegment>>& old) {
  const FileChanges::Change change(file_changes_);
  if (auto s = fresh->rename_files(SegmentStage::swap); !s) {
    // On a full disk nothing has changed yet.
    if (is_no_space(s.error()))
      if (auto removed = fresh->remove_files(); !removed) return removed;
    return s;
  }
  // The new segment's names must be durable before the old ones go.
  if (auto s = env_.disk().sync_directory(dir_->get()); !s) return s;
  auto swapped = take_places(fresh, old);
  // Half done, what is in memory and what is on the disk differ: the next start sorts it out, with a full disk too.
  if (!swapped) env_.dir->take_offline(swapped.error());
  return swapped;
}

Status UnifiedLog::take_places(const std::shared_ptr<LogSegment>& fresh, const std::vector<std::shared_ptr<LogSegment>>& old) {
  const auto delay = config()->file_delete_delay_ms;
  for (const auto& segment : old) {
    auto s = segment->mark_deleted();
    // The new segment may stand on the snapshot of the one whose place it takes.
    if (s && segment->base_offset() != fresh->base_offset()) s = snapshots_.remove(dir_->get(), segment->base_offset());
    if (!s) return s;
    env_.deletion->delete_later(segment, delay);
  }
  if (auto s = fresh->rename_files(SegmentStage::live); !s) return s;
  auto segments = segments_->all();
  const auto at = std::search(segments.begin(), segments.end(), old.begin(), old.end());
  *at = fresh;
  segments.erase(at + 1, at + static_cast<std::ptrdiff_t>(old.size()));
  set_segments(std::move(segments));
  MOLDAU_LOG(storage, debug, "{}: {} segments from {} on were replaced by one of {} bytes", tp_, old.size(), fresh->base_offset(), fresh->size());
  return {};
}

}  // namespace moldau::storage
