// LogOutline: what must be known of a log's files to copy them while the log is written to.
//
// How a copy is made from it: note the outline; link or copy files; ask for the outline again. When `file_changes` is even and still the same, none of the files that
// the first outline names was renamed, cut, replaced or removed meanwhile. Appends and rolls need no such check: they change nothing below the high watermark of the
// first outline, and close no file that was not open in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "storage/epoch/leader_epoch_file_cache.h"

namespace moldau::storage {

struct SegmentOutline {
  Offset base;
  std::uint64_t bytes = 0;  ///< of the .log that readers may see
};

struct LogOutline {
  TopicPartition partition;
  TopicId topic_id;
  std::string dir;                ///< of the partition
  std::string log_dir;            ///< the entry of log.dirs
  std::uint64_t file_changes = 0; ///< odd: one is under way
  Offset log_start{0};
  Offset high_watermark{0};
  Offset log_end{0};
  Offset recovery_point{0};
  std::vector<EpochEntry> epochs;
  std::vector<SegmentOutline> segments;  ///< never empty; the last one is the active one
};

/// Counts the changes of a log's files that a copy must not meet: odd while one is under way. One writer at a time (the append lock), readers on any thread.
class FileChanges {
 public:
  /// One change, for as long as it lives.
  class Change {
   public:
    explicit Change(FileChanges& changes) : changes_(changes) { ++changes_.count_; }
    ~Change() { ++changes_.count_; }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    FileChanges& changes_;
  };
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace moldau::storage
