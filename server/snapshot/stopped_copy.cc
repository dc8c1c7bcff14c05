#include "server/snapshot/stopped_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "protocol/base/format.h"
#include "server/snapshot/snapshot_api.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/log/log_dir_names.h"
#include "storage/log/log_segment.h"

namespace moldau::server {
namespace {

using storage::PartitionDirKind;

constexpr std::size_t kDigits = 20;

/// The base offset of `<20 digits>.log`.
std::optional<Offset> segment_base(std::string_view name) {
  if (name.size() != kDigits + 4 || name.substr(kDigits) != storage::kLogSuffix) return std::nullopt;
  std::int64_t base = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, base);
  if (error != std::errc() || end != name.data() + kDigits || base < 0) return std::nullopt;
  return Offset(base);
}

/// What a start removes, unread.
bool is_leftover(std::string_view name) { return name.ends_with(".deleted") || name.ends_with(".cleaned") || name.ends_with(".tmp") || name.ends_with(".own"); }

class DirectoryCopy {
 public:
  DirectoryCopy(storage::Disk& disk, SnapshotTarget& target, const ManifestDirectory& directory, StoppedCopy& result)
      : disk_(disk), target_(target), directory_(directory), result_(result) {}

  Status run() {
    auto entries = disk_.list(directory_.source);
    if (!entries) return entries.error();
    std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    clean_ = std::any_of(entries->begin(), entries->end(), [](const auto& e) { return !e.is_directory && e.name == storage::kCleanShutdownFile; });
    result_.clean &= clean_;
    // Without the file everything is recovered, so that nothing is linked.
    if (auto points = storage::read_offset_checkpoint(disk_, directory_.source + "/" + storage::kRecoveryPointFile)) recovery_points_ = std::move(*points);
    if (auto s = target_.make_directory(directory_.name); !s) return s;
    for (const auto& entry : *entries) {
      auto s = entry.is_directory ? copy_directory(entry.name) : copy_plain(entry.name);
      if (!s) return s;
    }
    return {};
  }

 private:
  Status copy_plain(const std::string& name) {
    if (name == storage::kLockFile || name == kMetadataCopyFile || is_leftover(name)) return {};
    const auto copied = target_.copy_if_there(directory_.source + "/" + name, directory_.name + "/" + name);
    if (!copied) return copied.error();
    if (!*copied) result_.notes.push_back(directory_.source + "/" + name + " is no plain file: left out");
    return {};
  }

  Status copy_directory(const std::string& name) {
    const auto partition = storage::parse_partition_dir(name);
    if (!partition) {
      result_.notes.push_back(directory_.source + "/" + name + " is no partition's directory: left out");
      return {};
    }
    if (partition->kind == PartitionDirKind::to_delete) return {};
    const auto from = directory_.source + "/" + name;
    const auto to = directory_.name + "/" + name;
    auto entries = disk_.list(from);
    if (!entries) return entries.error();
    if (auto s = target_.make_directory(to); !s) return s;
    const auto linkable = linkable_segments(from, *entries, partition->partition);
    if (!linkable) return linkable.error();
    for (const auto& entry : *entries) {
      if (entry.is_directory || is_leftover(entry.name)) continue;
      const auto file = from + "/" + entry.name;
      const auto info = disk_.stat(file);
      if (!info) return info.error();
      if (!*info) return storage::storage_error(file + " has vanished: something writes to the directory");
      const auto size = (*info)->size;
      auto s = linkable->contains(entry.name) ? target_.link(file, to + "/" + entry.name, size) : target_.copy(file, to + "/" + entry.name, size);
      if (!s) return s;
    }
    ++target_.totals().partitions;
    return target_.report();
  }

  using Names = std::map<std::string, Offset, std::less<>>;
  /// The .log files with one behind them that has data, all below the recovery point.
  Result<Names> linkable_segments(const std::string& dir, const std::vector<storage::DirEntry>& entries, const TopicPartition& tp) {
    Names all;                                            // by name is by offset
    for (const auto& entry : entries) {
      if (entry.name.ends_with(".swap")) return Names{};  // a start puts it in the place of segments: which ones, is not worth knowing here
      const auto base = segment_base(entry.name);
      if (!base || entry.is_directory) continue;
      const auto info = disk_.stat(dir + "/" + entry.name);
      if (!info) return info.error();
      if (*info && (*info)->size > 0) all.emplace(entry.name, *base);
    }
    const auto point = recovery_points_.find(TopicPartitionView(tp));
    Names linkable;
    for (auto it = all.begin(); it != all.end() && std::next(it) != all.end(); ++it)
      if (clean_ || (point != recovery_points_.end() && std::next(it)->second <= point->second)) linkable.insert(*it);
    return linkable;
  }

  storage::Disk& disk_;
  SnapshotTarget& target_;
  const ManifestDirectory& directory_;
  StoppedCopy& result_;
  bool clean_ = false;
  storage::OffsetMap recovery_points_;
};

}  // namespace

Result<StoppedCopy> copy_stopped(storage::Disk& disk, SnapshotTarget& target, const std::vector<ManifestDirectory>& directories) {
  StoppedCopy result;
  for (const auto& directory : directories)
    if (auto s = DirectoryCopy(disk, target, directory, result).run(); !s) return s.error();
  return result;
}

}  // namespace moldau::server
