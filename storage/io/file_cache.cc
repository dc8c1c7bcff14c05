#include "storage/io/file_cache.h"

#include <cinttypes>
#include <cstdio>
#include <thread>

namespace moldau::storage {

void SpinLock::lock() noexcept {
  for (int spins = 0; flag_.test_and_set(std::memory_order_acquire); ++spins)
    if (spins > 64) std::this_thread::yield();
}

std::string segment_file_name(std::int64_t base_offset, const char* suffix) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%020" PRId64, base_offset);
  std::string name(digits);
  name += suffix;
  return name;
}

std::size_t FileCache::open_count() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

Result<std::shared_ptr<File>> FileCache::open(CachedFile& file, OpenMode mode) {
  auto opened = file.open_by_name(mode);
  if (!opened) return opened;
  std::shared_ptr<File> victim;  // closed after the locks are released
  std::shared_ptr<File> result;
  {
    const std::lock_guard lock(mutex_);
    {
      const std::lock_guard file_lock(file.lock_);
      if (file.file_) return file.file_;  // another thread was faster
      file.file_ = *opened;
      result = *opened;
    }
    file.referenced_.store(true, std::memory_order_relaxed);
    if (open_.size() < capacity_) {
      file.slot_ = open_.size();
      open_.push_back(&file);
    } else {
      while (open_[hand_]->referenced_.exchange(false, std::memory_order_relaxed)) hand_ = (hand_ + 1) % open_.size();
      auto& out = *open_[hand_];
      {
        const std::lock_guard out_lock(out.lock_);
        victim = std::move(out.file_);
        out.file_ = nullptr;
      }
      out.slot_ = CachedFile::kNotOpen;
      open_[hand_] = &file;
      file.slot_ = hand_;
      hand_ = (hand_ + 1) % open_.size();
    }
  }
  return result;
}

void FileCache::forget(CachedFile& file) {
  std::shared_ptr<File> dropped;
  const std::lock_guard lock(mutex_);
  if (file.slot_ == CachedFile::kNotOpen) return;
  {
    const std::lock_guard file_lock(file.lock_);
    dropped = std::move(file.file_);
    file.file_ = nullptr;
  }
  open_.back()->slot_ = file.slot_;
  open_[file.slot_] = open_.back();
  open_.pop_back();
  file.slot_ = CachedFile::kNotOpen;
  if (hand_ >= open_.size()) hand_ = 0;
}

std::shared_ptr<File> CachedFile::if_open() {
  const std::lock_guard lock(lock_);
  if (file_ && !referenced_.load(std::memory_order_relaxed)) referenced_.store(true, std::memory_order_relaxed);
  return file_;
}

Result<std::shared_ptr<File>> CachedFile::get(OpenMode mode) {
  if (auto file = if_open()) return file;
  return cache_.open(*this, mode);
}

Result<std::shared_ptr<File>> CachedFile::get(ColdRead cold) {
  if (auto file = if_open()) return file;
  if (cold == ColdRead::refuse) return needs_disk();
  return cache_.open(*this, OpenMode::write);
}

void CachedFile::close() { cache_.forget(*this); }

Result<std::shared_ptr<File>> CachedFile::open_by_name(OpenMode mode) {
  for (;;) {
    const char* const suffix = suffix_.load();
    auto opened = disk().open(path_with(suffix), mode);
    const std::lock_guard lock(rename_lock_);
    if (suffix_.load() == suffix) return opened;
  }
}

Status CachedFile::rename_suffix(const char* suffix) {
  const std::lock_guard lock(rename_lock_);
  const auto from = path();
  auto info = disk().stat(from);
  if (!info) return info.error();
  if (*info) {
    if (auto s = disk().rename(from, path_with(suffix)); !s) return s;
  }
  suffix_.store(suffix);
  return {};
}

Status CachedFile::remove() {
  close();
  return disk().remove(path());
}

}  // namespace moldau::storage
