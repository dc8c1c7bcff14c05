#include "server/snapshot/snapshot_target.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/base/crc32c.h"
#include "storage/checkpoint/metadata_files.h"

namespace moldau::server {
namespace {

/// In each `.partial`; locked by who writes to it.
constexpr const char* kUnfinishedFile = "unfinished-snapshot";
constexpr std::uint64_t kChunk = std::uint64_t{1} << 20;

Error refused(std::string why) { return Error(ErrorCode::invalid_config, std::move(why)); }

/// Clears an earlier attempt away. Error: it is somebody's.
Status clear_partial(storage::Disk& disk, const std::string& partial, std::vector<std::string>& notes) {
  const auto info = disk.stat(partial);
  if (!info) return info.error();
  if (!*info) return {};
  if (!(*info)->is_directory) return refused(partial + " is in the way");
  const auto entries = disk.list(partial);
  if (!entries) return entries.error();
  const bool marked = std::any_of(entries->begin(), entries->end(), [](const auto& e) { return e.name == kUnfinishedFile; });
  // Without the mark it had all but its name.
  const auto manifest = storage::read_whole(disk, partial + "/" + kManifestFile, kManifestHead.size());
  if (!manifest) return manifest.error();
  if (!marked && *manifest != kManifestHead && !entries->empty()) return refused(partial + " is in the way, and not left from a snapshot: move it away");
  if (marked) {
    const auto lock = disk.lock(partial + "/" + kUnfinishedFile);
    if (!lock) return lock.error();
    if (!*lock) return refused("another moldau snapshot is writing to " + partial);
  }
  if (!entries->empty()) notes.push_back("removed " + partial + ", which an earlier snapshot had not finished");
  return storage::remove_tree(disk, partial);
}

}  // namespace

Result<std::unique_ptr<SnapshotTarget>> SnapshotTarget::begin(storage::Disk& disk, const std::string& path, SnapshotProgress progress,
                                                              std::vector<std::string>& notes) {
  const auto there = disk.stat(path);
  if (!there) return there.error();
  if (*there) {
    if (!(*there)->is_directory) return refused(path + " is a file: name a directory that does not exist yet");
    const auto entries = disk.list(path);
    if (!entries) return entries.error();
    if (!entries->empty()) return refused(path + " is not empty: name a directory that does not exist yet");
  }
  std::unique_ptr<SnapshotTarget> target(new SnapshotTarget(disk, path, std::move(progress)));
  if (auto s = clear_partial(disk, target->root_, notes); !s) return s.error();
  if (auto s = disk.make_directory(target->root_, true); !s) return s.error();
  auto lock = disk.lock(target->path(kUnfinishedFile));
  if (!lock) return lock.error();
  if (!*lock) return refused("another moldau snapshot is writing to " + target->root_);
  target->lock_ = std::move(*lock);
  return target;
}

SnapshotTarget::~SnapshotTarget() = default;

Status SnapshotTarget::make_directory(const std::string& name) { return disk_.make_directory(path(name), false); }

Status SnapshotTarget::remove_directory(const std::string& name) {
  linked_.erase(linked_.lower_bound(name + "/"), linked_.lower_bound(name + "0"));  // '0' is what follows '/'
  return storage::remove_tree(disk_, path(name));
}

Status SnapshotTarget::link(const std::string& from, const std::string& name, std::uint64_t bytes) {
  if (copy_only_) return copy(from, name, bytes);
  const auto linked = disk_.hard_link(from, path(name));
  if (!linked) return linked.error();
  if (!*linked) {
    ++totals_.not_linkable;
    return copy(from, name, bytes);
  }
  linked_.insert(name);
  ++totals_.linked_files;
  totals_.linked_bytes += bytes;
  return report();
}

Status SnapshotTarget::copy(const std::string& from, const std::string& name, std::uint64_t bytes) {
  const auto info = disk_.stat(from);
  if (!info) return info.error();
  auto in = disk_.open(from, storage::OpenMode::read);
  if (!in) return in.error();
  auto out = disk_.open(path(name), storage::OpenMode::truncate);
  if (!out) return out.error();
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(bytes, kChunk)));
  for (std::uint64_t at = 0; at < bytes;) {
    const auto got = (*in)->read_at(at, MutableBytes(buffer).first(static_cast<std::size_t>(std::min(bytes - at, kChunk))));
    if (!got) return got.error();
    if (*got == 0) return storage::storage_error(fmt::format("{} ends at {}, before byte {}", from, at, bytes));
    if (auto s = (*out)->write_at(at, Bytes(buffer).first(*got)); !s) return s;
    at += *got;
    totals_.copied_bytes += *got;
    if (auto s = report(); !s) return s;
  }
  ++totals_.copied_files;
  if (!*info) return {};
  return disk_.set_mtime(path(name), (*info)->mtime_ms);
}

Result<bool> SnapshotTarget::copy_if_there(const std::string& from, const std::string& name) {
  const auto info = disk_.stat(from);
  if (!info) return info.error();
  if (!*info || (*info)->is_directory) return false;
  if (auto s = copy(from, name, (*info)->size); !s) {
    const auto again = disk_.stat(from);
    if (again && !*again) return false;
    return s.error();
  }
  return true;
}

Status SnapshotTarget::write(const std::string& name, std::string_view text) {
  auto out = disk_.open(path(name), storage::OpenMode::truncate);
  if (!out) return out.error();
  return (*out)->write_at(0, as_bytes(text));
}

Result<ManifestFile> SnapshotTarget::note_file(const std::string& name, bool with_crc) {
  auto file = disk_.open(path(name), storage::OpenMode::read);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (auto s = (*file)->sync(); !s) return s.error();
  ManifestFile noted{name, *size, std::nullopt, linked_.contains(name)};
  if (noted.linked && !with_crc) return noted;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(*size, kChunk)));
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < *size;) {
    const auto got = (*file)->read_at(at, buffer);
    if (!got) return got.error();
    if (*got == 0) return storage::storage_error(path(name) + " has become shorter");
    crc = crc32c(Bytes(buffer).first(*got), crc);
    at += *got;
    if (auto s = report(); !s) return s.error();
  }
  noted.crc = crc;
  return noted;
}

Status SnapshotTarget::note_files(const std::string& directory, const SealOptions& options, std::vector<ManifestFile>& files) {
  auto entries = disk_.list(directory.empty() ? root_ : path(directory));
  if (!entries) return entries.error();
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& entry : *entries) {
    const auto name = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.is_directory) {
      if (auto s = note_files(name, options, files); !s) return s;
      continue;
    }
    if (entry.name == storage::kLockFile || name == kUnfinishedFile) continue;
    auto noted = note_file(name, options.checksum_links);
    if (!noted) return noted.error();
    files.push_back(std::move(*noted));
  }
  return disk_.sync_directory(directory.empty() ? root_ : path(directory));
}

Status SnapshotTarget::seal(Manifest manifest, const SealOptions& options) {
  if (auto s = note_files("", options, manifest.files); !s) return s;
  if (auto s = storage::write_atomically(disk_, path(kManifestFile), format_manifest(manifest)); !s) return s;
  if (auto s = disk_.remove(path(kUnfinishedFile)); !s) return s;
  if (auto s = disk_.sync_directory(root_); !s) return s;
  if (auto s = disk_.rename(root_, path_); !s) return s;
  lock_.reset();
  return disk_.sync_directory(storage::parent_path(path_));
}

Status SnapshotTarget::abandon() { return storage::remove_tree(disk_, root_); }

}  // namespace moldau::server
