// LogManagerImpl's housekeeping: free space, retention, flush.ms, checkpoints, producer expiry, delayed deletion.
#include <algorithm>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/io/disk.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage {
namespace {

constexpr Millis kSpaceCheck{1000};
/// While a directory is full what may go goes soon, DeleteRecords' segments too: log.retention.check.interval.ms is minutes.
constexpr std::chrono::seconds kRetentionWhenFull{10};

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

void DeletionQueue::delete_later(std::shared_ptr<LogSegment> segment, std::int64_t delay_ms) {
  const std::lock_guard lock(mutex_);
  items_.push_back(Item{clock_.wall_ms() + delay_ms, std::move(segment), nullptr, {}, nullptr});
}

void DeletionQueue::delete_directory_later(std::shared_ptr<LogDirState> dir, std::string path, std::int64_t delay_ms, std::shared_ptr<const UnifiedLog> log) {
  const std::lock_guard lock(mutex_);
  items_.push_back(Item{clock_.wall_ms() + delay_ms, nullptr, std::move(dir), std::move(path), std::move(log)});
}

void DeletionQueue::forget() {
  std::list<Item> gone;  // destroyed behind the lock
  const std::lock_guard lock(mutex_);
  gone.swap(items_);
}

std::size_t DeletionQueue::size() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

void DeletionQueue::run_due(Disk& disk) {
  std::list<Item> due;
  {
    const auto now = clock_.wall_ms();
    const std::lock_guard lock(mutex_);
    for (auto it = items_.begin(); it != items_.end();) {
      const auto next = std::next(it);
      // A pass of the cleaner ends soon after its log is closed; until then it may write to the directory.
      if (it->due_ms <= now && !(it->log && it->log->being_cleaned())) due.splice(due.end(), items_, it);
      it = next;
    }
  }
  std::string synced;
  for (auto& item : due) {
    if (item.segment) {
      // Its directory may be gone by now, with all in it.
      if (auto s = item.segment->remove_files(); !s) MOLDAU_LOG(storage, warn, "A deleted segment could not be removed: {}", s.error().message);
      continue;
    }
    if (!item.dir->online()) continue;
    // The new name must be durable before the content goes, or a crash would show a topic with half of its files.
    if (synced != item.dir->path()) {
      synced = item.dir->path();
      if (auto s = disk.sync_directory(synced); !s) {
        item.dir->fail(s.error());
        continue;
      }
    }
    if (auto s = remove_tree(disk, item.path); !s) {
      item.dir->fail(s.error());
    } else {
      MOLDAU_LOG(storage, info, "Deleted {}", item.path);
    }
  }
}

void LogManagerImpl::start() {
  using std::chrono::milliseconds;
  tasks_ = std::make_unique<PeriodicTasks>(seams_.background);
  if (compactor_) compactor_->start();
  check_space();
  register_space_gauges();
  const milliseconds first(config_.initial_task_delay_ms);
  const auto blocking = [](auto work) {
    return [work]() -> Awaitable<void> {
      work();
      co_return;
    };
  };
  tasks_->add("free space", kSpaceCheck, kSpaceCheck, [this] { return watch_space(); });
  tasks_->add("log retention", first, milliseconds(config_.retention_check_interval_ms), [this] { return run_retention(); });
  if (config_.flush_check_interval_ms < INT64_MAX)
    tasks_->add("log flusher", milliseconds(config_.flush_check_interval_ms), milliseconds(config_.flush_check_interval_ms), blocking([this] { run_flush(); }));
  tasks_->add("recovery point checkpoint", first, milliseconds(config_.recovery_point_checkpoint_ms), blocking([this] { checkpoint_recovery_points(); }));
  tasks_->add("log start checkpoint", first, milliseconds(config_.log_start_checkpoint_ms), blocking([this] { checkpoint_log_starts(); }));
  tasks_->add("high watermark checkpoint", milliseconds(config_.high_watermark_checkpoint_ms), milliseconds(config_.high_watermark_checkpoint_ms),
              blocking([this] { checkpoint_high_watermarks(); }));
  tasks_->add("producer id expiry", milliseconds(config_.producer_id_expiration_check_ms), milliseconds(config_.producer_id_expiration_check_ms),
              blocking([this] { expire_producers(); }));
  tasks_->add("file deletion", milliseconds(1000), milliseconds(1000), blocking([this] { run_deletions(); }));
}

Awaitable<void> LogManagerImpl::run_retention() {
  std::size_t total = 0;
  for (const auto& log : logs()) {
    // Those of compacted logs are the cleaner's. DIFFERS: Apache Kafka has no retention for them with log.cleaner.enable=false.
    if (compactor_ && log->config()->cleanup_compact) continue;
    auto removed = co_await log->delete_old_segments();
    if (removed) total += *removed;
    if (const auto moving = find_in(futures_, TopicPartitionView(log->topic_partition()))) {
      removed = co_await moving->delete_old_segments();
      if (removed) total += *removed;
    }
  }
  if (total > 0) {
    MOLDAU_LOG(storage, info, "Retention removed {} segments", total);
    checkpoint_log_starts();
  }
}

void LogManagerImpl::check_space() {
  const std::lock_guard lock(space_mutex_);  // what was counted before is taken off once
  std::vector<std::pair<Dir*, VolumeInfo>> volumes;
  std::vector<std::int64_t> written;
  for (const auto& dir : dirs_) {
    if (!dir->state->online()) continue;
    written.push_back(dir->state->space().written());
    // What can't be asked just now keeps its state; an append will meet the disk's own answer.
    auto volume = seams_.disk.volume(dir->state->path());
    volumes.emplace_back(dir.get(), volume ? *volume : VolumeInfo{});
  }
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const auto sharers = std::count_if(volumes.begin(), volumes.end(), [&](const auto& v) { return v.second.id == volumes[i].second.id; });
    volumes[i].first->state->space().seen(volumes[i].second, written[i], min_free_bytes_, sharers);
  }
}

