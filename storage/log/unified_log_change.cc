// Changes of UnifiedLog's segment list: roll, truncation, retention. All under the append lock.
#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/log/producer_rebuild.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

void UnifiedLog::report(const Error& error) const {
  if (error.code == ErrorCode::kafka_storage_error && !closed_) env_.dir->fail(error);
}

std::shared_ptr<LogSegment> UnifiedLog::make_segment(Offset base) {
  const auto config = this->config();
  const auto jitter = std::min(config->segment_jitter_ms, config->segment_ms);
  const LogSegment::Environment env{env_.cache, dir_, env_.clock};
  return std::make_shared<LogSegment>(env, base, jitter <= 0 ? 0 : static_cast<std::int64_t>(env_.random.below(static_cast<std::uint64_t>(jitter))));
}

void UnifiedLog::set_segments(std::vector<std::shared_ptr<LogSegment>> segments) {
  auto list = std::make_shared<const SegmentList>(std::move(segments));
  const std::lock_guard lock(mutex_);
  const bool same_active = list->active() == segments_->active();
  segments_ = std::move(list);
  end_position_ = segments_->active()->size();
  if (!same_active && recent_) *recent_ = RecentRing{};
}

Result<bool> UnifiedLog::maybe_roll(const LogSegment::Append& append, Offset first_offset, const config::LogConfig& config) {
  LogSegment::RollCheck check{};
  check.max_segment_ms = config.cleanup_compact ? std::min(config.segment_ms, config.max_compaction_lag_ms) : config.segment_ms;
  check.max_segment_bytes = config.segment_bytes;
  check.max_index_bytes = config.segment_index_bytes;
  check.max_timestamp = append.largest_timestamp;
  check.max_offset = append.largest_offset;
  check.bytes = append.bytes.size();
  check.now_ms = env_.clock.wall_ms();
  auto due = segments_->active()->should_roll(check);
  if (!due || !*due) return due;
  if (auto s = roll(first_offset); !s) return s.error();
  return true;
}

Status UnifiedLog::roll(Offset expected_base) {
  const auto list = segments_;
  const auto base = std::max(expected_base, log_end_offset());
  auto& active = *list->active();
  if (active.base_offset() == base && active.size() == 0) return {};  // as good as a new one
  if (base <= active.base_offset())
    return Error(ErrorCode::unknown_server_error,
                 fmt::format("Cannot roll {} to a segment at {}: the active one begins at {} and is not empty", tp_, base, active.base_offset()));
  if (auto s = active.become_inactive(); !s) return s;
  {
    const std::lock_guard lock(mutex_);
    producers_.set_map_end(base);
  }
  if (auto s = take_snapshot(); !s) return s;
  auto fresh = make_segment(base);
  // What a crash left under these names is not ours.
  if (auto s = fresh->remove_files(); !s) return s;
  if (auto s = fresh->create_file(); !s) return s;
  dir_dirty_ = true;
  auto segments = list->all();
  segments.push_back(std::move(fresh));
  set_segments(std::move(segments));
  MOLDAU_LOG(storage, debug, "Rolled new log segment of {} at offset {}", tp_, base);
  env_.jobs->post([self = shared_from_this(), base] {
    if (auto s = self->flush_up_to(base); !s) self->report(s.error());
  });
  return {};
}

Awaitable<Status> UnifiedLog::roll_now() {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  if (closed_ || segments_->active()->size() == 0) co_return Status();
  auto s = roll(log_end_offset());
  if (!s) report(s.error());
  co_return s;
}

void UnifiedLog::delete_segments(const std::vector<std::shared_ptr<LogSegment>>& segments) {
  const auto delay = config()->file_delete_delay_ms;
  for (const auto& segment : segments) {
    auto s = segment->mark_deleted();
    // The longer name may need a block that a full disk does not have: then the files go at once.
    if (!s && is_no_space(s.error())) s = segment->remove_files();
    if (s) s = snapshots_.remove(dir_->get(), segment->base_offset());
    if (!s) {
      report(s.error());
      return;
    }
    dir_dirty_ = true;
    env_.deletion->delete_later(segment, delay);
  }
}

Awaitable<Result<bool>> UnifiedLog::truncate_to(Offset offset) {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  if (closed_) co_return closed_error();
  if (offset < Offset(0)) co_return Error(ErrorCode::offset_out_of_range, fmt::format("Cannot truncate {} to the negative offset {}", tp_, offset));
  if (offset >= log_end_offset()) {
    // The epoch cache may end with an entry that the leader does not have.
    if (epochs_.truncate_from_end(offset)) schedule_metadata_write();
    co_return false;
  }
  auto s = do_truncate_to(offset);
  guard.release();
  if (!s) {
    report(s.error());
    co_return s.error();
  }
  co_return true;
}

