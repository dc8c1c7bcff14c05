// ColdDisk: another disk whose files forget their cached bytes on demand, which tells which threads had to wait for it, and lets a test act just before a call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "storage/io/disk.h"

namespace moldau::storage::test {

class ColdDisk final : public Disk {
 public:
  explicit ColdDisk(Disk& below) : below_(below) {}

  /// Nothing is in the page cache any more; waits are noted from here on.
  void chill() {
    const std::lock_guard lock(mutex_);
    cold_ = true;
    warm_.clear();
    waited_.clear();
    read_.clear();
  }
  /// Threads that opened a file or read one that was not cached since chill().
  [[nodiscard]] std::set<std::thread::id> waited() const {
    const std::lock_guard lock(mutex_);
    return waited_;
  }

  enum class Call { open, read, sync };
  /// Runs `act` once, on the calling thread, just before the next such call on a path that contains `path_part`.
  void before(Call call, std::string path_part, std::function<void(const std::string& path)> act) {
    const std::lock_guard lock(mutex_);
    acts_[call] = {std::move(path_part), std::move(act)};
  }

  /// The same for reads alone.
  [[nodiscard]] std::set<std::thread::id> waited_to_read() const {
    const std::lock_guard lock(mutex_);
    return read_;
  }

  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override {
    note_wait();
    about_to(Call::open, path);
    auto file = below_.open(path, mode);
    if (!file) return file;
    return std::static_pointer_cast<File>(std::make_shared<ColdFile>(*this, path, std::move(*file)));
  }
  Result<std::vector<DirEntry>> list(const std::string& dir) override { return below_.list(dir); }
  Result<std::optional<FileInfo>> stat(const std::string& path) override { return below_.stat(path); }
  Status rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Status remove(const std::string& path) override { return below_.remove(path); }
  Status make_directory(const std::string& path, bool parents) override { return below_.make_directory(path, parents); }
  Status sync_directory(const std::string& dir) override { return below_.sync_directory(dir); }
  Result<VolumeInfo> volume(const std::string& path) override { return below_.volume(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override { return below_.set_mtime(path, mtime_ms); }

 private:
  class ColdFile final : public File {
   public:
    ColdFile(ColdDisk& disk, std::string path, std::shared_ptr<File> file) : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}
    Status write_at(std::uint64_t position, Bytes bytes) override { return file_->write_at(position, bytes); }
    Result<std::size_t> read_at(std::uint64_t position, MutableBytes out) const override {
      disk_.warm_up(path_);
      disk_.about_to(Call::read, path_);
      return file_->read_at(position, out);
    }
    Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes out) const override {
      if (!disk_.is_warm(path_)) return needs_disk();
      return file_->read_at(position, out);
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status sync() override {
      disk_.about_to(Call::sync, path_);
      return file_->sync();
    }
    [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }

   private:
    ColdDisk& disk_;
    const std::string path_;
    const std::shared_ptr<File> file_;
  };

  [[nodiscard]] bool is_warm(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return !cold_ || warm_.contains(path);
  }
  void warm_up(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!cold_ || !warm_.insert(path).second) return;
    waited_.insert(std::this_thread::get_id());
    read_.insert(std::this_thread::get_id());
  }
  void about_to(Call call, const std::string& path) {
    std::function<void(const std::string& path)> act;
    {
      const std::lock_guard lock(mutex_);
      const auto it = acts_.find(call);
      if (it == acts_.end() || path.find(it->second.first) == std::string::npos) return;
      act = std::move(it->second.second);
      acts_.erase(it);
    }
    act(path);
  }
  void note_wait() {
    const std::lock_guard lock(mutex_);
    if (cold_) waited_.insert(std::this_thread::get_id());
  }

  Disk& below_;
  mutable std::mutex mutex_;
  bool cold_ = false;
  std::map<Call, std::pair<std::string, std::function<void(const std::string&)>>> acts_;
  std::set<std::string> warm_;
  std::set<std::thread::id> waited_;
  std::set<std::thread::id> read_;
};

}  // namespace moldau::storage::test
