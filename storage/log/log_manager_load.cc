// LogManagerImpl: loading of all logs at start.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/log/log_loader.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage {

Status LogManagerImpl::read_checkpoints(Dir& dir) {
  const auto& path = dir.state->path();
  // These two only save work or bytes: without them more is scanned or seen again.
  for (const auto& [file, target] : {std::pair(kRecoveryPointFile, &dir.recovery_points), {kLogStartFile, &dir.log_starts}}) {
    auto offsets = read_offset_checkpoint(seams_.disk, path + "/" + file);
    if (offsets) {
      *target = std::move(*offsets);
    } else {
      MOLDAU_LOG(storage, warn, "{}; it is taken as empty", offsets.error().message);
    }
  }
  auto high_watermarks = read_offset_checkpoint(seams_.disk, path + "/" + kHighWatermarkFile);
  if (!high_watermarks) return storage_error(high_watermarks.error().message);
  const std::unique_lock lock(logs_mutex_);
  dir.high_watermarks = std::move(*high_watermarks);
  return {};
}

Result<std::vector<LogManagerImpl::LoadJob>> LogManagerImpl::scan_dir(Dir& dir) {
  const auto& path = dir.state->path();
  auto entries = seams_.disk.list(path);
  if (!entries) return entries.error();
  std::vector<LoadJob> jobs;
  for (const auto& e : *entries) {
    if (!e.is_directory) {
      if (e.name == kCleanShutdownFile) dir.clean_shutdown = true;
      continue;
    }
    if (e.name == "remote-log-index-cache" || e.name == "__cluster_metadata-0") continue;
    const auto name = parse_partition_dir(e.name);
    if (!name)
      return Error(ErrorCode::invalid_config,
                   fmt::format("Found directory {}/{}, which is not in the form of topic-partition or topic-partition.uniqueId-delete (if marked for deletion). Log directories should "
                               "only contain topic data: move it away, or set log.dirs to an empty subdirectory",
                               path, e.name));
    switch (name->kind) {
      case PartitionDirKind::live: jobs.push_back(LoadJob{&dir, e.name, name->partition}); break;
      case PartitionDirKind::to_delete: deletion_->delete_directory_later(dir.state, path + "/" + e.name, default_config()->file_delete_delay_ms); break;
      case PartitionDirKind::future:
      case PartitionDirKind::stray: MOLDAU_LOG(storage, warn, "{}/{} is not served; it is left as it is", path, e.name); break;
    }
  }
  return jobs;
}

void LogManagerImpl::load_one(const LoadJob& job, const std::function<std::shared_ptr<const config::LogConfig>(const std::string&)>& topic_configs,
                              const std::function<bool()>& stop_asked) {
  auto& dir = *job.dir;
  if (!dir.state->online()) return;
  auto config = topic_configs ? topic_configs(job.partition.topic) : nullptr;
  if (!config) config = default_config();
  const auto offset_in = [&](const OffsetMap& map) {
    const auto it = map.find(TopicPartitionView(job.partition));
    return it == map.end() ? Offset(0) : std::max(Offset(0), it->second);
  };
  LoadRequest request{environment(dir),
                      job.partition,
                      dir.state->path() + "/" + job.name,
                      std::move(config),
                      offset_in(dir.recovery_points),
                      offset_in(dir.log_starts),
                      dir.clean_shutdown};
  // Repairs under the marker are rare and short, and are done whole: the marker may be set again.
  if (!dir.clean_shutdown) request.stop_asked = stop_asked;
  auto log = load_log(std::move(request));
  if (!log) {
    if (is_load_stopped(log.error())) return;
    dir.state->fail(storage_error("loading " + to_string(TopicPartitionView(job.partition)) + ": " + log.error().message));
    return;
  }
  // What readers may see begins where it was; leaders and followers move it on.
  if (const auto hw = offset_in(dir.high_watermarks); hw > Offset(0)) (*log)->update_high_watermark(hw);
  (*log)->release_descriptors();
  const std::unique_lock lock(logs_mutex_);
  logs_[job.partition] = std::move(*log);
  ++dir.partitions;
  --dir.unloaded;
}