Status UnifiedLog::do_truncate_to(Offset offset) {
  const auto list = segments_;
  if ((*list)[0]->base_offset() > offset) return do_truncate_fully(offset);
  const FileChanges::Change change(file_changes_);
  std::vector<std::shared_ptr<LogSegment>> kept;
  std::vector<std::shared_ptr<LogSegment>> dropped;
  for (const auto& s : *list) (s->base_offset() > offset ? dropped : kept).push_back(s);
  MOLDAU_LOG(storage, info, "Truncating {} to offset {} (log end {})", tp_, offset, log_end_offset());
  auto cut = kept.back()->locate(offset, kept.back()->size());
  if (!cut) return cut.error();
  bool had_producers = false;
  {
    // Readers from now on see the shorter log.
    const std::lock_guard lock(mutex_);
    segments_ = std::make_shared<const SegmentList>(kept);
    end_position_ = *cut ? (*cut)->position : kept.back()->size();
    log_end_ = offset;
    log_start_ = std::min(log_start_, offset);
    high_watermark_ = std::min(high_watermark_, offset);
    recovery_point_ = std::min(recovery_point_, offset);
    recent_.reset();
    ++truncations_;
    lowest_truncation_ = std::min(lowest_truncation_.value_or(offset), offset);
    had_producers = !producers_.empty();
    refresh_seen();
  }
  delete_segments(dropped);
  auto removed = kept.back()->truncate_to(offset);
  if (!removed) return removed.error();
  if (epochs_.truncate_from_end(offset)) schedule_metadata_write();
  if (had_producers || snapshots_.latest() > offset) return rebuild_producers(offset);
  const std::lock_guard lock(mutex_);
  producers_.set_map_end(offset);
  producers_.set_last_snapshot(std::min(producers_.last_snapshot(), offset));
  return {};
}

Status UnifiedLog::rebuild_producers(Offset end) {
  ProducerStateManager fresh(env_.producer_id_expiration_ms);
  const auto dir = dir_->get();
  const auto list = segments_;
  const ProducerRebuild what{tp_, dir, list->all(), log_start_offset(), end, env_.clock.wall_ms(), false, false};
  if (auto s = rebuild_producer_state(fresh, snapshots_, what); !s) return s;
  if (auto s = snapshots_.remove_distrusted(dir); !s) return s;
  const std::lock_guard lock(mutex_);
  producers_ = std::move(fresh);
  // Transactions that ended below it are stable; the high watermark itself may not move for long.
  producers_.on_high_watermark(high_watermark_);
  refresh_seen();
  return {};
}

Awaitable<Status> UnifiedLog::truncate_fully_and_start_at(Offset offset) {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  if (closed_) co_return closed_error();
  auto s = do_truncate_fully(offset);
  guard.release();
  if (!s) {
    report(s.error());
    co_return s;
  }
  co_return s;
}

Status UnifiedLog::do_truncate_fully(Offset offset) {
  MOLDAU_LOG(storage, info, "Truncating {} fully, to start at offset {}", tp_, offset);
  const FileChanges::Change change(file_changes_);
  const auto old = segments_->all();
  delete_segments(old);
  auto fresh = make_segment(offset);
  if (auto s = fresh->remove_files(); !s) return s;
  if (auto s = fresh->create_file(); !s) return s;
  dir_dirty_ = true;
  if (auto s = snapshots_.remove_all(dir_->get()); !s) return s;
  if (epochs_.clear()) schedule_metadata_write();
  const std::lock_guard lock(mutex_);
  segments_ = std::make_shared<const SegmentList>(std::vector{std::move(fresh)});
  end_position_ = 0;
  log_start_ = log_end_ = offset;
  high_watermark_ = offset;
  recovery_point_ = std::min(recovery_point_, offset);
  recent_.reset();
  ++truncations_;
  lowest_truncation_ = std::min(lowest_truncation_.value_or(offset), offset);
  producers_.clear();
  producers_.set_map_end(offset);
  producers_.set_last_snapshot(Offset(0));
  refresh_seen();
  return {};
}

Result<std::size_t> UnifiedLog::remove_segments_while(const std::function<Result<bool>(const LogSegment&, const LogSegment*)>& predicate, const char* reason) {
  const auto list = segments_;
  const auto n = list->size();
  std::size_t count = 0;
  for (; count < n; ++count) {
    const auto& segment = *(*list)[count];
    const auto* next = count + 1 < n ? (*list)[count + 1].get() : nullptr;
    if (next == nullptr && segment.size() == 0) break;
    // Never at or beyond the high watermark: the log start must not pass it.
    if (high_watermark() < (next != nullptr ? next->base_offset() : log_end_offset())) break;
    auto remove = predicate(segment, next);
    if (!remove) return remove.error();
    if (!*remove) break;
  }
  if (count == 0) return count;
  std::vector<std::shared_ptr<LogSegment>> gone(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(count));
  if (count == n) {
    if (auto s = roll(log_end_offset()); !s) return s.error();
  }
  const FileChanges::Change change(file_changes_);
  auto kept = segments_->all();
  kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(count));
  if (kept.empty()) return std::size_t{0};
  if (auto moved = maybe_increment_log_start_offset(std::min(kept.front()->base_offset(), high_watermark())); !moved) return moved.error();
  set_segments(std::move(kept));
  for (const auto& s : gone)
    MOLDAU_LOG(storage, info, "Deleting segment {} of {} ({} bytes): {}", s->base_offset(), tp_, s->size(), reason);
  delete_segments(gone);
  return count;
}

