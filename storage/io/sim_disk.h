// SimDisk: a file system in memory that loses what was not synced. One seed decides what a crash keeps.
//
// Model. Written bytes live in the page cache until File::sync(); a crash keeps, loses or tears (at 512 bytes) each unsynced page on its own,
// and may lose a change of the file's size. Creations, renames and removals in a directory live in its pending list until
// sync_directory(); a crash keeps a prefix of that list. File::sync() does not make the file's name durable (POSIX; ext4 is kinder).
// A process that only dies (kill -9) loses nothing: drop the objects and open again.
#pragma once

#include <memory>
#include <string>

#include "storage/io/disk.h"

namespace moldau {
class Clock;
}

namespace moldau::storage {

class SimDisk final : public Disk {
 public:
  /// `clock` gives modification times; may be null.
  explicit SimDisk(std::uint64_t seed, const Clock* clock = nullptr);
  ~SimDisk() override;

  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<DirEntry>> list(const std::string& dir) override;
  Result<std::optional<FileInfo>> stat(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Result<bool> hard_link(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directory(const std::string& path, bool parents) override;
  Status sync_directory(const std::string& dir) override;
  Result<VolumeInfo> volume(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override;

  /// Power loss. Files that were open before refuse all further use.
  void crash();

  enum class Operation { read, write, sync, any };
  /// After `skip` more operations of this kind on paths that contain `path_part`, the next `count` fail (a write may be half done).
  void inject(Operation operation, std::string path_part, int skip = 0, int count = 1);
  /// Takes back all that inject() and set_capacity() did.
  void heal();
  /// Number of writes, syncs and namespace changes so far; for "crash at any write".
  [[nodiscard]] std::uint64_t mutations() const;
  /// The size of the disk: what goes beyond fails with is_no_space(), a write half done. Files count with the pages that were written. -1: endless.
  void set_capacity(std::int64_t bytes);
  [[nodiscard]] std::int64_t used_bytes() const;
  /// From the n-th mutation on everything fails, as if the machine had stopped there; crash() starts it again.
  void stop_at(std::uint64_t mutation);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace moldau::storage
