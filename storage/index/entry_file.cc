#include "storage/index/entry_file.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "storage/io/disk.h"

namespace moldau::storage {
namespace {

/// Number of leading entries in memory that satisfy `before`.
std::size_t search(const std::byte* entries, std::size_t n, std::size_t entry_size, const std::function<bool(const std::byte*)>& before) {
  std::size_t low = 0;
  std::size_t high = n;
  while (low < high) {
    const auto mid = low + (high - low) / 2;
    if (before(entries + mid * entry_size)) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

}  // namespace

void EntryFile::attach(std::uint64_t file_size) {
  const std::lock_guard lock(lock_);
  count_ = static_cast<std::size_t>(file_size / options_.entry_size);
  tail_first_ = pending_first_ = count_;
  tail_.clear();
  block_.reset();
  presized_ = 0;
}

std::size_t EntryFile::count() const {
  const std::lock_guard lock(lock_);
  return count_;
}

Status EntryFile::presize(std::uint64_t bytes) {
  if (presized_ == bytes) return {};
  auto file = file_.get(OpenMode::create);
  if (!file) return file.error();
  if (auto s = (*file)->truncate(std::max<std::uint64_t>(bytes, count() * options_.entry_size)); !s) return s;
  presized_ = bytes;
  return {};
}

Status EntryFile::append(const std::byte* entry) {
  bool write = false;
  {
    const std::lock_guard lock(lock_);
    tail_.insert(tail_.end(), entry, entry + options_.entry_size);
    ++count_;
    // A short index is always up to date in the file, for tools that look at a running broker's.
    write = count_ - pending_first_ > std::min<std::size_t>(options_.write_behind, count_ / 8);
  }
  if (write) {
    // On a full disk they wait in memory: there are few, since the log takes no more records, and they are written before the index must be on the disk.
    if (auto s = write_pending(); !s && !is_no_space(s.error())) return s;
  }
  const std::lock_guard lock(lock_);
  if (count_ - tail_first_ > kTailEntries) {
    const auto drop = std::min(kTailEntries / 2, pending_first_ - tail_first_);
    tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(drop * options_.entry_size));
    tail_first_ += drop;
  }
  return {};
}

Status EntryFile::write_pending() {
  std::vector<std::byte> bytes;
  std::size_t first = 0;
  {
    const std::lock_guard lock(lock_);
    first = pending_first_;
    if (first == count_) return {};
    bytes.assign(tail_.begin() + static_cast<std::ptrdiff_t>((first - tail_first_) * options_.entry_size), tail_.end());
  }
  auto file = file_.get(OpenMode::create);
  if (!file) return file.error();
  if (auto s = (*file)->write_at(static_cast<std::uint64_t>(first) * options_.entry_size, bytes); !s) return s;
  const std::lock_guard lock(lock_);
  pending_first_ = std::min(count_, first + bytes.size() / options_.entry_size);
  return {};
}

Result<std::size_t> EntryFile::read_stored(const File& file, std::uint64_t position, MutableBytes out, ColdRead cold) {
  auto got = file.read_at(position, out, cold);
  // A part in memory is of no use; whether it is the end of the file only a real read can tell.
  if (got && *got < out.size() && cold == ColdRead::refuse) return needs_disk();
  return got;
}

Status EntryFile::read(std::size_t i, std::byte* out, ColdRead cold) const {
  {
    const std::lock_guard lock(lock_);
    if (i >= count_) {
      // Truncated since the caller looked: an empty entry sends it to the start of the segment.
      std::memset(out, 0, options_.entry_size);
      return {};
    }
    if (i >= tail_first_) {
      std::memcpy(out, tail_.data() + (i - tail_first_) * options_.entry_size, options_.entry_size);
      return {};
    }
    const std::size_t in_block = block_ ? block_->size() / options_.entry_size : 0;
    if (i >= block_first_ && i < block_first_ + in_block) {
      std::memcpy(out, block_->data() + (i - block_first_) * options_.entry_size, options_.entry_size);
      return {};
    }
  }
  auto file = const_cast<CachedFile&>(file_).get(cold);
  if (!file) return file.error();
  auto got = read_stored(**file, static_cast<std::uint64_t>(i) * options_.entry_size, {out, options_.entry_size}, cold);
  if (!got) return got.error();
  if (*got != options_.entry_size) return Error(ErrorCode::corrupt_message, file_.path() + " ends before entry " + std::to_string(i));
  return {};
}

Result<std::size_t> EntryFile::partition_point(const std::function<bool(const std::byte*)>& before, ColdRead cold) const {
  const std::size_t size = options_.entry_size;
  const std::size_t per_block = std::max<std::size_t>(1, kBlockBytes / size);
  std::size_t stored = 0;  // entries that are only in the file
  {
    const std::lock_guard lock(lock_);
    stored = tail_first_;
    if (!tail_.empty() && (stored == 0 || before(tail_.data()))) return stored + search(tail_.data(), tail_.size() / size, size, before);
    if (block_ && !block_->empty()) {
      const std::size_t n = block_->size() / size;
      const bool last_block = block_first_ + n == stored;
      if (before(block_->data()) && (last_block || !before(block_->data() + (n - 1) * size))) return block_first_ + search(block_->data(), n, size, before);
    }
  }
  if (stored == 0) return std::size_t{0};
  auto file = const_cast<CachedFile&>(file_).get(cold);
  if (!file) return file.error();
  std::byte probe[64];
  std::size_t low = 0;  // block whose first entry satisfies `before`, or block 0
  std::size_t high = (stored + per_block - 1) / per_block;
  while (high - low > 1) {
    const auto mid = low + (high - low) / 2;
    auto got = read_stored(**file, static_cast<std::uint64_t>(mid * per_block) * size, {probe, size}, cold);
    if (!got) return got.error();
    if (*got == size && before(probe)) {
      low = mid;
    } else {
      high = mid;
    }
  }
  const std::size_t first = low * per_block;
  auto block = std::make_unique<std::vector<std::byte>>(std::min(per_block, stored - first) * size);
  auto got = read_stored(**file, static_cast<std::uint64_t>(first) * size, *block, cold);
  if (!got) return got.error();
  block->resize(*got / size * size);
  const auto found = first + search(block->data(), block->size() / size, size, before);
  const std::lock_guard lock(lock_);
  if (stored == tail_first_ || first + per_block <= tail_first_) {
    block_first_ = first;
    block_ = std::move(block);
  }
  return found;
}

Status EntryFile::truncate_entries(std::size_t n) {
  bool stale = false;
  {
    const std::lock_guard lock(lock_);
    if (n >= count_) return {};
    stale = pending_first_ > n;
  }
  if (stale) {
    // What is cut must not be found in the pre-sized file by anyone who reads it from outside.
    auto file = file_.get(OpenMode::create);
    if (!file) return file.error();
    if (auto s = (*file)->truncate(static_cast<std::uint64_t>(n) * options_.entry_size); !s) return s;
    presized_ = 0;
  }
  const std::lock_guard lock(lock_);
  if (n > tail_first_) {
    tail_.resize((n - tail_first_) * options_.entry_size);
  } else {
    tail_.clear();
    tail_first_ = n;
  }
  count_ = n;
  pending_first_ = std::min(pending_first_, n);
  block_.reset();
  return {};
}

Status EntryFile::trim() {
  if (auto s = write_pending(); !s) return s;
  auto file = file_.get(OpenMode::create);
  if (!file) return file.error();
  const auto used = static_cast<std::uint64_t>(count()) * options_.entry_size;
  auto size = (*file)->size();
  if (!size) return size.error();
  if (*size != used) {
    if (auto s = (*file)->truncate(used); !s) return s;
  }
  presized_ = 0;
  {
    const std::lock_guard lock(lock_);
    tail_.clear();
    tail_.shrink_to_fit();
    tail_first_ = pending_first_ = count_;
  }
  file_.close();
  return {};
}

}  // namespace moldau::storage
