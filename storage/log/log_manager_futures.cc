// LogManagerImpl: moves of partitions between log directories (KIP-113; Kafka 3.9 LogManager.replaceCurrentWithFutureLog).
//
// A future log, `<topic>-<partition>.<id>-future` in another log directory, is filled by the replica manager and then takes the partition's place:
//
//   1  flush       what is durable in the old log is durable in the new one
//   2  mark        `moldau-swap` in the new directory: its log counts, should both be found by the partition's name
//   3  rename      <future>  ->  <topic>-<partition>, made durable
//   4  retire      the old one  ->  <topic>-<partition>.<id>-delete, made durable
//   5  unmark
//
// A crash between 3 and 4 leaves two directories of one name. Apache Kafka refuses to start then; here the one with the higher generation in its mark counts and
// the other is deleted. The marks stay while a log directory is offline, which may come back with such a twin. When step 3 fails in its middle, the old log goes
// on, and is given a mark of a still higher generation. Apache Kafka leaves the file alone.
#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/checkpoint/text_lines.h"
#include "storage/io/disk.h"
#include "storage/log/log_loader.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage {
namespace {

constexpr const char* kSwapMark = "moldau-swap";
constexpr std::size_t kMaxPreferred = 100'000;  // partitions that may never come

std::string live_path(const UnifiedLog& log) { return log.parent_dir() + "/" + to_string(TopicPartitionView(log.topic_partition())); }

/// The generation in a directory's mark; 0 without one.
Result<std::int64_t> generation_of(Disk& disk, const std::string& dir) {
  const auto path = dir + "/" + kSwapMark;
  auto text = read_whole(disk, path, 4096);
  if (!text) return text.error();
  if (!*text) return std::int64_t{0};
  std::string_view digits = **text;
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  const auto generation = parse_number<std::int64_t>(digits);
  if (generation && *generation > 0) return *generation;
  MOLDAU_LOG(storage, warn, "{} is not understood and counts for nothing", path);
  return std::int64_t{0};
}

Status write_mark(Disk& disk, const std::string& dir, std::int64_t generation) {
  return write_atomically(disk, dir + "/" + kSwapMark, std::to_string(generation) + "\n");
}

}  // namespace

Status LogManagerImpl::check_dir(const std::string& path) const {
  for (const auto& dir : dirs_) {
    if (dir->state->path() != path) continue;
    if (dir->state->online()) return {};
    return dir->state->offline_error();
  }
  return Error(ErrorCode::log_dir_not_found, "Log dir " + path + " is not found in the config.");
}

void LogManagerImpl::prefer_dir(TopicPartitionView tp, const std::string& path) {
  auto* dir = find_dir(path);
  const std::unique_lock lock(logs_mutex_);
  const auto lies_there = [&](const LogMap& map) {
    const auto it = map.find(tp);
    return it != map.end() && it->second->parent_dir() == path;
  };
  if (dir == nullptr || lies_there(logs_) || lies_there(futures_)) return;
  if (const auto known = preferred_.find(tp); known != preferred_.end()) {
    known->second = dir;
  } else if (preferred_.size() < kMaxPreferred) {
    preferred_.emplace(TopicPartition{std::string(tp.topic), tp.partition}, dir);
  }
}

std::vector<std::shared_ptr<UnifiedLog>> LogManagerImpl::future_logs() const {
  const std::shared_lock lock(logs_mutex_);
  std::vector<std::shared_ptr<UnifiedLog>> list;
  list.reserve(futures_.size());
  for (const auto& [tp, log] : futures_) list.push_back(log);
  return list;
}

std::vector<std::shared_ptr<UnifiedLog>> LogManagerImpl::logs_and_futures() const {
  auto all = logs();
  auto futures = future_logs();
  all.insert(all.end(), std::make_move_iterator(futures.begin()), std::make_move_iterator(futures.end()));
  return all;
}

std::vector<std::shared_ptr<Log>> LogManagerImpl::all_futures() const {
  const auto futures = future_logs();
  return {futures.begin(), futures.end()};
}

void LogManagerImpl::pause_cleaning(TopicPartitionView tp) {
  if (compactor_) compactor_->pause(tp);
}

void LogManagerImpl::resume_cleaning(TopicPartitionView tp) {
  if (compactor_) compactor_->resume(tp);
}

