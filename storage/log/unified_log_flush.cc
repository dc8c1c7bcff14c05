// Durability of UnifiedLog: flush with group commit, the small files, close.
#include <algorithm>

#include "config/metric_handles.h"
#include "protocol/base/check.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/suspend.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/log/producer_rebuild.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

Awaitable<Status> UnifiedLog::flush(Offset offset) {
  if (!env_.dir->online()) co_return env_.dir->offline_error();
  if (recovery_point() >= offset) co_return Status();
  std::optional<Error> failure;
  auto park = [this, offset, &failure](Resumption resumption) {
    // Held from before the waiter can be seen: woken, it may let go of the log.
    const auto self = shared_from_this();
    bool start = false;
    {
      const std::lock_guard lock(sync_mutex_);
      sync_waiters_.push_back(FlushWaiter{offset, &failure, std::move(resumption)});
      start = !std::exchange(sync_running_, true);
    }
    if (start) self->env_.jobs->post([self] { self->sync_loop(); });
  };
  co_await suspend_with(std::move(park));
  if (failure) co_return *failure;
  co_return Status();
}

void UnifiedLog::wake_flushed(const std::optional<Error>& error, Offset up_to) {
  std::list<FlushWaiter> done;
  {
    const std::lock_guard lock(sync_mutex_);
    for (auto it = sync_waiters_.begin(); it != sync_waiters_.end();) {
      const auto next = std::next(it);
      // A truncation meanwhile ends the wait too: those records are gone. Decided under the lock, so that an append which published its
      // end and queued its waiter after the sync began waits for the next one.
      if (error || it->offset <= up_to || it->offset > log_end_offset()) done.splice(done.end(), sync_waiters_, it);
      it = next;
    }
  }
  for (auto& waiter : done) {
    *waiter.result = error;
    waiter.waiter.post();
  }
}

void UnifiedLog::set_flush_listener(std::function<void()> listener) {
  auto shared = std::make_shared<const std::function<void()>>(std::move(listener));
  const std::lock_guard lock(sync_mutex_);
  flush_listener_ = std::move(shared);
}

void UnifiedLog::start_flush() {
  {
    const std::lock_guard lock(sync_mutex_);
    sync_wanted_ = true;
    if (std::exchange(sync_running_, true)) return;
  }
  env_.jobs->post([self = shared_from_this()] { self->sync_loop(); });
}

void UnifiedLog::sync_loop() {
  for (;;) {
    std::shared_ptr<const std::function<void()>> listener;
    {
      const std::lock_guard lock(sync_mutex_);
      sync_wanted_ = false;
      listener = flush_listener_;
    }
    const auto target = log_end_offset();
    const auto s = flush_up_to(target);
    if (!s) report(s.error());
    if (s && listener) (*listener)();
    wake_flushed(s ? std::nullopt : std::optional(s.error()), target);
    const std::lock_guard lock(sync_mutex_);
    if (sync_waiters_.empty() && !sync_wanted_) {
      sync_running_ = false;
      return;
    }
  }
}

Status UnifiedLog::flush_up_to(Offset target) {
  const std::lock_guard flush_lock(flush_mutex_);
  if (!env_.dir->online()) return env_.dir->offline_error();
  if (sync_failure_) return *sync_failure_;
  auto s = sync_up_to(target);
  // The system tells a failed write-back once; the next fdatasync would succeed, and what it did not write be taken for durable. Kept before anyone else may ask.
  if (!s && !is_no_space(s.error())) sync_failure_ = s.error();
  return s;
}

Status UnifiedLog::sync_up_to(Offset target) {
  std::shared_ptr<const SegmentList> list;
  Offset from;
  std::uint64_t truncations = 0;
  {
    const std::lock_guard lock(mutex_);
    list = segments_;
    from = recovery_point_;
    truncations = truncations_;
  }
  if (from >= target) return {};
  if (auto s = sync_metadata_files(); !s) return s;
  const auto dir = dir_->get();
  if (auto synced = sync_snapshots(); !synced) return synced.error();
  const auto first = list->floor(from);
  for (auto i = first == list->size() ? 0 : first; i < list->size() && (*list)[i]->base_offset() < target; ++i) {
    const auto began = env_.clock.steady();
    if (auto s = (*list)[i]->sync(i + 1 < list->size()); !s && !(*list)[i]->deleted()) return s;
    config::metrics().log_flush_time.record(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(env_.clock.steady() - began).count()));
  }
  if (dir_dirty_.exchange(false))
    if (auto s = env_.disk().sync_directory(dir); !s) return s;
  if (!parent_synced_) {
    if (auto s = env_.disk().sync_directory(env_.dir->path()); !s) return s;
    parent_synced_ = true;
  }
  last_flush_ms_ = env_.clock.wall_ms();
  const std::lock_guard lock(mutex_);
  if (truncations_ == truncations) {
    recovery_point_ = std::max(recovery_point_, std::min(target, log_end_));
    refresh_seen();
  }
  return {};
}

Status UnifiedLog::settle() {
  if (!flush_due(*config())) return {};
  auto s = flush_blocking();
  if (s) return s;
  report(s.error());
  // On a full disk the log is served as it is: what was there before the start was as durable then.
  return is_no_space(s.error()) ? Status() : s;
}

