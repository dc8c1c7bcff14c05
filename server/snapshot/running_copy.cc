#include "server/snapshot/running_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "protocol/base/format.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/epoch/leader_epoch_file_cache.h"
#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"
#include "storage/log/batch_scanner.h"
#include "storage/log/log_segment.h"

namespace moldau::server {
namespace {

constexpr int kRounds = 20;
constexpr const char* kStoreFile = "moldau-metadata.db";
constexpr const char* kSnapshotSuffix = ".snapshot";
constexpr std::size_t kDigits = 20;

Error refused(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

std::string same_path(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

std::string partition_name(const TopicPartition& tp) { return fmt::format("{}-{}", tp.topic, tp.partition); }

/// Where the batches that end below `end` end in the first `bytes` bytes of a .log.
Result<std::uint64_t> position_of(storage::Disk& disk, const std::string& path, std::uint64_t bytes, Offset end) {
  if (bytes == 0) return std::uint64_t{0};
  auto file = disk.open(path, storage::OpenMode::read);
  if (!file) return file.error();
  storage::BatchScanner scanner(**file, 0, bytes, storage::BatchScanner::Mode::headers);
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    if ((*batch)->last_offset() >= end) return scanner.position();
  }
  if (!scanner.problem().empty()) return storage::storage_error(fmt::format("{} at position {}: {}", path, scanner.next_position(), scanner.problem()));
  return scanner.next_position();
}

class Copier {
 public:
  Copier(storage::Disk& disk, SnapshotTarget& target, const std::vector<ManifestDirectory>& directories, SnapshotBroker& broker)
      : disk_(disk), target_(target), directories_(directories), broker_(broker) {}

  Result<RunningCopy> run() {
    // Before any outline: what is cleaned later is only cleaned again.
    for (const auto& d : directories_) {
      if (auto s = target_.make_directory(d.name); !s) return s.error();
      auto cleaned = storage::read_offset_checkpoint(disk_, d.source + "/" + storage::kCleanerFile);
      if (!cleaned) return cleaned.error();
      cleaned_.push_back(std::move(*cleaned));
    }
    for (const auto which : {SnapshotLogs::internal, SnapshotLogs::data})
      if (auto s = copy_logs(which); !s) return s.error();
    if (auto s = copy_metadata(); !s) return s.error();
    if (auto s = drop_deleted(); !s) return s.error();
    if (auto s = write_checkpoints(); !s) return s.error();
    for (auto& [name, log] : logs_) result_.logs.push_back(std::move(log));
    return std::move(result_);
  }

 private:
  using Outlines = std::map<std::string, storage::LogOutline>;

  Result<Outlines> ask(SnapshotLogs which) {
    auto told = broker_.outlines(which);
    if (!told) return told.error();
    if (!told->offline.empty())
      return refused(fmt::format("{} is offline in the broker: its partitions would be missing; mend the disk, or take it out of log.dirs",
                                 fmt::join(told->offline, ", ")));
    std::set<std::string> theirs, ours;
    for (const auto& dir : told->log_dirs) theirs.insert(same_path(dir));
    for (const auto& d : directories_) ours.insert(same_path(d.source));
    if (theirs != ours)
      return refused(fmt::format("the broker that answers serves {}, not {}: name its configuration, or its HTTP address by --server", fmt::join(theirs, ", "),
                                 fmt::join(ours, ", ")));
    Outlines outlines;
    for (auto& log : told->logs) outlines[partition_name(log.partition)] = std::move(log);
    return outlines;
  }

  Status copy_logs(SnapshotLogs which) {
    auto pending = ask(which);
    if (!pending) return pending.error();
    for (int round = 0; round < kRounds && !pending->empty(); ++round) {
      std::set<std::string> failed;
      for (const auto& [name, outline] : *pending) {
        if (outline.file_changes % 2 == 0) {
          const auto s = copy_log(outline);
          if (s) continue;
          if (auto error = explain(which, outline, s.error()); !error) return error;
        }
        failed.insert(name);
      }
      auto now = ask(which);
      if (!now) return now.error();
      Outlines again;
      for (auto& [name, before] : *pending) {
        const auto after = now->find(name);
        if (after == now->end() || after->second.topic_id != before.topic_id) {
          if (auto s = drop(name, before); !s) return s;
          continue;
        }
        if (failed.contains(name) || !same_files(after->second, before)) again[name] = std::move(after->second);
      }
      *pending = std::move(again);
    }
    if (!pending->empty())
      return Error(ErrorCode::request_timed_out,
                   fmt::format("the files of {} ({} partitions in all) change faster than they are copied", pending->begin()->first, pending->size()));
    return {};
  }

  static bool same_files(const storage::LogOutline& now, const storage::LogOutline& before) {
    return now.file_changes == before.file_changes && now.dir == before.dir;
  }

  /// A file that is gone may have been removed by the broker: fine when the log has changed meanwhile, else `failure`.
  Status explain(SnapshotLogs which, const storage::LogOutline& outline, const Error& failure) {
    if (auto told = target_.report(); !told) return told;
    const auto now = ask(which);
    if (!now) return now.error();
    const auto it = now->find(partition_name(outline.partition));
    if (it == now->end() || !same_files(it->second, outline)) return {};
    return failure;
  }

  Result<std::size_t> directory_of(const storage::LogOutline& outline) const {
    const auto dir = same_path(outline.log_dir);
    for (std::size_t i = 0; i < directories_.size(); ++i)
      if (same_path(directories_[i].source) == dir) return i;
    return refused(outline.log_dir + " is none of the log directories");
  }

  Status drop(const std::string& name, const storage::LogOutline& outline) {
    const auto at = directory_of(outline);
    if (!at) return at.error();
    const auto directory = directories_[*at].name + "/" + name;
    logs_.erase(name);  // and with it perhaps what `name` and `outline` refer to
    return target_.remove_directory(directory);
  }

  Status copy_log(const storage::LogOutline& outline) {
    const auto at = directory_of(outline);
    if (!at) return at.error();
    const auto name = partition_name(outline.partition);
    if (const auto before = logs_.find(name); before != logs_.end())
      if (auto s = drop(name, before->second.outline); !s) return s;
    const auto to = directories_[*at].name + "/" + name;
    if (auto s = target_.remove_directory(to); !s) return s;
    if (auto s = target_.make_directory(to); !s) return s;
    CopiedLog copied{outline, directories_[*at].name, Offset(0), 0};
    if (auto s = copy_segments(outline, to, copied); !s) return s;
    if (auto s = copy_producers(outline, to); !s) return s;
    if (auto s = target_.write(to + "/" + storage::LeaderEpochFileCache::kFileName, storage::LeaderEpochFileCache::format(outline.epochs)); !s) return s;
    if (!outline.topic_id.is_zero())
      if (auto s = target_.write(to + "/" + storage::kPartitionMetadataFile, storage::format_partition_metadata(outline.topic_id)); !s) return s;
    if (logs_.insert_or_assign(name, std::move(copied)).second) target_.totals().partitions = logs_.size();
    return target_.report();
  }

  Status copy_segments(const storage::LogOutline& outline, const std::string& to, CopiedLog& copied) {
    const auto end = outline.high_watermark;
    const auto& segments = outline.segments;
    std::size_t last = 0;
    while (last + 1 < segments.size() && segments[last + 1].base <= end) ++last;
    for (std::size_t i = 0; i <= last; ++i) {
      const auto file = [&](const char* suffix) { return storage::segment_file_name(segments[i].base.value(), suffix); };
      const auto from = outline.dir + "/" + file(storage::kLogSuffix);
      const auto name = to + "/" + file(storage::kLogSuffix);
      if (i == last) {
        auto bytes =
            i + 1 == segments.size() && end == outline.log_end ? Result<std::uint64_t>(segments[i].bytes) : position_of(disk_, from, segments[i].bytes, end);
        if (!bytes) return bytes.error();
        copied.last_base = segments[i].base;
        copied.last_bytes = *bytes;
        // Its indexes are made anew, as after a crash. An empty segment has its file too: the offset in its name is the log's end.
        return *bytes == 0 ? target_.write(name, "") : target_.copy(from, name, *bytes);
      }
      const auto info = disk_.stat(from);
      if (!info) return info.error();
      if (!*info) return storage::storage_error(from + " is missing");
      // Behind it there is data, so that it stays closed; and it is as long as it was.
      const bool closed = segments[i + 1].bytes > 0 && (*info)->size == segments[i].bytes;
      if (auto s = closed ? target_.link(from, name, segments[i].bytes) : target_.copy(from, name, segments[i].bytes); !s) return s;
      for (const char* suffix : {storage::OffsetIndex::kSuffix, storage::TimeIndex::kSuffix, storage::TransactionIndex::kSuffix})
        if (const auto index = target_.copy_if_there(outline.dir + "/" + file(suffix), to + "/" + file(suffix)); !index) return index.error();
    }
    return {};
  }

  /// What is known of producers at offsets that are copied.
  Status copy_producers(const storage::LogOutline& outline, const std::string& to) {
    const auto entries = disk_.list(outline.dir);
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      if (entry.is_directory || entry.name.size() != kDigits + std::string_view(kSnapshotSuffix).size() || !entry.name.ends_with(kSnapshotSuffix)) continue;
      if (entry.name.substr(0, kDigits) > storage::segment_file_name(outline.high_watermark.value(), "")) continue;
      if (const auto copied = target_.copy_if_there(outline.dir + "/" + entry.name, to + "/" + entry.name); !copied) return copied.error();
    }
    return {};
  }

  Status copy_metadata() {
    for (const auto& d : directories_) {
      const auto meta = target_.copy_if_there(d.source + "/" + storage::kMetaPropertiesFile, d.name + "/" + storage::kMetaPropertiesFile);
      if (!meta) return meta.error();
    }
    for (int attempt = 0; attempt < kRounds; ++attempt) {
      const auto path = broker_.copy_metadata();
      if (!path && path.error().code == ErrorCode::unsupported_version) {
        result_.notes.push_back("the topics' metadata is in ZooKeeper, and not part of the snapshot");
        return {};
      }
      if (!path) return path.error();
      const auto home =
          std::find_if(directories_.begin(), directories_.end(), [&](const auto& d) { return same_path(d.source) == same_path(storage::parent_path(*path)); });
      if (home == directories_.end()) return refused("the broker's copy of its metadata, " + *path + ", is in none of the log directories");
      const auto copied = target_.copy_if_there(*path, home->name + "/" + kStoreFile);
      if (auto s = disk_.remove(*path); !s) return s;
      if (!copied) return copied.error();
      if (*copied) return {};  // else another snapshot of this moment has taken it away
    }
    return Error(ErrorCode::request_timed_out, "the copy of the metadata is always gone: is another snapshot being made?");
  }

  Status drop_deleted() {
    for (const auto which : {SnapshotLogs::internal, SnapshotLogs::data}) {
      auto now = ask(which);
      if (!now) return now.error();
      for (auto& [name, log] : *now) {
        const auto it = logs_.find(name);
        if (it != logs_.end() && it->second.outline.topic_id == log.topic_id) still_there_.insert(name);
      }
    }
    for (auto it = logs_.begin(); it != logs_.end();) {
      const auto here = it++;
      if (still_there_.contains(here->first)) continue;
      const auto outline = here->second.outline;
      if (auto s = drop(partition_name(outline.partition), outline); !s) return s;
    }
    target_.totals().partitions = logs_.size();
    return {};
  }

  Status write_checkpoints() {
    for (std::size_t i = 0; i < directories_.size(); ++i) {
      storage::OffsetMap recovery, start, high, cleaned;
      for (const auto& [name, log] : logs_) {
        if (log.directory != directories_[i].name) continue;
        const auto& tp = log.outline.partition;
        recovery[tp] = log.last_base;
        high[tp] = log.outline.high_watermark;
        if (log.outline.log_start > log.outline.segments.front().base) start[tp] = log.outline.log_start;
        if (const auto it = cleaned_[i].find(TopicPartitionView(tp)); it != cleaned_[i].end()) cleaned[tp] = std::min(it->second, log.last_base);
      }
      const auto& dir = directories_[i].name;
      if (auto s = target_.write(dir + "/" + storage::kRecoveryPointFile, storage::format_offset_checkpoint(recovery)); !s) return s;
      if (auto s = target_.write(dir + "/" + storage::kLogStartFile, storage::format_offset_checkpoint(start)); !s) return s;
      if (auto s = target_.write(dir + "/" + storage::kHighWatermarkFile, storage::format_offset_checkpoint(high)); !s) return s;
      if (cleaned.empty()) continue;
      if (auto s = target_.write(dir + "/" + storage::kCleanerFile, storage::format_offset_checkpoint(cleaned)); !s) return s;
    }
    return {};
  }

  storage::Disk& disk_;
  SnapshotTarget& target_;
  const std::vector<ManifestDirectory>& directories_;
  SnapshotBroker& broker_;
  std::vector<storage::OffsetMap> cleaned_;  ///< of each directory
  std::map<std::string, CopiedLog> logs_;
  std::set<std::string> still_there_;
  RunningCopy result_;
};

}  // namespace

Result<RunningCopy> copy_running(storage::Disk& disk, SnapshotTarget& target, const std::vector<ManifestDirectory>& directories, SnapshotBroker& broker) {
  return Copier(disk, target, directories, broker).run();
}

}  // namespace moldau::server