Result<std::shared_ptr<Log>> LogManagerImpl::create_future(const TopicPartition& tp, const std::string& path, std::shared_ptr<const config::LogConfig> config, TopicId id) {
  const std::lock_guard creating(create_mutex(tp));
  if (auto s = check_dir(path); !s) return s.error();
  for (const auto& dir : dirs_)
    if (!dir->state->online())
      return storage_error(fmt::format("Can not create the future log for {} because log directory {} is offline and may hold one", tp, dir->state->path()));
  const auto current = find_log(tp);
  if (!current || current->parent_dir() == path || find_in(futures_, tp))
    return Error(ErrorCode::unknown_server_error, fmt::format("{} can not get a future log in {}", tp, path));
  auto& dir = *find_dir(path);
  const auto made = path + "/" + future_dir_name(tp, seams_.random);
  if (auto s = seams_.disk.make_directory(made, false); !s) {
    dir.state->fail(s.error());
    return s.error();
  }
  auto log = create_log(environment(dir), tp, made, std::move(config));
  {
    const std::unique_lock lock(logs_mutex_);
    futures_[tp] = log;
    preferred_.erase(tp);
    ++dir.partitions;
  }
  MOLDAU_LOG(storage, info, "Created future log for {} in {}", tp, made);
  if (!id.is_zero())
    if (auto s = log->assign_topic_id(id); !s) return s.error();
  return std::static_pointer_cast<Log>(std::move(log));
}

Awaitable<Result<std::shared_ptr<Log>>> LogManagerImpl::replace_with_future(TopicPartition tp) {
  const auto current = find_log(tp);
  const auto next = find_in(futures_, tp);
  if (!current || !next) co_return Error(ErrorCode::unknown_server_error, fmt::format("{} has no future log that could take the place of its log", tp));
  const auto& target = next->environment().dir;
  const auto fail = [&](Status s) {
    target->fail(s.error());
    return s.error();
  };
  if (!current->environment().dir->online()) co_return current->environment().dir->offline_error();
  if (!target->online()) co_return target->offline_error();
  if (next->recovery_point() < current->recovery_point())
    if (auto s = next->flush_blocking(); !s) co_return fail(s);
  const auto known = generation_of(seams_.disk, current->dir());
  if (!known) {
    current->environment().dir->fail(known.error());
    co_return known.error();
  }
  if (auto s = write_mark(seams_.disk, next->dir(), *known + 1); !s) co_return fail(s);
  auto moving = next->move_to(live_path(*next));
  if (auto s = co_await std::move(moving); !s) {
    if (is_no_space(s.error()) && next->dir() != live_path(*next)) co_return fail(s);  // tried again when there is room
    // Whether it has its new name nobody knows.
    if (auto marked = write_mark(seams_.disk, current->dir(), *known + 2); !marked) current->environment().dir->fail(storage_error(marked.error().message));
    co_return fail(storage_error(s.error().message));
  }
  next->update_high_watermark(current->high_watermark());
  {
    const std::unique_lock lock(logs_mutex_);
    logs_[tp] = next;
    futures_.erase(tp);
    for (const auto& dir : dirs_) {
      if (dir->state == current->environment().dir) --dir->partitions;
      if (const auto hw = dir->high_watermarks.find(TopicPartitionView(tp)); hw != dir->high_watermarks.end()) dir->high_watermarks.erase(hw);
    }
  }
  if (compactor_) compactor_->on_log_replaced(*current, next);
  MOLDAU_LOG(storage, info, "The log of {} in {} is replaced with the future log in {}", tp, current->parent_dir(), next->parent_dir());
  co_return std::static_pointer_cast<Log>(current);
}

Status LogManagerImpl::retire(const std::shared_ptr<Log>& replaced) {
  const auto log = std::static_pointer_cast<UnifiedLog>(replaced);
  const auto& state = log->environment().dir;
  if (auto s = delete_later(log); !s) {
    log->release_descriptors();
    return s;
  }
  if (auto s = seams_.disk.sync_directory(state->path()); !s) {
    state->fail(s.error());
    return s;
  }
  if (const auto next = find_log(TopicPartitionView(log->topic_partition()))) unmark(*next);
  // What the files still say of the partition must not be taken for true should it come back.
  checkpoint_recovery_points();
  checkpoint_log_starts();
  return {};
}

Status LogManagerImpl::delete_future(TopicPartitionView tp) {
  const std::lock_guard deleting(create_mutex(tp));
  std::shared_ptr<UnifiedLog> log;
  {
    const std::unique_lock lock(logs_mutex_);
    const auto it = futures_.find(tp);
    if (it == futures_.end()) return Error(ErrorCode::unknown_topic_or_partition, "There is no future log of " + to_string(tp));
    log = it->second;
    futures_.erase(it);
    if (auto* dir = find_dir(log->parent_dir())) --dir->partitions;
  }
  if (auto s = delete_later(log); !s) return s;
  checkpoint_recovery_points();
  checkpoint_log_starts();
  return {};
}

// ---- what a start finds ----