Awaitable<void> LogManagerImpl::watch_space() {
  check_space();
  const bool any_full = std::any_of(dirs_.begin(), dirs_.end(), [](const auto& d) { return d->state->online() && d->state->space().full(); });
  const auto now = seams_.clock.steady();
  if (!any_full || (last_retention_when_full_ && now - *last_retention_when_full_ < kRetentionWhenFull)) co_return;
  last_retention_when_full_ = now;
  co_await run_retention();
}

void LogManagerImpl::register_space_gauges() {
  auto& m = config::metrics();
  const auto by_dir = [this](config::GaugeFamily& family, auto value) {
    space_gauges_.push_back(family.register_callback([this, value](const config::Emit& emit) {
      for (const auto& dir : dirs_)
        if (dir->state->online()) emit({dir->state->path()}, static_cast<double>(static_cast<std::int64_t>(value(dir->state->space()))));
    }));
  };
  by_dir(m.log_directory_free_bytes, [](const DirSpace& space) { return space.free_bytes(); });
  by_dir(m.log_directory_full, [](const DirSpace& space) { return space.full(); });
}

void LogManagerImpl::run_flush() {
  const auto now = seams_.clock.wall_ms();
  for (const auto& log : logs_and_futures()) {
    if (log->recovery_point() >= log->log_end_offset() || now - log->last_flush_ms() < log->config()->flush_ms) continue;
    // A log that was deleted meanwhile has no files to sync, and that says nothing about the disk.
    if (auto s = log->flush_blocking(); !s && !log->closed()) log->environment().dir->fail(s.error());
  }
}

void LogManagerImpl::checkpoint(const char* file, const std::function<std::optional<Offset>(const UnifiedLog&)>& offset) {
  const auto all = logs_and_futures();
  const std::lock_guard lock(checkpoint_mutex_);
  for (const auto& dir : dirs_) {
    if (!dir->state->online() || !dir->scanned) continue;
    const bool loaded = dir->loaded;
    // With many idle partitions the text is not even made: a fingerprint tells that nothing moved.
    std::uint64_t fingerprint = 1;
    for (const auto& log : all)
      if (log->environment().dir == dir->state)
        if (const auto o = offset(*log)) fingerprint += mixed(reinterpret_cast<std::uintptr_t>(log.get()) ^ (static_cast<std::uint64_t>(o->value()) << 20) ^ static_cast<std::uint64_t>(o->value()));
    if (!loaded) fingerprint += mixed(loading_.changes());
    auto& written = dir->written[file];
    if (written == fingerprint) continue;
    OffsetMap offsets;
    if (!loaded) keep_unloaded(*dir, file, offsets);
    for (const auto& log : all)
      if (log->environment().dir == dir->state)
        if (const auto o = offset(*log)) offsets[log->topic_partition()] = *o;
    if (auto s = write_offset_checkpoint(seams_.disk, dir->state->path() + "/" + file, offsets); !s) {
      dir->state->fail(s.error());
      continue;
    }
    written = fingerprint;
  }
}

void LogManagerImpl::keep_unloaded(const Dir& dir, std::string_view file, OffsetMap& offsets) const {
  const auto keep = [&](const OffsetMap& known) {
    for (const auto& [tp, offset] : known)
      if (loading_.is_missing(TopicPartitionView(tp))) offsets.emplace(tp, offset);
  };
  if (file == kRecoveryPointFile) keep(dir.recovery_points);
  if (file == kLogStartFile) keep(dir.log_starts);
  if (file == kHighWatermarkFile) {
    const std::shared_lock lock(logs_mutex_);
    keep(dir.high_watermarks);
  }
}

void LogManagerImpl::checkpoint_recovery_points() {
  checkpoint(kRecoveryPointFile, [](const UnifiedLog& log) { return std::optional(log.recovery_point()); });
}

void LogManagerImpl::checkpoint_log_starts() {
  checkpoint(kLogStartFile, [](const UnifiedLog& log) { return log.log_start_to_checkpoint(); });
}

void LogManagerImpl::checkpoint_high_watermarks() {
  checkpoint(kHighWatermarkFile, [](const UnifiedLog& log) { return std::optional(log.high_watermark()); });
}

void LogManagerImpl::expire_producers() {
  const auto expiration_ms = producer_id_expiration_ms_.load();
  for (const auto& log : logs_and_futures()) log->expire_producers(expiration_ms);
}

}  // namespace moldau::storage