Status UnifiedLog::flush_blocking() { return flush_up_to(log_end_offset()); }

void UnifiedLog::schedule_metadata_write() {
  if (metadata_job_pending_.exchange(true)) return;
  env_.jobs->post([self = shared_from_this()] {
    self->metadata_job_pending_ = false;
    if (self->closed_ || !self->env_.dir->online()) return;
    // Once there are durable records their epochs must not get lost behind a half-written file.
    bool durable_data = false;
    {
      const std::lock_guard lock(self->mutex_);
      durable_data = self->recovery_point_ > self->log_start_;
    }
    auto s = self->write_topic_id(false);
    if (s) s = self->write_epochs(durable_data);
    if (!s) self->report(s.error());
  });
}

Status UnifiedLog::write_topic_id(bool sync) {
  const std::lock_guard lock(files_mutex_);
  if (!topic_id_dirty_) return {};
  if (auto s = write_atomically(env_.disk(), dir_->get() + "/" + kPartitionMetadataFile, format_partition_metadata(topic_id()), sync); !s) return s;
  topic_id_dirty_ = false;
  topic_id_unsynced_ = !sync;
  dir_dirty_ = true;
  return {};
}

Status UnifiedLog::write_epochs(bool sync) {
  const std::lock_guard lock(files_mutex_);
  const auto entries = epochs_.take_dirty();
  if (!entries) return {};
  const auto path = dir_->get() + "/" + LeaderEpochFileCache::kFileName;
  if (auto s = write_atomically(env_.disk(), path, LeaderEpochFileCache::format(*entries), sync); !s) {
    epochs_.mark_dirty();
    return s;
  }
  epochs_unsynced_ = !sync;
  dir_dirty_ = true;
  return {};
}

Status UnifiedLog::sync_metadata_files() {
  if (auto s = write_topic_id(true); !s) return s;
  if (auto s = write_epochs(true); !s) return s;
  const std::lock_guard lock(files_mutex_);
  const auto sync_file = [&](const char* name) -> Status {
    auto file = env_.disk().open(dir_->get() + "/" + name, OpenMode::write);
    if (!file) return file.error();
    return (*file)->sync();
  };
  if (std::exchange(topic_id_unsynced_, false))
    if (auto s = sync_file(kPartitionMetadataFile); !s) return s;
  if (std::exchange(epochs_unsynced_, false))
    if (auto s = sync_file(LeaderEpochFileCache::kFileName); !s) return s;
  return {};
}

Status UnifiedLog::take_snapshot() {
  std::string bytes;
  Offset at;
  {
    const std::lock_guard lock(mutex_);
    if (!producers_.snapshot_due()) return {};
    at = producers_.map_end();
    bytes = encode_producer_snapshot(producers_.entries());
  }
  auto s = snapshots_.write(dir_->get(), at, bytes, false);
  dir_dirty_ = true;
  if (!s) return s;
  {
    const std::lock_guard lock(flush_list_mutex_);
    unsynced_snapshots_.push_back(at);
  }
  const std::lock_guard lock(mutex_);
  producers_.set_last_snapshot(at);
  return {};
}

Result<bool> UnifiedLog::sync_snapshots() {
  std::vector<Offset> snapshots;
  {
    const std::lock_guard lock(flush_list_mutex_);
    snapshots.swap(unsynced_snapshots_);
  }
  for (const auto offset : snapshots)
    if (auto s = snapshots_.sync(dir_->get(), offset); !s) return s.error();
  return !snapshots.empty();
}

Status UnifiedLog::close(bool flush_to_disk) {
  const bool sealed = try_seal();
  MOLDAU_CHECK(sealed, "a log is sealed before it is closed");
  if (!env_.dir->online()) {
    release_descriptors();
    return env_.dir->offline_error();
  }
  if (auto s = take_snapshot(); !s) return s;
  if (flush_to_disk) {
    if (auto s = flush_blocking(); !s) return s;
    // The flush has nothing to do when every record is durable; the snapshot that was just taken is not. A start that trusts the clean-shutdown marker and
    // finds none would take the log for one without idempotent producers.
    const auto synced = sync_snapshots();
    if (!synced) return synced.error();
    if (*synced && dir_dirty_.exchange(false))
      if (auto s = env_.disk().sync_directory(dir_->get()); !s) return s;
  }
  // A log without records has not been flushed: its small files are written at least.
  if (auto s = write_topic_id(false); !s) return s;
  if (auto s = write_epochs(false); !s) return s;
  for (const auto& segment : *segments_)
    if (auto s = segment->close(); !s) return s;
  return {};
}

Status UnifiedLog::close_and_rename(const std::string& new_path) {
  const bool sealed = try_seal();
  MOLDAU_CHECK(sealed, "a log is sealed before it is renamed");
  const std::lock_guard flush_lock(flush_mutex_);
  const std::lock_guard files_lock(files_mutex_);
  const FileChanges::Change change(file_changes_);
  if (auto s = env_.disk().rename(dir_->get(), new_path); !s) return s;
  dir_->set(new_path);
  return {};
}

}  // namespace moldau::storage
