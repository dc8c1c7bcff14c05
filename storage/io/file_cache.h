// FileCache and CachedFile: files that are open only while they are used.
//
// A log directory may hold far more files than the process may have descriptors. A CachedFile opens its file on the first use; the
// cache closes the least recently used ones (second chance) when more than its capacity are open. Who holds the shared_ptr<File>
// keeps the descriptor for that long, so a slice that is being sent is never cut off.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/io/disk.h"

namespace moldau::storage {

class CachedFile;

/// A lock held for some instructions only.
class SpinLock {
 public:
  void lock() noexcept;
  void unlock() noexcept { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};

/// The path of a partition's directory, shared by all of its files; changes when the directory is renamed.
class DirPath {
 public:
  explicit DirPath(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] std::string get() const {
    const std::lock_guard lock(lock_);
    return path_;
  }
  void set(std::string path) {
    const std::lock_guard lock(lock_);
    path_ = std::move(path);
  }

 private:
  mutable SpinLock lock_;
  std::string path_;
};

/// The open files of one broker. Thread-safe. Must outlive its files.
class FileCache {
 public:
  FileCache(Disk& disk, std::size_t capacity) : disk_(disk), capacity_(capacity < 16 ? 16 : capacity) {}
  FileCache(const FileCache&) = delete;
  FileCache& operator=(const FileCache&) = delete;

  [[nodiscard]] Disk& disk() const noexcept { return disk_; }
  [[nodiscard]] std::size_t open_count() const;
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  friend class CachedFile;
  Result<std::shared_ptr<File>> open(CachedFile& file, OpenMode mode);
  void forget(CachedFile& file);

  Disk& disk_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<CachedFile*> open_;
  std::size_t hand_ = 0;
};

/// `<dir>/<base offset, 20 digits><suffix>`.
std::string segment_file_name(std::int64_t base_offset, const char* suffix);

/// A file of a segment, opened on demand. Thread-safe.
class CachedFile {
 public:
  /// `suffix` is a literal such as ".log".
  CachedFile(FileCache& cache, std::shared_ptr<const DirPath> dir, std::int64_t base_offset, const char* suffix)
      : cache_(cache), dir_(std::move(dir)), base_offset_(base_offset), suffix_(suffix) {}
  ~CachedFile() { close(); }
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  [[nodiscard]] std::string path() const { return path_with(suffix_.load()); }
  [[nodiscard]] Disk& disk() const noexcept { return cache_.disk(); }
  /// The open file. With OpenMode::create it is made when missing.
  Result<std::shared_ptr<File>> get(OpenMode mode = OpenMode::write);
  /// As get(), but with ColdRead::refuse only when it is open: opening looks at directories on the disk.
  Result<std::shared_ptr<File>> get(ColdRead cold);
  /// Lets go of the descriptor; the next get() opens again.
  void close();
  /// Names another file (a literal). REQUIRES: not used yet.
  void set_suffix(const char* suffix) noexcept { suffix_.store(suffix); }
  /// Renames to another suffix (a literal), such as ".log.deleted". A missing file is no error. Who opens meanwhile gets this file, even when another one takes over
  /// its old name.
  Status rename_suffix(const char* suffix);
  /// Removes the file. A missing file is no error.
  Status remove();
  Result<std::optional<FileInfo>> stat() const { return disk().stat(path()); }

 private:
  friend class FileCache;
  static constexpr std::size_t kNotOpen = SIZE_MAX;
  std::shared_ptr<File> if_open();
  [[nodiscard]] std::string path_with(const char* suffix) const { return dir_->get() + "/" + segment_file_name(base_offset_, suffix); }
  /// Opens by the name that the file had all the time.
  Result<std::shared_ptr<File>> open_by_name(OpenMode mode);

  FileCache& cache_;
  std::shared_ptr<const DirPath> dir_;
  std::int64_t base_offset_;
  std::atomic<const char*> suffix_;
  std::mutex rename_lock_;  ///< held over the rename and the change of suffix_; taken by who opens, and waits for the disk anyway
  SpinLock lock_;
  std::atomic<bool> referenced_{false};
  std::shared_ptr<File> file_;     // under lock_
  std::size_t slot_ = kNotOpen;    // under the cache's mutex
};

}  // namespace moldau::storage
