// LogManagerImpl: directories, identity, creation, deletion, stop. Loading and housekeeping are in the files beside.
#include <algorithm>
#include <atomic>
#include <thread>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "storage/io/posix_disk.h"
#include "storage/log/log_loader.h"
#include "storage/log/log_manager_impl.h"

namespace moldau::storage {
namespace {

constexpr std::size_t kMaxOpenFiles = 16384;
constexpr std::size_t kCloseThreads = 8;
constexpr Millis kSealTime{30'000};

/// Half of the process's descriptors are for segments, the other half for connections.
std::size_t descriptors_for_files() { return std::min<std::size_t>(kMaxOpenFiles, static_cast<std::size_t>(raise_descriptor_limit() / 2)); }

/// Makes the directory and what is missing above it, and their names durable: a log directory that a power loss takes away takes synced records with it.
Status make_durable_directory(Disk& disk, const std::string& path) {
  auto there = disk.stat(path);
  if (!there) return there.error();
  const auto parent = parent_path(path);
  if (*there || parent == path) return disk.make_directory(path, false);  // complains about a file in its place
  if (auto s = make_durable_directory(disk, parent); !s) return s;
  if (auto s = disk.make_directory(path, false); !s) return s;
  return disk.sync_directory(parent);
}

}  // namespace

std::unique_ptr<LogManager> LogManager::make(LogManagerConfig config, std::shared_ptr<const config::LogConfig> default_config, Seams seams) {
  return std::make_unique<LogManagerImpl>(std::move(config), std::move(default_config), std::move(seams));
}

LogManagerImpl::LogManagerImpl(LogManagerConfig config, std::shared_ptr<const config::LogConfig> default_config, Seams seams)
    : config_(std::move(config)),
      seams_(std::move(seams)),
      cache_(seams_.disk, descriptors_for_files()),
      jobs_(std::make_shared<BackgroundJobs>(seams_.background)),
      deletion_(std::make_shared<DeletionQueue>(seams_.clock)),
      default_config_(std::move(default_config)) {
  for (const auto& path : config_.log_dirs) {
    auto dir = std::make_unique<Dir>();
    dir->state = std::make_shared<LogDirState>(path);
    dir->state->set_handler([this](const std::string& failed) {
      std::function<void(const std::string&)> handler;
      {
        const std::lock_guard lock(handler_mutex_);
        handler = dir_failure_handler_;
      }
      if (handler) handler(failed);
    });
    dir->state->space().set_alarm([this] { jobs_->post([this] { check_space(); }); });
    dirs_.push_back(std::move(dir));
  }
  auto& m = config::metrics();
  const auto each_dir = [this](const std::function<void(const LogDirState&)>& look) {
    for (const auto& dir : dirs_) look(*dir->state);
  };
  dir_gauges_.push_back(m.offline_log_directory_count.register_callback([each_dir](const config::Emit& emit) {
    double offline = 0;
    each_dir([&](const LogDirState& dir) { offline += dir.online() ? 0 : 1; });
    emit({}, offline);
  }));
  dir_gauges_.push_back(m.log_directory_offline.register_callback([each_dir](const config::Emit& emit) {
    each_dir([&](const LogDirState& dir) { emit({dir.path()}, dir.online() ? 0 : 1); });
  }));
}

LogManagerImpl::~LogManagerImpl() {
  stop_loading();
  load_gauges_.clear();
  compactor_.reset();
  if (tasks_) tasks_->stop();
  jobs_->drain();
  deletion_->forget();
}

Status LogManagerImpl::open_dir(Dir& dir) {
  const auto& path = dir.state->path();
  if (auto s = make_durable_directory(seams_.disk, path); !s)
    return storage_error(s.error().message + "; make the directory for the broker's user, or set log.dirs to one that it may write to");
  auto lock = seams_.disk.lock(path + "/" + kLockFile);
  if (!lock) return storage_error(lock.error().message + "; give the broker's user the right to write in " + path + ", or set log.dirs to another directory");
  if (!*lock)
    return Error(ErrorCode::invalid_config, "Failed to acquire lock on file .lock in " + path +
                                                ". A Kafka instance in another process or thread is using this directory; stop it, or set log.dirs to another directory "
                                                "(a second broker here: --override log.dirs=data2 --override listeners=PLAINTEXT://:9093)");
  dir.lock = std::move(*lock);
  auto text = read_whole(seams_.disk, path + "/" + kMetaPropertiesFile, 65536);
  if (!text) return text.error();
  if (!*text) return {};
  if ((*text)->find_first_not_of(std::string_view("\0 \t\r\n", 5)) == std::string::npos) {
    // As good as none: whose the directory is, the others and the metadata say.
    MOLDAU_LOG(storage, warn, "{}/{} is empty (torn by a crash?); it is taken as missing and written again", path, kMetaPropertiesFile);
    return {};
  }
  auto meta = parse_meta_properties(**text, path + "/" + kMetaPropertiesFile);
  if (!meta && meta.error().code == ErrorCode::invalid_config) return meta.error();
  if (!meta) return storage_error(meta.error().message + "; mend the file, or move it away: it is written again, then with what the other log directories and the metadata say");
  dir.meta = *meta;
  return {};
}

Result<BrokerIdentity> LogManagerImpl::open_dirs() {
  if (dirs_.empty()) return Error(ErrorCode::invalid_config, "log.dirs is empty; name at least one directory");
  std::optional<Error> last;
  for (std::size_t i = 0; i < dirs_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      if (dirs_[i]->state->path() == dirs_[j]->state->path())
        return Error(ErrorCode::invalid_config, "log.dirs names " + dirs_[i]->state->path() + " twice; name each directory once");
    auto s = open_dir(*dirs_[i]);
    if (s) continue;
    // A lock held by another broker and somebody else's files are for the operator; a bad disk is not fatal while others work.
    if (s.error().code != ErrorCode::kafka_storage_error) return s.error();
    last = s.error();
    dirs_[i]->state->take_offline(s.error());  // on a full disk too: without lock and identity it can't be used
  }
  if (!any_online()) return Error(ErrorCode::kafka_storage_error, "None of the log.dirs can be used: " + last->message);
  BrokerIdentity identity;
  const Dir* first = nullptr;
  for (const auto& dir : dirs_) {
    if (!dir->meta) continue;
    if (first != nullptr && (first->meta->broker_id != dir->meta->broker_id || first->meta->cluster_id != dir->meta->cluster_id))
      return Error(ErrorCode::invalid_config, fmt::format("{} and {} belong to different brokers or clusters (see meta.properties in both: broker.id {} and {}, cluster.id {} and {}); "
                                                          "take the one that is not this broker's out of log.dirs",
                                                          first->state->path(), dir->state->path(), first->meta->broker_id.value_or(-1), dir->meta->broker_id.value_or(-1),
                                                          first->meta->cluster_id.value_or("none"), dir->meta->cluster_id.value_or("none")));
    if (first == nullptr) first = dir.get();
  }
  if (first != nullptr) {
    if (first->meta->broker_id) identity.broker_id = BrokerId(*first->meta->broker_id);
    identity.cluster_id = first->meta->cluster_id;
  }
  return identity;
}

Status LogManagerImpl::write_identity(BrokerId broker_id, const std::string& cluster_id) {
  for (const auto& dir : dirs_) {
    if (!dir->meta) continue;
    if (dir->meta->cluster_id && *dir->meta->cluster_id != cluster_id)
      return Error(ErrorCode::inconsistent_cluster_id,
                   fmt::format("The Cluster ID {} doesn't match stored clusterId {} in {}/{}. The broker is trying to join the wrong cluster. Configured zookeeper.connect may be "
                               "wrong, or log.dirs names another broker's directory",
                               cluster_id, *dir->meta->cluster_id, dir->state->path(), kMetaPropertiesFile));
    if (dir->meta->broker_id && *dir->meta->broker_id != broker_id.value())
      return Error(ErrorCode::inconsistent_cluster_id,
                   fmt::format("Configured broker.id {} doesn't match stored broker.id {} in {}/{}. If you moved your data, make sure your configured broker.id matches. If you "
                               "intend to create a new broker, use an empty directory in log.dirs",
                               broker_id, *dir->meta->broker_id, dir->state->path(), kMetaPropertiesFile));
  }
  for (const auto& dir : dirs_) {
    if (!dir->state->online()) continue;
    if (dir->meta && dir->meta->broker_id && dir->meta->cluster_id) continue;
    dir->meta = MetaProperties{broker_id.value(), cluster_id};
    if (auto s = write_atomically(seams_.disk, dir->state->path() + "/" + kMetaPropertiesFile, format_meta_properties(*dir->meta, seams_.clock.wall_ms())); !s) {
      dir->state->take_offline(s.error());
      if (!any_online()) return s;
    }
  }
  return {};
}

bool LogManagerImpl::any_online() const {
  return std::any_of(dirs_.begin(), dirs_.end(), [](const auto& d) { return d->state->online(); });
}

LogEnvironment LogManagerImpl::environment(const Dir& dir) {
  return LogEnvironment{cache_, seams_.clock, seams_.random, jobs_, dir.state, deletion_, producer_id_expiration_ms_};
}

std::shared_ptr<const config::LogConfig> LogManagerImpl::default_config() const {
  const std::shared_lock lock(logs_mutex_);
  return default_config_;
}

void LogManagerImpl::update_default_config(std::shared_ptr<const config::LogConfig> config) {
  const std::unique_lock lock(logs_mutex_);
  default_config_ = std::move(config);
}

std::shared_ptr<Log> LogManagerImpl::get(TopicPartitionView tp) const { return find_log(tp); }

std::vector<std::shared_ptr<UnifiedLog>> LogManagerImpl::logs() const {
  const std::shared_lock lock(logs_mutex_);
  std::vector<std::shared_ptr<UnifiedLog>> list;
  list.reserve(logs_.size());
  for (const auto& [tp, log] : logs_) list.push_back(log);
  return list;
}

std::vector<std::shared_ptr<Log>> LogManagerImpl::all_logs() const {
  const std::shared_lock lock(logs_mutex_);
  std::vector<std::shared_ptr<Log>> list;
  list.reserve(logs_.size());
  for (const auto& [tp, log] : logs_) list.push_back(log);
  return list;
}

std::shared_ptr<UnifiedLog> LogManagerImpl::find_in(const LogMap& map, TopicPartitionView tp) const {
  const std::shared_lock lock(logs_mutex_);
  const auto it = map.find(tp);
  return it == map.end() ? nullptr : it->second;
}

LogManagerImpl::Dir* LogManagerImpl::reserve_dir(TopicPartitionView tp) {
  const std::unique_lock lock(logs_mutex_);
  Dir* best = nullptr;
  if (const auto asked = preferred_.find(tp); asked != preferred_.end()) {
    best = asked->second;
    preferred_.erase(asked);
    // DIFFERS: Apache Kafka does not make the partition at all when the directory has failed meanwhile.
    if (!best->state->online()) best = nullptr;
  }
  if (best == nullptr) {
    const auto burden = [](const Dir& dir) { return std::pair(dir.state->space().full(), dir.partitions); };
    for (const auto& dir : dirs_)
      if (dir->state->online() && (best == nullptr || burden(*dir) < burden(*best))) best = dir.get();
  }
  if (best != nullptr) ++best->partitions;
  return best;
}

Result<std::shared_ptr<UnifiedLog>> LogManagerImpl::create_in(Dir& dir, const TopicPartition& tp, std::shared_ptr<const config::LogConfig> config) {
  const auto path = dir.state->path() + "/" + to_string(TopicPartitionView(tp));
  auto there = seams_.disk.stat(path);
  if (!there) return there.error();
  if (*there) {
    // Left behind by something that this run did not load: its content is kept and checked.
    MOLDAU_LOG(storage, warn, "The directory {} for the new log of {} is there already; it is recovered", path, tp);
    return load_log(LoadRequest{environment(dir), tp, path, std::move(config), Offset(0), Offset(0), false});
  }
  if (auto s = seams_.disk.make_directory(path, false); !s) return s.error();
  MOLDAU_LOG(storage, debug, "Created log for {} in {}", tp, path);
  return create_log(environment(dir), tp, path, std::move(config));
}

Result<std::shared_ptr<Log>> LogManagerImpl::get_or_create(const TopicPartition& tp, std::shared_ptr<const config::LogConfig> config, bool is_new, TopicId id) {
  const auto with_id = [&](std::shared_ptr<UnifiedLog> log) -> Result<std::shared_ptr<Log>> {
    if (!log->environment().dir->online()) return log->environment().dir->offline_error();
    if (!id.is_zero())
      if (auto s = log->assign_topic_id(id); !s) return s.error();
    return std::static_pointer_cast<Log>(std::move(log));
  };
  if (auto log = find_log(tp)) return with_id(std::move(log));
  const std::lock_guard creating(create_mutex(tp));
  if (const auto missing = why_missing(tp)) return *missing;
  if (auto log = find_log(tp)) return with_id(std::move(log));
  for (const auto& dir : dirs_)
    if (!is_new && !dir->state->online())
      return Error(ErrorCode::kafka_storage_error, fmt::format("Can not create log for {} because log directory {} is offline and may hold it", tp, dir->state->path()));
  Error last = storage_error("No log directory is online");
  const Dir* without_room = nullptr;
  while (auto* dir = reserve_dir(tp)) {
    auto log = dir == without_room ? Result<std::shared_ptr<UnifiedLog>>(last) : create_in(*dir, tp, config);
    {
      const std::unique_lock lock(logs_mutex_);
      if (log) {
        logs_[tp] = *log;
      } else {
        --dir->partitions;
      }
    }
    if (log) return with_id(std::move(*log));
    if (dir == without_room) break;  // the others have none either
    last = log.error();
    dir->state->fail(last);
    if (is_no_space(last)) without_room = dir;
  }
  return last;
}

LogManagerImpl::Dir* LogManagerImpl::find_dir(const std::string& path) {
  for (const auto& dir : dirs_)
    if (dir->state->path() == path) return dir.get();
  return nullptr;
}

Status LogManagerImpl::async_delete(TopicPartitionView tp) {
  const std::lock_guard deleting(create_mutex(tp));
  if (const auto deleted = delete_unloaded(tp)) return *deleted;
  std::shared_ptr<UnifiedLog> log;
  {
    const std::unique_lock lock(logs_mutex_);
    const auto it = logs_.find(tp);
    if (it == logs_.end()) return Error(ErrorCode::unknown_topic_or_partition, "There is no log of " + to_string(tp));
    log = it->second;
    logs_.erase(it);
    if (auto* dir = find_dir(log->parent_dir())) {
      --dir->partitions;
      if (const auto hw = dir->high_watermarks.find(tp); hw != dir->high_watermarks.end()) dir->high_watermarks.erase(hw);
    }
  }
  auto s = delete_later(log);
  if (s && compactor_) compactor_->on_log_removed(*log);
  return s;
}

Status LogManagerImpl::delete_later(const std::shared_ptr<UnifiedLog>& log) {
  const auto& state = log->environment().dir;
  if (!state->online()) return state->offline_error();
  const auto renamed = state->path() + "/" + delete_dir_name(log->topic_partition(), seams_.random);
  if (auto s = log->close_and_rename(renamed); !s) {
    state->fail(s.error());
    // The longer name may need a block that a full disk does not have. What is deleted to make room goes at once then, under the name it has.
    if (is_no_space(s.error()) && !log->being_cleaned()) {
      log->release_descriptors();
      return remove_tree(seams_.disk, log->dir());
    }
    return s;
  }
  log->release_descriptors();
  MOLDAU_LOG(storage, info, "Log for partition {} is renamed to {} and is scheduled for deletion", log->topic_partition(), renamed);
  deletion_->delete_directory_later(state, renamed, log->config()->file_delete_delay_ms, log);
  return {};
}

std::vector<LogDirInfo> LogManagerImpl::dirs() const {
  std::vector<LogDirInfo> list;
  for (const auto& dir : dirs_) {
    LogDirInfo info;
    info.path = dir->state->path();
    info.online = dir->state->online();
    if (info.online) {
      if (const auto volume = seams_.disk.volume(info.path)) {
        info.total_bytes = volume->total_bytes;
        info.usable_bytes = volume->usable_bytes;
      }
    }
    list.push_back(std::move(info));
  }
  return list;
}

bool LogManagerImpl::is_dir_online(const std::string& path) const {
  for (const auto& dir : dirs_)
    if (dir->state->path() == path) return dir->state->online();
  return false;
}

std::optional<Offset> LogManagerImpl::checkpointed_high_watermark(TopicPartitionView tp) const {
  const std::shared_lock lock(logs_mutex_);
  const auto log = logs_.find(tp);
  std::optional<Offset> found;
  for (const auto& dir : dirs_) {
    const auto it = dir->high_watermarks.find(tp);
    if (it == dir->high_watermarks.end()) continue;
    // A future log's stands in the other directory.
    if (log != logs_.end() && log->second->parent_dir() == dir->state->path()) return it->second;
    if (!found) found = it->second;
  }
  return log == logs_.end() ? found : std::nullopt;
}

void LogManagerImpl::set_compactor(std::unique_ptr<LogCompactor> compactor) { compactor_ = std::move(compactor); }

void LogManagerImpl::set_dir_failure_handler(std::function<void(const std::string& dir)> handler) {
  const std::lock_guard lock(handler_mutex_);
  dir_failure_handler_ = std::move(handler);
}

void LogManagerImpl::shutdown() {
  if (std::exchange(stopped_, true)) return;
  stop_loading();
  load_gauges_.clear();
  if (compactor_) compactor_->shutdown();
  if (tasks_) tasks_->stop();
  jobs_->drain();
  auto all = logs_and_futures();
  MOLDAU_LOG(storage, info, "Shutting down: flushing and closing {} logs", all.size());
  // Whoever is still at work in a log finishes on the background executor.
  TaskGroup sealing("logs that close", LogCategory::storage);
  for (const auto& log : all)
    if (!log->try_seal()) sealing.spawn(seams_.background, log->seal());
  (void)sealing.join_blocking(kSealTime);  // who has not ended by then is met below
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (auto i = next++; i < all.size(); i = next++) {
      const auto closed = all[i]->try_seal() ? all[i]->close(true) : Status(storage_error("it is still written to"));
      if (closed) continue;
      // The others are closed all the same; without its last log a directory has not been shut down cleanly.
      if (all[i]->environment().dir->online())
        MOLDAU_LOG(storage, err, "The log of {} could not be closed: {}; {} is recovered at the next start", all[i]->topic_partition(), closed.error().message, all[i]->parent_dir());
      if (auto* dir = find_dir(all[i]->parent_dir())) dir->unclosed = true;
    }
  };
  {
    std::vector<std::jthread> threads;
    const auto n = config_.load_threads == 1 ? 0 : std::min(kCloseThreads, all.size() / 16);
    for (std::size_t i = 0; i < n; ++i) threads.emplace_back(work);
    work();
  }
  jobs_->drain();
  checkpoint_recovery_points();
  checkpoint_log_starts();
  checkpoint_high_watermarks();
  for (const auto& dir : dirs_) {
    if (!dir->state->online() || dir->unclosed || !dir->scanned || !(dir->loaded || dir->clean_shutdown)) continue;
    // Last, so that it vouches for all that came before.
    if (auto s = write_atomically(seams_.disk, dir->state->path() + "/" + kCleanShutdownFile, clean_shutdown_content()); !s) dir->state->fail(s.error());
  }
  for (const auto& dir : dirs_) dir->lock.reset();
  MOLDAU_LOG(storage, info, "Shutdown of the logs complete");
}

}  // namespace moldau::storage
