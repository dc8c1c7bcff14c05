// LogManagerImpl: loading of all logs at start.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/checkpoint/set_aside.h"
#include "storage/log/log_loader.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage {
namespace {

constexpr Millis kStopCheck{20};
constexpr Offset kMaxOffset{INT64_MAX / 2};  // sums with larger ones would run over; no log gets there
constexpr std::int64_t kProgressLineMs = 3'000;
constexpr std::size_t kJobsPerThread = 8;  // fewer are not worth a thread

/// Calls `work(i)` for each i below `count`, on this thread and up to `threads` - 1 others.
void for_each_on(std::size_t threads, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto loop = [&] {
    for (auto i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(threads, count / kJobsPerThread); ++i) others.emplace_back(loop);
  loop();
}

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

Status LogManagerImpl::read_checkpoints(Dir& dir) {
  const auto& path = dir.state->path();
  // These only save work, or tell what readers may see until leaders and followers know better. DIFFERS: Apache Kafka takes the directory offline for a broken
  // replication-offset-checkpoint.
  OffsetMap high_watermarks;
  for (const auto& [file, target] :
       {std::pair(kRecoveryPointFile, &dir.recovery_points), {kLogStartFile, &dir.log_starts}, {kHighWatermarkFile, &high_watermarks}}) {
    auto offsets = read_offset_checkpoint(seams_.disk, path + "/" + file);
    if (offsets) {
      *target = std::move(*offsets);
      continue;
    }
    if (offsets.error().code != ErrorCode::corrupt_message) return offsets.error();
    auto kept = set_aside(seams_.disk, path + "/" + file, seams_.clock.wall_ms());
    if (!kept) return kept.error();
    MOLDAU_LOG(storage, warn, "{}; it is taken as empty, and kept as {}", offsets.error().message, *kept);
  }
  const std::unique_lock lock(logs_mutex_);
  dir.high_watermarks = std::move(high_watermarks);
  return {};
}

Result<LogManagerImpl::LoadJobs> LogManagerImpl::scan_dir(std::size_t index) {
  auto& dir = *dirs_[index];
  const auto& path = dir.state->path();
  auto entries = seams_.disk.list(path);
  if (!entries) return entries.error();
  LoadJobs jobs;
  const auto add = [&](const std::string& name, TopicPartition partition, bool is_future) {
    auto job = std::make_unique<LoadJob>();
    job->dir = index;
    job->name = name;
    job->partition = std::move(partition);
    job->is_future = is_future;
    jobs.push_back(std::move(job));
  };
  for (const auto& e : *entries) {
    if (!e.is_directory) {
      if (e.name == kCleanShutdownFile) dir.clean_shutdown = true;
      if (const auto name = parse_partition_dir(e.name); name && name->kind == PartitionDirKind::live)
        MOLDAU_LOG(storage, warn, "{}/{} has the name of a partition's directory, but is none (a file, or a link to nothing): it is left as it is", path,
                   e.name);
      continue;
    }
    if (e.name == "remote-log-index-cache" || e.name == "__cluster_metadata-0") continue;
    const auto name = parse_partition_dir(e.name);
    if (!name)
      return Error(
          ErrorCode::invalid_config,
          fmt::format(
              "Found directory {}/{}, which is not in the form of topic-partition or topic-partition.uniqueId-delete (if marked for deletion). Log directories should "
              "only contain topic data: move it away, or set log.dirs to an empty subdirectory",
              path, e.name));
    switch (name->kind) {
      case PartitionDirKind::live: add(e.name, name->partition, false); break;
      case PartitionDirKind::future: add(e.name, name->partition, true); break;
      case PartitionDirKind::to_delete: deletion_->delete_directory_later(dir.state, path + "/" + e.name, default_config()->file_delete_delay_ms); break;
      case PartitionDirKind::stray: MOLDAU_LOG(storage, warn, "{}/{} is not served; it is left as it is", path, e.name); break;
    }
  }
  return jobs;
}

Result<LogManagerImpl::LoadJobs> LogManagerImpl::find_load_jobs() {
  LoadJobs jobs;
  for (std::size_t i = 0; i < dirs_.size(); ++i) {
    auto& dir = *dirs_[i];
    if (!dir.state->online()) continue;
    auto found = scan_dir(i);
    if (!found) {
      if (found.error().code != ErrorCode::kafka_storage_error) return found.error();
      dir.state->fail(found.error());
      continue;
    }
    if (auto s = read_checkpoints(dir); !s) {
      dir.state->fail(s.error());
      continue;
    }
    const auto& path = dir.state->path();
    if (dir.clean_shutdown) {
      if (auto s = seams_.disk.remove(path + "/" + kCleanShutdownFile); !s) {
        dir.state->fail(s.error());
        continue;
      }
      marked_.push_back(path);
    } else if (!found->empty()) {
      MOLDAU_LOG(storage, info, "The last stop of {} was not clean: its {} logs are recovered from their recovery points on", path, found->size());
    }
    dir.scanned = true;
    std::move(found->begin(), found->end(), std::back_inserter(jobs));
  }
  if (!any_online()) return storage_error("None of the log.dirs can be used; see the errors above");
  if (auto s = drop_replaced(jobs); !s) return s.error();
  return jobs;
}

void LogManagerImpl::sync_marker_removals() {
  for (const auto& path : marked_)
    if (auto s = seams_.disk.sync_directory(path); !s)
      if (auto* dir = find_dir(path)) dir->state->fail(s.error());
}

void LogManagerImpl::count_recovery_work(LoadJobs& jobs, std::size_t threads) {
  for_each_on(threads, jobs.size(), [&](std::size_t i) {
    auto& job = *jobs[i];
    const auto& dir = *dirs_[job.dir];
    if (dir.clean_shutdown || stop_loading_) return;
    const auto known = dir.recovery_points.find(TopicPartitionView(job.partition));
    const auto work = recovery_work(seams_.disk, dir.state->path() + "/" + job.name, known == dir.recovery_points.end() ? Offset(0) : known->second);
    if (work) job.work = *work;  // what went wrong is met again by the load
  });
}

LoadQueue::State LogManagerImpl::load_one(LoadJob& job, const LoadRun& run) {
  auto& dir = *dirs_[job.dir];
  if (!dir.state->online()) return LoadQueue::State::failed;
  auto config = run.topic_configs ? run.topic_configs(job.partition.topic) : nullptr;
  if (!config) config = default_config();
  const auto offset_in = [&](const OffsetMap& map) {
    const auto it = map.find(TopicPartitionView(job.partition));
    return it == map.end() || it->second < Offset(0) || it->second > kMaxOffset ? Offset(0) : it->second;
  };
  LoadRequest request{environment(dir),          job.partition,     dir.state->path() + "/" + job.name, std::move(config), offset_in(dir.recovery_points),
                      offset_in(dir.log_starts), dir.clean_shutdown};
  request.bytes_read = [&](std::uint64_t bytes) {
    job.read(bytes);
    tell_load_progress();
  };
  request.segment_done = [&] { job.segment_done(); };
  // Repairs under the marker are rare and short, and are done whole: the marker may be set again.
  if (!dir.clean_shutdown) request.stop_asked = [&] { return job.cancelled || stop_loading_ || (run.stop_asked && run.stop_asked()); };
  auto log = load_log(std::move(request));
  if (!log) {
    if (is_load_stopped(log.error())) return LoadQueue::State::waiting;
    const auto what = "loading " + to_string(TopicPartitionView(job.partition)) + ": " + log.error().message;
    if (log.error().code == ErrorCode::kafka_storage_error) {
      dir.state->fail(storage_error(what));
    } else {
      // DIFFERS: Apache Kafka takes the whole directory offline, or ends.
      MOLDAU_LOG(storage, err, "{}/{} is left as it is, and its partition is not available: {}", dir.state->path(), job.name, what);
    }
    return LoadQueue::State::failed;
  }
  // What readers may see begins where it was; leaders and followers move it on.
  Offset hw;
  {
    const std::shared_lock lock(logs_mutex_);
    hw = offset_in(dir.high_watermarks);
  }
  if (hw > Offset(0)) (*log)->update_high_watermark(hw);
  (*log)->release_descriptors();
  add_loaded(job, std::move(*log));
  if (--dir.unloaded == 0) dir.loaded = true;
  return LoadQueue::State::loaded;
}

void LogManagerImpl::load_from(LoadQueue::End end, std::size_t thread, const LoadRun& run) {
  const auto stopping = [&] { return stop_loading_ || (run.stop_asked && run.stop_asked()); };
  while (!stopping()) {
    auto* job = loading_.take(end, thread);
    if (job == nullptr) break;
    auto state = LoadQueue::State::failed;
    try {
      state = load_one(*job, run);
    } catch (const std::exception& e) {
      MOLDAU_LOG(storage, err, "loading {} failed: {}", job->partition, e.what());
    }
    loading_.finish(*job, state);
    if (run.progress) run.progress(loading_.finished(), loading_.total());
    tell_load_progress();
    std::function<void()> listener;
    {
      const std::lock_guard lock(loaded_mutex_);
      listener = loaded_listener_;
    }
    if (listener) listener();
  }
  if (loading_.done() && !all_loaded_told_.exchange(true)) on_all_loaded(run);
}

void LogManagerImpl::tell_load_progress() {
  const auto now = seams_.clock.wall_ms();
  auto due = next_progress_line_ms_.load(std::memory_order_relaxed);
  if (now < due || !next_progress_line_ms_.compare_exchange_strong(due, now + kProgressLineMs)) return;
  for (const auto& dir : load_progress().dirs)
    if (dir.remaining_logs > 0)
      MOLDAU_LOG(storage, info, "{} {}: {} of {} logs remain, with {} segments and {} to read", dir.recovering ? "Recovering" : "Loading", dir.path,
                 dir.remaining_logs, dir.logs, dir.remaining.segments, mebibytes(dir.remaining.bytes));
}

void LogManagerImpl::on_all_loaded(const LoadRun& run) {
  settle_futures();
  {
    // Nobody reads them any more.
    const std::lock_guard lock(checkpoint_mutex_);
    for (const auto& dir : dirs_) {
      if (!dir->loaded) continue;
      dir->recovery_points = {};
      dir->log_starts = {};
    }
  }
  if (loading_.total() > 0)
    MOLDAU_LOG(storage, info, "Loaded {} logs in {} ms", logs().size(),
               std::chrono::duration_cast<std::chrono::milliseconds>(seams_.clock.steady() - run.began).count());
}

Status LogManagerImpl::load_logs(const TopicConfigs& topic_configs, const std::function<void(std::size_t, std::size_t)>& progress,
                                 const std::function<bool()>& stop_asked, std::optional<Millis> patience) {
  LoadRun run{topic_configs, progress, stop_asked, seams_.clock.steady()};
  auto jobs = find_load_jobs();
  if (!jobs) return jobs.error();
  const auto total = jobs->size();
  const bool alone = config_.load_threads == 1;
  const auto wanted = std::max<std::size_t>(static_cast<std::size_t>(std::max(config_.recovery_threads_per_dir, 1)) * dirs_.size(),
                                            config_.load_threads > 0 ? static_cast<std::size_t>(config_.load_threads) : std::thread::hardware_concurrency());
  bool recovers = false;
  std::vector<LoadQueue::DirInfo> infos;
  for (std::size_t i = 0; i < dirs_.size(); ++i) {
    auto& dir = *dirs_[i];
    const auto count = static_cast<std::size_t>(std::count_if(jobs->begin(), jobs->end(), [i](const auto& job) { return job->dir == i; }));
    dir.unloaded = count;
    dir.loaded = dir.scanned && count == 0;
    recovers = recovers || (count > 0 && !dir.clean_shutdown);
    infos.push_back(LoadQueue::DirInfo{dir.state->path(), !dir.clean_shutdown});
  }
  if (total > 0) MOLDAU_LOG(storage, info, "Loading {} logs{}", total, recovers ? ", with recovery" : "");
  if (recovers) count_recovery_work(*jobs, alone ? 1 : wanted);
  // Who settles what became of a move between directories wants to see all logs.
  const bool moves = std::any_of(jobs->begin(), jobs->end(), [](const auto& job) { return job->is_future; });
  const bool in_background = patience && !alone && recovers && !moves;
  load_threads_wanted_ = alone ? 1 : std::max<std::size_t>(1, recovers ? std::min(wanted, total) : std::min(wanted, total / kJobsPerThread));
  next_progress_line_ms_ = seams_.clock.wall_ms() + kProgressLineMs;
  loading_.fill(std::move(infos), std::move(*jobs));
  register_load_gauges();
  if (progress) progress(0, total);

  if (alone) {
    sync_marker_removals();
    load_from(LoadQueue::End::cheapest, 0, run);
  } else {
    if (in_background) {
      sync_marker_removals();
    } else if (!marked_.empty()) {
      load_threads_.emplace_back([this] { sync_marker_removals(); });
    }
    // This thread loads too, unless it is to leave.
    for (std::size_t i = in_background ? 0 : 1; i < load_threads_wanted_; ++i)
      load_threads_.emplace_back([this, i, run] { load_from(i % 2 == 0 ? LoadQueue::End::cheapest : LoadQueue::End::costliest, i, run); });
    if (in_background) {
      const auto until = std::chrono::steady_clock::now() + *patience;
      while (!loading_.wait_done(kStopCheck) && std::chrono::steady_clock::now() < until && any_online())
        if (stop_asked && stop_asked()) break;
    } else {
      load_from(LoadQueue::End::cheapest, 0, run);
      load_threads_.clear();
    }
  }
  if (!any_online()) return storage_error("None of the log.dirs can be used; see the errors above");
  if (stop_asked && stop_asked()) {
    stop_loading();
    if (const auto left = loading_.total() - loading_.finished(); left > 0) {
      MOLDAU_LOG(storage, info, "Loading ends early, a stop was asked for: {} of {} logs are left to the next start", left, total);
      return load_stopped();
    }
    return {};
  }
  if (in_background && !loading_.done())
    MOLDAU_LOG(storage, info, "{} of {} logs are loaded; going on with those, the others follow as they are recovered", loading_.finished(), total);
  return {};
}

void LogManagerImpl::register_load_gauges() {
  using DirProgress = LoadProgress::Dir;
  const auto each_dir = [this](config::MetricFamilyBase& family, std::function<void(const DirProgress&, const config::Emit&)> emit_dir) {
    load_gauges_.push_back(family.register_callback([this, emit_dir = std::move(emit_dir)](const config::Emit& emit) {
      if (loading_.done()) return;
      for (const auto& dir : load_progress().dirs) emit_dir(dir, emit);
    }));
  };
  auto& m = config::metrics();
  each_dir(m.remaining_logs_to_recover, [](const DirProgress& dir, const config::Emit& emit) { emit({dir.path}, static_cast<double>(dir.remaining_logs)); });
  each_dir(m.recovery_remaining_bytes, [](const DirProgress& dir, const config::Emit& emit) { emit({dir.path}, static_cast<double>(dir.remaining.bytes)); });
  each_dir(m.remaining_segments_to_recover, [](const DirProgress& dir, const config::Emit& emit) {
    for (std::size_t i = 0; i < dir.thread_segments.size(); ++i) emit({dir.path, std::to_string(i)}, static_cast<double>(dir.thread_segments[i]));
  });
}

void LogManagerImpl::stop_loading() {
  stop_loading_ = true;
  load_threads_.clear();  // joins
}

void LogManagerImpl::set_loaded_listener(std::function<void()> listener) {
  const std::lock_guard lock(loaded_mutex_);
  loaded_listener_ = std::move(listener);
}

std::optional<Error> LogManagerImpl::why_missing(TopicPartitionView tp) const {
  const auto state = loading_.state(tp);
  if (state == LoadQueue::State::waiting || state == LoadQueue::State::running) return still_loading(fmt::format("the log of {} is still being loaded", tp));
  if (state == LoadQueue::State::failed) return storage_error(fmt::format("the log of {} could not be loaded when the broker started", tp));
  return std::nullopt;
}

std::optional<Status> LogManagerImpl::delete_unloaded(TopicPartitionView tp) {
  const bool was_loading = loading_.is_loading(tp);
  const auto found = loading_.cancel(tp);
  if (!found) {
    // It came just now, and nobody has it yet.
    if (const auto log = find_log(tp); was_loading && log) (void)log->try_seal();
    return std::nullopt;
  }
  auto& dir = *dirs_[found->first];
  if (!dir.state->online()) return Status(dir.state->offline_error());
  if (--dir.unloaded == 0) dir.loaded = true;
  const TopicPartition partition{std::string(tp.topic), tp.partition};
  const auto renamed = dir.state->path() + "/" + delete_dir_name(partition, seams_.random);
  if (auto s = seams_.disk.rename(dir.state->path() + "/" + found->second, renamed); !s) {
    dir.state->fail(s.error());
    return s;
  }
  MOLDAU_LOG(storage, info, "The log for partition {}, which was not loaded yet, is renamed to {} and is scheduled for deletion", tp, renamed);
  deletion_->delete_directory_later(dir.state, renamed, default_config()->file_delete_delay_ms);
  return Status();
}

}  // namespace moldau::storage