Status UnifiedLog::name_kept_segment(const LogSegment& segment, std::int64_t largest_timestamp, std::int64_t now_ms) {
  // Clocks differ a little: an hour is what message.timestamp.after.max.ms is commonly set to.
  constexpr std::int64_t kFarAhead = 3'600'000;
  if (kept_segment_named_ == segment.base_offset()) return {};
  if (largest_timestamp - now_ms <= kFarAhead) {
    // Less far ahead, or the time has come by now: it counts once the segment would be gone, had its records been as old as they are.
    auto written = segment.last_modified();
    if (!written) return written.error();
    if (largest_timestamp <= *written || now_ms - *written <= config()->retention_ms) return {};
  }
  kept_segment_named_ = segment.base_offset();
  MOLDAU_LOG(storage, warn,
             "{}: retention.ms keeps the segment at {} and all behind it longer than it should: the largest timestamp there, {}, was in the future when it was written"
             "{}. "
             "message.timestamp.after.max.ms refuses such records; kafka-delete-records frees what is there",
             tp_, segment.base_offset(), largest_timestamp, largest_timestamp > now_ms ? fmt::format(", and still is for {} s", (largest_timestamp - now_ms) / 1000) : "");
  return {};
}

Awaitable<Result<std::size_t>> UnifiedLog::delete_old_segments() {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (closed_ || !env_.dir->online()) co_return std::size_t{0};
  const auto config = this->config();
  const auto start = log_start_offset();
  auto below_start = [start](const LogSegment&, const LogSegment* next) { return Result<bool>(next != nullptr && next->base_offset() <= start); };
  auto removed = remove_segments_while(below_start, "below the log start offset");
  std::size_t total = removed ? *removed : 0;
  if (removed && config->cleanup_delete && config->retention_bytes >= 0) {
    auto excess = size_bytes() - config->retention_bytes;
    auto too_big = [excess](const LogSegment& segment, const LogSegment*) mutable {
      const auto size = static_cast<std::int64_t>(segment.size());
      if (excess < size) return Result<bool>(false);
      excess -= size;
      return Result<bool>(true);
    };
    removed = remove_segments_while(too_big, "retention.bytes is exceeded");
    total += removed ? *removed : 0;
  }
  if (removed && config->cleanup_delete && config->retention_ms >= 0) {
    const auto now = env_.clock.wall_ms();
    auto too_old = [this, now, &config](const LogSegment& segment, const LogSegment*) -> Result<bool> {
      auto largest = segment.largest_timestamp();
      if (!largest) return largest.error();
      if (now - *largest > config->retention_ms) return true;
      if (auto s = name_kept_segment(segment, *largest, now); !s) return s.error();
      return false;
    };
    removed = remove_segments_while(too_old, "retention.ms has passed");
    total += removed ? *removed : 0;
  }
  if (!removed) {
    report(removed.error());
    co_return removed.error();
  }
  co_return total;
}

Awaitable<Status> UnifiedLog::move_to(std::string new_path) {
  auto guard = append_lock_.try_lock();
  if (!guard) guard = co_await append_lock_.lock();
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  if (closed_) co_return closed_error();
  const FileChanges::Change change(file_changes_);
  co_return rename_dir(new_path);
}

Status UnifiedLog::rename_dir(const std::string& new_path) {
  // With the append lock these two keep out all who make or open files by their names.
  const std::lock_guard flush_lock(flush_mutex_);
  const std::lock_guard files_lock(files_mutex_);
  if (auto s = env_.disk().rename(dir_->get(), new_path); !s) return s;
  dir_->set(new_path);
  if (auto s = env_.disk().sync_directory(env_.dir->path()); !s) return s;
  parent_synced_ = true;
  return {};
}

bool UnifiedLog::try_seal() {
  closed_ = true;
  if (!sealed_ && append_lock_.try_lock()) sealed_ = true;
  return sealed_;
}

Awaitable<void> UnifiedLog::seal() {
  if (try_seal()) co_return;
  // Who comes after us meets closed_.
  const auto guard = co_await append_lock_.lock();
  sealed_ = true;
}

}  // namespace moldau::storage
