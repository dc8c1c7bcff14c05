#include "storage/cleaner/cleaner_manager.h"

#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/log/batch_scanner.h"

namespace moldau::storage {
namespace {

/// The largest timestamp of a segment's first batch; -1 without one (Kafka 3.9 LogSegment.getFirstBatchTimestamp).
Result<std::int64_t> first_batch_timestamp(const LogSegment& segment) {
  if (segment.size() == 0) return std::int64_t{-1};
  auto file = segment.open_log();
  if (!file) return file.error();
  BatchScanner scanner(**file, 0, segment.size(), BatchScanner::Mode::headers);
  auto batch = scanner.next();
  if (!batch) return batch.error();
  return *batch ? (*batch)->max_timestamp() : std::int64_t{-1};
}

CompactionView view_of(const UnifiedLog& log, const std::shared_ptr<const SegmentList>& list, const config::LogConfig& config, std::int64_t now_ms) {
  CompactionView view;
  const auto offsets = log.offsets();
  view.log_start = offsets.log_start;
  view.log_end = offsets.log_end;
  view.last_stable = offsets.last_stable;
  for (const auto& s : *list) view.segments.push_back({s->base_offset(), s->size()});
  view.min_lag_ms = config.min_compaction_lag_ms;
  view.max_lag_ms = config.max_compaction_lag_ms;
  view.now_ms = now_ms;
  view.largest_timestamp = [list](std::size_t i) { return (*list)[i]->largest_timestamp(); };
  view.first_batch_timestamp = [list](std::size_t i) { return first_batch_timestamp(*(*list)[i]); };
  return view;
}

void report(const UnifiedLog& log, const Error& error) {
  if (error.code == ErrorCode::kafka_storage_error) log.environment().dir->fail(error);
}

}  // namespace

bool CleanerManager::is_free(const UnifiedLog& log) const {
  const auto it = states_.find(TopicPartitionView(log.topic_partition()));
  return it == states_.end() || (it->second.cleaned == nullptr && it->second.pauses == 0);
}

void CleanerManager::take(const UnifiedLog& log) { states_[log.topic_partition()].cleaned = &log; }

void CleanerManager::let_go(const UnifiedLog& log) {
  const auto it = states_.find(TopicPartitionView(log.topic_partition()));
  if (it == states_.end() || it->second.cleaned != &log) return;
  it->second.cleaned = nullptr;
  if (it->second.pauses == 0) states_.erase(it);
}

Result<CleanableRange> CleanerManager::range_of(UnifiedLog& log) {
  const auto& dir = log.parent_dir();
  const TopicPartitionView tp(log.topic_partition());
  if (auto s = note_truncation(log); !s) return s.error();
  const auto checkpoint = checkpoints_.find(dir, tp);
  auto range = cleanable_range(view_of(log, log.segments(), *log.config(), clock_.wall_ms()), checkpoint);
  if (!range || !range->checkpoint_invalid) return range;
  if (!log.config()->cleanup_delete)
    MOLDAU_LOG(cleaner, warn, "Resetting first dirty offset of {} to log start offset {} since the checkpointed offset {} is invalid.", tp, range->first_dirty,
               checkpoint.value_or(kNoOffset));
  if (auto s = checkpoints_.set(dir, tp, range->first_dirty); !s) return s.error();
  return range;
}

std::optional<LogToClean> CleanerManager::grab_filthiest() {
  const auto all = logs_();
  const std::lock_guard lock(mutex_);
  last_run_ms_ = clock_.wall_ms();
  std::erase_if(uncleanable_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(postponed_, [this](const auto& entry) { return entry.second <= *last_run_ms_; });
  max_dirty_ratio_ = 0;
  max_compaction_delay_ms_ = 0;
  std::optional<LogToClean> filthiest;
  double most = -1;
  for (const auto& log : all) {
    const auto config = log->config();
    if (!config->cleanup_compact || log->closed() || !log->environment().dir->online() || !is_free(*log) || uncleanable_.contains(log.get()) || postponed_.contains(log.get()))
      continue;
    const auto range = range_of(*log);
    if (!range) {
      // One log that can't be looked at doesn't keep the others waiting.
      report(*log, range.error());
      continue;
    }
    if (range->total_bytes() == 0) continue;
    max_dirty_ratio_ = std::max(max_dirty_ratio_, range->dirty_ratio());
    max_compaction_delay_ms_ = std::max(max_compaction_delay_ms_, range->compaction_delay_ms);
    if (!range->due(config->min_cleanable_dirty_ratio) || range->dirty_ratio() <= most) continue;
    most = range->dirty_ratio();
    filthiest = LogToClean{log, range->first_dirty, range->first_uncleanable};
  }
  if (!filthiest || !filthiest->log->begin_cleaning()) return std::nullopt;
  take(*filthiest->log);
  return filthiest;
}

std::vector<std::shared_ptr<UnifiedLog>> CleanerManager::grab_deletable() {
  auto all = logs_();
  const std::lock_guard lock(mutex_);
  std::erase_if(all, [this](const auto& log) {
    if (!log->config()->cleanup_compact || log->closed() || !log->environment().dir->online() || !is_free(*log) || !log->begin_cleaning()) return true;
    take(*log);
    return false;
  });
  return all;
}

void CleanerManager::note_truncations() {
  const auto all = logs_();
  const std::lock_guard lock(mutex_);
  for (const auto& log : all) {
    if (log->closed() || !log->environment().dir->online()) continue;
    if (auto s = note_truncation(*log); !s) report(*log, s.error());
  }
}

Status CleanerManager::note_truncation(UnifiedLog& log) {
  const auto& dir = log.parent_dir();
  const TopicPartitionView tp(log.topic_partition());
  const auto lowest = log.take_lowest_truncation();
  if (!lowest) return {};
  const auto checkpoint = checkpoints_.find(dir, tp);
  return checkpoint && *lowest < *checkpoint ? checkpoints_.set(dir, tp, *lowest) : Status();
}

void CleanerManager::done(const std::shared_ptr<UnifiedLog>& log, Offset first_dirty) {
  const std::lock_guard lock(mutex_);
  let_go(*log);
  if (!log->closed() && log->environment().dir->online())
    if (auto s = checkpoints_.set(log->parent_dir(), TopicPartitionView(log->topic_partition()), first_dirty); !s) report(*log, s.error());
  log->end_cleaning();
}

void CleanerManager::release(const std::shared_ptr<UnifiedLog>& log) {
  const std::lock_guard lock(mutex_);
  let_go(*log);
  log->end_cleaning();
}

void CleanerManager::postpone(const std::shared_ptr<UnifiedLog>& log) {
  constexpr std::int64_t kWhileMs = 300'000;
  const std::lock_guard lock(mutex_);
  postponed_[log.get()] = clock_.wall_ms() + kWhileMs;
  let_go(*log);
  log->end_cleaning();
}

void CleanerManager::mark_uncleanable(const std::shared_ptr<UnifiedLog>& log, const std::string& why) {
  MOLDAU_LOG(cleaner, err,
             "{} can't be compacted and is left alone until the broker is restarted: {}. Its records stay readable. Look at its files with kafka-dump-log --deep-iteration; a "
             "replica elsewhere may be whole",
             log->dir(), why);
  const std::lock_guard lock(mutex_);
  uncleanable_[log.get()] = log;
}

void CleanerManager::pause(TopicPartitionView tp) {
  const std::lock_guard lock(mutex_);
  const auto it = states_.find(tp);
  ++(it != states_.end() ? it->second : states_[TopicPartition{std::string(tp.topic), tp.partition}]).pauses;
}

void CleanerManager::resume(TopicPartitionView tp) {
  const std::lock_guard lock(mutex_);
  const auto it = states_.find(tp);
  if (it == states_.end() || it->second.pauses == 0) return;
  if (--it->second.pauses == 0 && it->second.cleaned == nullptr) states_.erase(it);
}

bool CleanerManager::is_cleaning(TopicPartitionView tp) const {
  const std::lock_guard lock(mutex_);
  const auto it = states_.find(tp);
  return it != states_.end() && it->second.cleaned != nullptr;
}

bool CleanerManager::is_aborted(const UnifiedLog& log) const {
  const std::lock_guard lock(mutex_);
  const auto it = states_.find(TopicPartitionView(log.topic_partition()));
  return it == states_.end() || it->second.cleaned != &log || it->second.pauses > 0;
}

void CleanerManager::on_log_removed(const UnifiedLog& log) {
  const std::lock_guard lock(mutex_);
  uncleanable_.erase(&log);
  if (!log.environment().dir->online()) return;
  if (auto s = checkpoints_.remove(log.parent_dir(), TopicPartitionView(log.topic_partition())); !s) report(log, s.error());
}

void CleanerManager::on_log_replaced(const UnifiedLog& from, const std::shared_ptr<UnifiedLog>& to) {
  const std::lock_guard lock(mutex_);
  const TopicPartitionView tp(from.topic_partition());
  if (uncleanable_.erase(&from) > 0) uncleanable_[to.get()] = to;
  const auto first_dirty = checkpoints_.find(from.parent_dir(), tp);
  if (first_dirty && to->environment().dir->online())
    if (auto s = checkpoints_.set(to->parent_dir(), tp, *first_dirty); !s) report(*to, s.error());
  if (!from.environment().dir->online()) return;
  if (auto s = checkpoints_.remove(from.parent_dir(), tp); !s) report(from, s.error());
}

double CleanerManager::max_dirty_ratio() const {
  const std::lock_guard lock(mutex_);
  return max_dirty_ratio_;
}

std::int64_t CleanerManager::max_compaction_delay_ms() const {
  const std::lock_guard lock(mutex_);
  return max_compaction_delay_ms_;
}

std::optional<std::int64_t> CleanerManager::last_run_ms() const {
  const std::lock_guard lock(mutex_);
  return last_run_ms_;
}

std::unordered_map<std::string, CleanerManager::Uncleanable> CleanerManager::uncleanable() {
  std::unordered_map<std::string, Uncleanable> by_dir;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, weak] : uncleanable_) {
    const auto log = weak.lock();
    if (!log || log->closed()) continue;
    auto& dir = by_dir[log->parent_dir()];
    ++dir.partitions;
    // What a pass would have cleaned.
    if (const auto range = range_of(*log)) dir.bytes += range->cleanable_bytes;
  }
  return by_dir;
}

}  // namespace moldau::storage