Status LogManagerImpl::load_logs(const std::function<std::shared_ptr<const config::LogConfig>(const std::string& topic)>& topic_configs,
                                 const std::function<void(std::size_t, std::size_t)>& progress, const std::function<bool()>& stop_asked) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<LoadJob> jobs;
  std::vector<std::string> marked;
  bool clean = true;
  for (const auto& dir : dirs_) {
    if (!dir->state->online()) continue;
    auto found = scan_dir(*dir);
    if (!found) {
      if (found.error().code != ErrorCode::kafka_storage_error) return found.error();
      dir->state->fail(found.error());
      continue;
    }
    if (auto s = read_checkpoints(*dir); !s) {
      dir->state->fail(s.error());
      continue;
    }
    const auto& path = dir->state->path();
    if (dir->clean_shutdown) {
      if (auto s = seams_.disk.remove(path + "/" + kCleanShutdownFile); !s) {
        dir->state->fail(s.error());
        continue;
      }
      marked.push_back(path);
    } else if (!found->empty()) {
      clean = false;
      MOLDAU_LOG(storage, info, "The last stop of {} was not clean: its {} logs are recovered from their recovery points on", path, found->size());
    }
    dir->unloaded = found->size();
    std::move(found->begin(), found->end(), std::back_inserter(jobs));
  }
  if (!any_online()) return storage_error("None of the log.dirs can be used; see the errors above");
  std::unordered_map<TopicPartition, const Dir*, TopicPartitionHash, TopicPartitionEqual> seen;
  for (const auto& job : jobs) {
    const auto [it, fresh] = seen.emplace(job.partition, job.dir);
    if (!fresh)
      return Error(ErrorCode::invalid_config, fmt::format("Duplicate log directories found: {}/{} and {}/{}; keep the one with the newer data and move the other away",
                                                          it->second->state->path(), job.name, job.dir->state->path(), job.name));
  }
  const auto total = jobs.size();
  if (total > 0) MOLDAU_LOG(storage, info, "Loading {} logs{}", total, clean ? "" : ", with recovery");
  if (progress) progress(0, total);

  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::mutex progress_mutex;
  const auto step = std::max<std::size_t>(1, total / 10);
  const auto stopping = [&] { return stop_asked && stop_asked(); };
  const auto work = [&] {
    for (auto i = next++; i < total && !stopping(); i = next++) {
      load_one(jobs[i], topic_configs, stop_asked);
      const std::lock_guard lock(progress_mutex);
      ++done;
      if (!clean && done % step == 0) MOLDAU_LOG(storage, info, "Recovered {} of {} logs", done, total);
      if (progress) progress(done, total);
    }
  };
  {
    std::vector<std::jthread> threads;
    // The marker must be gone for good before something new is written; that takes place beside the loading.
    const auto sync_removals = [&] {
      for (const auto& path : marked)
        if (auto s = seams_.disk.sync_directory(path); !s)
          if (auto* dir = find_dir(path)) dir->state->fail(s.error());
    };
    if (config_.load_threads == 1) {
      sync_removals();
    } else if (!marked.empty()) {
      threads.emplace_back(sync_removals);
    }
    const auto wanted = std::max<std::size_t>(static_cast<std::size_t>(std::max(config_.recovery_threads_per_dir, 1)) * dirs_.size(),
                                              config_.load_threads > 0 ? static_cast<std::size_t>(config_.load_threads) : std::thread::hardware_concurrency());
    const auto n = config_.load_threads == 1 ? 0 : std::min(wanted, total / 8);
    for (std::size_t i = 0; i + 1 < n; ++i) threads.emplace_back(work);
    work();
  }
  if (!any_online()) return storage_error("None of the log.dirs can be used; see the errors above");
  for (const auto& dir : dirs_) dir->loaded = dir->unloaded == 0;
  if (stopping()) {
    const auto missing = total - logs().size();
    MOLDAU_LOG(storage, info, "Loading ends early, a stop was asked for: {} of {} logs are left to the next start", missing, total);
    return load_stopped();
  }
  if (total > 0)
    MOLDAU_LOG(storage, info, "Loaded {} logs in {} ms", total, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count());
  return {};
}

}  // namespace moldau::storage
