// EntryFile: a file of entries of one size, ascending in some key: what the three indexes of a segment have in common.
//
// Read by pread and written by pwrite, never mapped: a full or failing disk under a map kills the process. The newest entries are kept in memory
// and written some at a time: an index of an active segment is rebuilt after a crash anyway, so nothing is lost by it. With ColdRead::refuse a look-up that
// would wait for the disk gives needs_disk().
//
// One writer at a time (the log's append order); readers on any thread. Invariants:
//   1. entries [0, pending_first_) are in the file, [tail_first_, count_) in memory, and tail_first_ <= pending_first_
//   2. the file may be longer than the entries (pre-sized): its size says nothing until trim()
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "storage/io/file_cache.h"

namespace moldau::storage {

class EntryFile {
 public:
  struct Options {
    std::uint32_t entry_size = 8;
    std::uint32_t write_behind = 64;  ///< entries that may wait in memory; 0: written at once
  };

  EntryFile(FileCache& cache, std::shared_ptr<const DirPath> dir, std::int64_t base_offset, const char* suffix, Options options)
      : file_(cache, std::move(dir), base_offset, suffix), options_(options) {}

  [[nodiscard]] CachedFile& file() noexcept { return file_; }
  [[nodiscard]] const CachedFile& file() const noexcept { return file_; }

  /// Takes over an existing trimmed file; a partial entry at its end is ignored.
  void attach(std::uint64_t file_size);
  [[nodiscard]] std::size_t count() const;
  /// Grows the file (sparse) to `bytes` before the first append.
  Status presize(std::uint64_t bytes);

  Status append(const std::byte* entry);
  /// Copies entry `i`; zeros for one that a truncation has removed meanwhile.
  Status read(std::size_t i, std::byte* out, ColdRead cold = ColdRead::wait) const;
  /// How many leading entries satisfy `before`. REQUIRES: it holds for a prefix of the entries.
  Result<std::size_t> partition_point(const std::function<bool(const std::byte*)>& before, ColdRead cold = ColdRead::wait) const;
  /// Forgets all entries from `n` on.
  Status truncate_entries(std::size_t n);
  /// Writes what waits in memory.
  Status write_pending();
  /// Cuts the file to its entries and lets go of the descriptor. An index that has no file gets an empty one.
  Status trim();

 private:
  /// Fills `out`; fewer bytes only at the end of the file.
  static Result<std::size_t> read_stored(const File& file, std::uint64_t position, MutableBytes out, ColdRead cold);

  static constexpr std::size_t kTailEntries = 128;
  static constexpr std::size_t kBlockBytes = 1024;

  CachedFile file_;
  const Options options_;
  mutable SpinLock lock_;
  std::size_t count_ = 0;
  std::size_t tail_first_ = 0;
  std::size_t pending_first_ = 0;
  std::uint64_t presized_ = 0;
  std::vector<std::byte> tail_;
  mutable std::size_t block_first_ = 0;
  mutable std::unique_ptr<std::vector<std::byte>> block_;  ///< the block of entries read last
};

}  // namespace moldau::storage
