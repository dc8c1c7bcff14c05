#include "storage/log/load_queue.h"

#include <algorithm>
#include <utility>

namespace moldau::storage {

std::size_t LoadProgress::remaining_logs() const {
  std::size_t n = 0;
  for (const auto& dir : dirs) n += dir.remaining_logs;
  return n;
}

void LoadQueue::Job::read(std::uint64_t bytes) noexcept {
  // A log may turn out to hold more than was counted: it is never below zero. Only the loading thread writes.
  const auto left = bytes_left.load(std::memory_order_relaxed);
  bytes_left.store(left - std::min(left, bytes), std::memory_order_relaxed);
}

void LoadQueue::Job::segment_done() noexcept {
  const auto left = segments_left.load(std::memory_order_relaxed);
  if (left > 0) segments_left.store(left - 1, std::memory_order_relaxed);
}

void LoadQueue::fill(std::vector<DirInfo> dirs, std::vector<std::unique_ptr<Job>> jobs) {
  std::stable_sort(jobs.begin(), jobs.end(), [](const auto& a, const auto& b) { return a->work.bytes < b->work.bytes; });
  const std::lock_guard lock(mutex_);
  dirs_ = std::move(dirs);
  jobs_ = std::move(jobs);
  for (const auto& job : jobs_) {
    job->segments_left = job->work.segments;
    job->bytes_left = job->work.bytes;
    if (!job->is_future) by_partition_.emplace(job->partition, job.get());
  }
  low_ = 0;
  high_ = waiting_ = jobs_.size();
  ++changes_;
}

LoadQueue::Job* LoadQueue::take(End from, std::size_t thread) {
  const std::lock_guard lock(mutex_);
  while (low_ < high_) {
    auto& job = from == End::cheapest ? *jobs_[low_++] : *jobs_[--high_];
    if (job.state != State::waiting) continue;
    job.state = State::running;
    job.thread = thread;
    --waiting_;
    ++running_;
    return &job;
  }
  return nullptr;
}

void LoadQueue::finish(Job& job, State state) {
  const std::lock_guard lock(mutex_);
  job.state = state;
  --running_;
  if (state == State::waiting) ++waiting_;
  ++changes_;
  changed_.notify_all();
}

std::optional<LoadQueue::State> LoadQueue::state(TopicPartitionView tp) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_partition_.find(tp);
  return it == by_partition_.end() ? std::nullopt : std::optional(it->second->state);
}

bool LoadQueue::is_loading(TopicPartitionView tp) const {
  const auto now = state(tp);
  return now == State::waiting || now == State::running;
}

bool LoadQueue::is_missing(TopicPartitionView tp) const {
  const auto now = state(tp);
  return now == State::waiting || now == State::running || now == State::failed;
}

std::optional<std::pair<std::size_t, std::string>> LoadQueue::cancel(TopicPartitionView tp) {
  std::unique_lock lock(mutex_);
  const auto it = by_partition_.find(tp);
  if (it == by_partition_.end()) return std::nullopt;
  auto& job = *it->second;
  job.cancelled = true;
  changed_.wait(lock, [&] { return job.state != State::running; });
  if (job.state == State::loaded || job.state == State::deleted) return std::nullopt;
  if (job.state == State::waiting) --waiting_;
  job.state = State::deleted;
  ++changes_;
  changed_.notify_all();
  return std::pair(job.dir, job.name);
}

bool LoadQueue::done() const {
  const std::lock_guard lock(mutex_);
  return done_locked();
}

bool LoadQueue::wait_done(Millis wait) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, wait, [this] { return done_locked(); });
}

std::size_t LoadQueue::total() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

std::size_t LoadQueue::finished() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size() - waiting_ - running_;
}

LoadProgress LoadQueue::progress(std::size_t threads) const {
  LoadProgress all;
  const std::lock_guard lock(mutex_);
  for (const auto& dir : dirs_) {
    LoadProgress::Dir d;
    d.path = dir.path;
    d.recovering = dir.recovering;
    d.thread_segments.assign(threads, 0);
    all.dirs.push_back(std::move(d));
  }
  for (const auto& job : jobs_) {
    auto& d = all.dirs[job->dir];
    ++d.logs;
    if (job->state == State::failed) ++d.failed_logs;
    if (job->state != State::waiting && job->state != State::running) continue;
    ++d.remaining_logs;
    const auto segments = job->segments_left.load(std::memory_order_relaxed);
    d.remaining.segments += segments;
    d.remaining.bytes += job->bytes_left.load(std::memory_order_relaxed);
    if (const auto thread = job->thread.load(std::memory_order_relaxed); job->state == State::running && thread < threads) d.thread_segments[thread] = segments;
  }
  std::erase_if(all.dirs, [](const auto& d) { return d.remaining_logs == 0 && d.failed_logs == 0; });
  return all;
}

}  // namespace moldau::storage
