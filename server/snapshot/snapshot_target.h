// SnapshotTarget: the directory that becomes a snapshot. All goes to `<path>.partial`; seal() syncs it, writes the manifest and gives it its name, as the last thing.
//
// One thread. Who dies in between leaves only the `.partial`, which the next snapshot to the same path removes.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "server/snapshot/manifest.h"
#include "storage/io/disk.h"

namespace moldau::server {

/// What has been done so far.
struct SnapshotTotals {
  std::size_t partitions = 0;
  std::size_t linked_files = 0;
  std::size_t copied_files = 0;
  std::uint64_t linked_bytes = 0;
  std::uint64_t copied_bytes = 0;
  std::size_t not_linkable = 0;  ///< segments that had to be copied: on another file system, or it has no links
};

/// Told of each file: may print, and ends the snapshot by returning an error.
using SnapshotProgress = std::function<Status(const SnapshotTotals&)>;

class SnapshotTarget {
 public:
  /// Refuses a `path` at which something is, and a `.partial` that another process writes to. `notes` get what was cleared away.
  static Result<std::unique_ptr<SnapshotTarget>> begin(storage::Disk& disk, const std::string& path, SnapshotProgress progress,
                                                       std::vector<std::string>& notes);
  ~SnapshotTarget();
  SnapshotTarget(const SnapshotTarget&) = delete;
  SnapshotTarget& operator=(const SnapshotTarget&) = delete;

  /// The path while it is not sealed.
  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  /// From now on link() copies.
  void copy_only() noexcept { copy_only_ = true; }
  [[nodiscard]] SnapshotTotals& totals() noexcept { return totals_; }
  Status report() const { return progress_ ? progress_(totals_) : Status(); }

  // Names are relative to the root; a file of the name is replaced.
  Status make_directory(const std::string& name);
  Status remove_directory(const std::string& name);
  /// Gives the file a second name here, or copies it where that can't be.
  Status link(const std::string& from, const std::string& name, std::uint64_t bytes);
  /// The first `bytes` bytes, with the file's modification time.
  Status copy(const std::string& from, const std::string& name, std::uint64_t bytes);
  /// The whole file, as long as it is now. False: it is gone.
  Result<bool> copy_if_there(const std::string& from, const std::string& name);
  Status write(const std::string& name, std::string_view text);

  struct SealOptions {
    bool checksum_links = false;  ///< Reads the linked files too, for their checksums.
  };
  /// Makes all of it durable, notes the files in the manifest, and gives the directory its name.
  Status seal(Manifest manifest, const SealOptions& options);
  /// Removes what was made.
  Status abandon();

 private:
  SnapshotTarget(storage::Disk& disk, std::string path, SnapshotProgress progress)
      : disk_(disk), path_(std::move(path)), root_(path_ + ".partial"), progress_(std::move(progress)) {}
  Status note_files(const std::string& directory, const SealOptions& options, std::vector<ManifestFile>& files);
  Result<ManifestFile> note_file(const std::string& name, bool with_crc);

  storage::Disk& disk_;
  const std::string path_;
  const std::string root_;
  SnapshotProgress progress_;
  SnapshotTotals totals_;
  bool copy_only_ = false;
  std::set<std::string> linked_;
  std::unique_ptr<storage::FileLock> lock_;
};

}  // namespace moldau::server