Status LogManagerImpl::drop_replaced(LoadJobs& jobs) {
  struct Winner {
    std::size_t job = 0;
    std::optional<std::int64_t> generation;  // read when there is a second
  };
  std::unordered_map<TopicPartition, Winner, TopicPartitionHash, TopicPartitionEqual> winners;
  std::vector<std::size_t> dropped;
  const auto path_of = [&](std::size_t i) { return dirs_[jobs[i]->dir]->state->path() + "/" + jobs[i]->name; };
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i]->is_future) continue;
    const auto [it, fresh] = winners.emplace(jobs[i]->partition, Winner{i, std::nullopt});
    if (fresh) continue;
    auto& first = it->second;
    if (!first.generation) {
      const auto read = generation_of(seams_.disk, path_of(first.job));
      if (!read) return read.error();
      first.generation = *read;
    }
    const auto generation = generation_of(seams_.disk, path_of(i));
    if (!generation) return generation.error();
    if (*generation == *first.generation)
      return Error(ErrorCode::invalid_config,
                   fmt::format("Duplicate log directories found: {} and {}; keep the one with the newer data and move the other away", path_of(first.job), path_of(i)));
    dropped.push_back(*generation > *first.generation ? std::exchange(first.job, i) : i);
    first.generation = std::max(*first.generation, *generation);
  }
  std::sort(dropped.rbegin(), dropped.rend());
  for (const auto i : dropped) {
    auto& dir = *dirs_[jobs[i]->dir];
    const auto renamed = dir.state->path() + "/" + delete_dir_name(jobs[i]->partition, seams_.random);
    MOLDAU_LOG(storage, warn, "{} was replaced by {} when the broker stopped in the middle of a move between log directories; it is renamed to {} and scheduled for deletion", path_of(i),
               path_of(winners.at(jobs[i]->partition).job), renamed);
    if (auto s = seams_.disk.rename(path_of(i), renamed); !s) {
      dir.state->fail(s.error());
    } else {
      deletion_->delete_directory_later(dir.state, renamed, default_config()->file_delete_delay_ms);
    }
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

void LogManagerImpl::add_loaded(const LoadJob& job, std::shared_ptr<UnifiedLog> log) {
  const std::unique_lock lock(logs_mutex_);
  ++dirs_[job.dir]->partitions;
  if (!job.is_future) {
    logs_[job.partition] = std::move(log);
    return;
  }
  const auto [it, fresh] = futures_.try_emplace(job.partition, log);
  if (fresh) return;
  // Two, when a move was begun anew and the first one's deletion got lost: the longer is kept.
  if (it->second->log_end_offset() < log->log_end_offset()) std::swap(it->second, log);
  surplus_futures_.push_back(std::move(log));
}

void LogManagerImpl::settle_futures() {
  const bool all_here = std::all_of(dirs_.begin(), dirs_.end(), [](const auto& d) { return d->state->online(); });
  std::vector<std::shared_ptr<UnifiedLog>> gone;
  for (const auto& log : future_logs()) {
    const auto& tp = log->topic_partition();
    const auto current = find_log(TopicPartitionView(tp));
    if (current) {
      if (current->parent_dir() != log->parent_dir()) continue;  // the move goes on when the partition gets its role
      MOLDAU_LOG(storage, warn, "{} lies beside the log of {} and is of no use; it is deleted", log->dir(), tp);
      const std::unique_lock lock(logs_mutex_);
      futures_.erase(tp);
      gone.push_back(log);
      continue;
    }
    if (!all_here || why_missing(TopicPartitionView(tp))) {
      MOLDAU_LOG(storage, warn, "{} waits for the log of {}, which could not be loaded or may lie in a log directory that is offline", log->dir(), tp);
      continue;
    }
    // DIFFERS: Apache Kafka makes an empty log and then cuts this one back to that.
    MOLDAU_LOG(storage, warn, "The log of {} is gone, the copy in {} up to offset {} takes its place", tp, log->dir(), log->log_end_offset());
    if (auto s = log->rename_dir(live_path(*log)); !s) {
      log->environment().dir->fail(s.error());
      continue;
    }
    const std::unique_lock lock(logs_mutex_);
    futures_.erase(tp);
    logs_[tp] = log;
  }
  for (auto& log : std::exchange(surplus_futures_, {})) {
    if (find_log(TopicPartitionView(log->topic_partition()))) {
      gone.push_back(std::move(log));
    } else {
      MOLDAU_LOG(storage, warn, "{} is one of several copies of a log that is gone; it is left as it is", log->dir());
    }
  }
  for (const auto& log : gone) {
    if (auto* dir = find_dir(log->parent_dir())) --dir->partitions;
    if (log->try_seal()) (void)delete_later(log);  // a failure has taken the directory offline
  }
  if (dirs_.size() > 1)
    for (const auto& log : logs()) unmark(*log);
}

void LogManagerImpl::unmark(const UnifiedLog& log) {
  if (!std::all_of(dirs_.begin(), dirs_.end(), [](const auto& d) { return d->state->online(); })) return;
  if (auto s = seams_.disk.remove(log.dir() + "/" + kSwapMark); !s) log.environment().dir->fail(s.error());
}

}  // namespace moldau::storage
