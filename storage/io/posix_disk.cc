#include "storage/io/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <system_error>

namespace moldau::storage {
namespace {

Error failed(const char* what, const std::string& path, int error) {
  return storage_error(std::string("cannot ") + what + " " + path + ": " + std::generic_category().message(error));
}

/// Of what takes space.
Error not_written(const char* what, const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) return no_space_error(std::string("cannot ") + what + " " + path);
  return failed(what, path, error);
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }  // nothing can be done about an error: what matters was synced before
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status write_at(std::uint64_t position, Bytes bytes) override {
    while (!bytes.empty()) {
      const auto n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(position));
      if (n < 0) {
        if (errno == EINTR) continue;
        return not_written("write to", path_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      position += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t position, MutableBytes out) const override {
    std::size_t total = 0;
    while (total < out.size()) {
      const auto n = ::pread(fd_, out.data() + total, out.size() - total, static_cast<off_t>(position + total));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failed("read", path_, errno);
      }
      if (n == 0) break;
      total += static_cast<std::size_t>(n);
    }
    return total;
  }

  Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes out) const override {
    std::size_t total = 0;
    while (total < out.size()) {
      iovec to{out.data() + total, out.size() - total};
      const auto n = ::preadv2(fd_, &to, 1, static_cast<off_t>(position + total), RWF_NOWAIT);
      if (n < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) {
          if (total == 0) return needs_disk();
          break;
        }
        // The kernel or the file system cannot tell: then a read is taken to be short.
        if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return read_at(position, out);
        return failed("read", path_, errno);
      }
      if (n == 0) break;
      total += static_cast<std::size_t>(n);
    }
    return total;
  }

  Result<std::uint64_t> size() const override {
    struct stat st {};
    if (::fstat(fd_, &st) != 0) return failed("get the size of", path_, errno);
    return static_cast<std::uint64_t>(st.st_size);
  }

  Status truncate(std::uint64_t size) override {
    while (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
      if (errno != EINTR) return not_written("set the size of", path_, errno);
    return {};
  }

  Status sync() override {
    while (::fdatasync(fd_) != 0)
      if (errno != EINTR) return failed("sync", path_, errno);
    return {};
  }

  [[nodiscard]] int descriptor() const noexcept override { return fd_; }

 private:
  int fd_;
  std::string path_;
};

// fcntl locks belong to the process: a second lock of the same process succeeds and closing any descriptor of the file drops
// it. The table keeps two brokers of one process (tests) apart.
std::mutex g_locks_mutex;
std::set<std::pair<dev_t, ino_t>> g_locks;

class PosixLock final : public FileLock {
 public:
  PosixLock(int fd, std::pair<dev_t, ino_t> id) : fd_(fd), id_(id) {}
  ~PosixLock() override {
    const std::lock_guard lock(g_locks_mutex);
    g_locks.erase(id_);
    ::close(fd_);
  }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  int fd_;
  std::pair<dev_t, ino_t> id_;
};

