// Disk: the seam to the file system. The broker has PosixDisk, tests and the simulator have SimDisk.
//
// Errors are KAFKA_STORAGE_ERROR with path and reason; is_no_space() tells those of a full disk from those of a broken one. All calls are safe from any thread; none of them is asynchronous: who
// must not block calls from a pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/error.h"
#include "storage/io/file.h"

namespace moldau::storage {

struct DirEntry {
  std::string name;
  bool is_directory = false;
};

struct FileInfo {
  std::uint64_t size = 0;
  std::int64_t mtime_ms = 0;
  bool is_directory = false;
  std::uint64_t links = 1;  ///< names of the file: more than one, and what is written in place is seen under all of them
};

struct VolumeInfo {
  std::int64_t total_bytes = -1;
  std::int64_t usable_bytes = -1;
  std::uint64_t id = 0;  ///< directories with the same one share the space
};

/// An advisory lock on a file; released on destruction.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  read,      ///< must exist
  write,     ///< read and write, must exist
  create,    ///< read and write, made when missing
  truncate,  ///< read and write, empty
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Entries of a directory without "." and "..", in no order.
  virtual Result<std::vector<DirEntry>> list(const std::string& dir) = 0;
  /// Nothing when there is no such file.
  virtual Result<std::optional<FileInfo>> stat(const std::string& path) = 0;
  /// Replaces `to` if it is a file.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Gives the file `from` a second name. False: the two are not on one file system, or it has no such links; nothing is changed then. An existing `to` is an error.
  virtual Result<bool> hard_link(const std::string& /*from*/, const std::string& /*to*/) { return false; }
  /// Removes a file or an empty directory; a missing one is no error.
  virtual Status remove(const std::string& path) = 0;
  /// Makes the directory; an existing one is no error. With `parents` the missing ones above it too.
  virtual Status make_directory(const std::string& path, bool parents) = 0;
  /// fsync of a directory: makes creations, renames and removals in it durable.
  virtual Status sync_directory(const std::string& dir) = 0;
  virtual Result<VolumeInfo> volume(const std::string& path) = 0;
  /// Takes the exclusive lock (fcntl, as Java's FileChannel.lock does it); nothing when another process holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Status set_mtime(const std::string& path, std::int64_t mtime_ms) = 0;
};

/// The whole content of a file, at most `limit` bytes; nothing when it does not exist.
Result<std::optional<std::string>> read_whole(Disk& disk, const std::string& path, std::size_t limit = std::size_t{64} << 20);
/// Writes `<path>.tmp`, syncs it unless told otherwise, renames it to `path`, syncs the directory. Kafka 3.9 Utils.atomicMoveWithFallback.
Status write_atomically(Disk& disk, const std::string& path, std::string_view content, bool sync = true);
/// Copies the first `bytes` bytes of a file to another, which it replaces, and syncs that one (not its name). Error also: the file is shorter.
Status copy_file(Disk& disk, const std::string& from, const std::string& to, std::uint64_t bytes);
/// Removes a directory with all that is in it. A missing one is no error.
Status remove_tree(Disk& disk, const std::string& dir);
/// Directory part of a path; "." without one.
std::string parent_path(const std::string& path);

inline Error storage_error(std::string message) { return Error(ErrorCode::kafka_storage_error, std::move(message)); }

/// The disk is full, or its quota used up: what was asked for is not done, what was there before is whole. Never of a sync: what was written before it may be
/// lost then. Known by its text, which survives that callers put their own before it.
inline constexpr std::string_view kNoSpaceText = "no space left on the disk";
inline Error no_space_error(const std::string& what) { return storage_error(what + ": " + std::string(kNoSpaceText)); }
inline bool is_no_space(const Error& error) { return error.code == ErrorCode::kafka_storage_error && error.message.find(kNoSpaceText) != std::string::npos; }

}  // namespace moldau::storage