class PosixDisk final : public Disk {
 public:
  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::read: flags |= O_RDONLY; break;
      case OpenMode::write: flags |= O_RDWR; break;
      case OpenMode::create: flags |= O_RDWR | O_CREAT; break;
      case OpenMode::truncate: flags |= O_RDWR | O_CREAT | O_TRUNC; break;
    }
    for (;;) {
      const int fd = ::open(path.c_str(), flags, 0644);
      if (fd >= 0) return std::static_pointer_cast<File>(std::make_shared<PosixFile>(fd, path));
      if (errno != EINTR) return not_written("open", path, errno);
    }
  }

  Result<std::vector<DirEntry>> list(const std::string& dir) override {
    DIR* d = ::opendir(dir.c_str());
    if (d == nullptr) return failed("list", dir, errno);
    std::vector<DirEntry> entries;
    errno = 0;
    while (const auto* e = ::readdir(d)) {
      const std::string_view name = e->d_name;
      if (name != "." && name != "..") {
        bool is_dir = e->d_type == DT_DIR;
        if (e->d_type == DT_UNKNOWN || e->d_type == DT_LNK) {
          struct stat st {};
          is_dir = ::fstatat(::dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
        }
        entries.push_back(DirEntry{std::string(name), is_dir});
      }
      errno = 0;
    }
    const int error = errno;
    ::closedir(d);
    if (error != 0) return failed("list", dir, error);
    return entries;
  }

  Result<std::optional<FileInfo>> stat(const std::string& path) override {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) {
      if (errno == ENOENT) return std::optional<FileInfo>();
      return failed("stat", path, errno);
    }
    return std::optional<FileInfo>(FileInfo{static_cast<std::uint64_t>(st.st_size),
                                            static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1000 + st.st_mtim.tv_nsec / 1'000'000, S_ISDIR(st.st_mode),
                                            static_cast<std::uint64_t>(st.st_nlink)});
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return not_written("rename", from + " to " + to, errno);
    return {};
  }

  Result<bool> hard_link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return true;
    // EPERM: no links on this file system, or not to the files of others (fs.protected_hardlinks). EMLINK: the file has as many as it can have.
    if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP) return false;
    return failed("link", from + " to " + to, errno);
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    const int error = errno;
    if ((error == EISDIR || error == EPERM) && (::rmdir(path.c_str()) == 0 || errno == ENOENT)) return {};
    return failed("remove", path, error == EISDIR ? errno : error);
  }

  Status make_directory(const std::string& path, bool parents) override {
    if (::mkdir(path.c_str(), 0755) == 0) return {};
    if (errno == EEXIST) {
      struct stat st {};
      if (::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
      return failed("make the directory", path, ENOTDIR);
    }
    if (errno == ENOENT && parents && path != "/" && path != ".") {
      if (auto s = make_directory(parent_path(path), true); !s) return s;
      return make_directory(path, false);
    }
    return not_written("make the directory", path, errno);
  }

  Status sync_directory(const std::string& dir) override {
    const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("open the directory", dir, errno);
    const int rc = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (rc != 0) return failed("sync the directory", dir, error);
    return {};
  }

  Result<VolumeInfo> volume(const std::string& path) override {
    struct statvfs st {};
    if (::statvfs(path.c_str(), &st) != 0) return failed("get the free space of", path, errno);
    struct stat dir {};
    if (::stat(path.c_str(), &dir) != 0) return failed("stat", path, errno);
    const auto unit = static_cast<std::int64_t>(st.f_frsize);
    return VolumeInfo{static_cast<std::int64_t>(st.f_blocks) * unit, static_cast<std::int64_t>(st.f_bavail) * unit, dir.st_dev};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const std::lock_guard guard(g_locks_mutex);
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0 && g_locks.contains({st.st_dev, st.st_ino})) return std::unique_ptr<FileLock>();
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return failed("open", path, errno);
    struct flock fl {};
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    if (::fcntl(fd, F_SETLK, &fl) != 0) {
      const int error = errno;
      ::close(fd);
      if (error == EAGAIN || error == EACCES) return std::unique_ptr<FileLock>();
      return failed("lock", path, error);
    }
    if (::fstat(fd, &st) != 0) {
      const int error = errno;
      ::close(fd);
      return failed("stat", path, error);
    }
    const std::pair<dev_t, ino_t> id{st.st_dev, st.st_ino};
    g_locks.insert(id);
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(fd, id));
  }

  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override {
    struct timespec times[2] {};
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = mtime_ms / 1000;
    times[1].tv_nsec = mtime_ms % 1000 * 1'000'000;
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) return failed("set the time of", path, errno);
    return {};
  }
};

}  // namespace

Disk& posix_disk() {
  static PosixDisk disk;
  return disk;
}

std::uint64_t raise_descriptor_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const auto before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return limit.rlim_cur;
}

}  // namespace moldau::storage
