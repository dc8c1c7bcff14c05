// DirSpace: whether a log directory takes records, by the free space of its volume.
//
// DIFFERS: Apache Kafka writes until the disk refuses, and takes the directory offline for good. Here a directory is full when less than log.dir.min.free.bytes
// (the low-water mark) is free, or when a write has met the end of the disk; it takes records again by itself when there is room. What is kept free below the mark
// is for what lets a broker live on: indexes, checkpoints, segment lists, deletion, compaction; half of it is for what coordinators write.
//
// Cheap where records are appended: one counter. The volume is asked from time to time by who owns the directory (LogManagerImpl::check_space), and out of turn when half
// of what was free is written. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "storage/io/disk.h"

namespace moldau::storage {

class DirSpace {
 public:
  explicit DirSpace(std::string path) : path_(std::move(path)) {}

  /// Called when the volume should be asked soon, on the appending thread. Set before the directory is used.
  void set_alarm(std::function<void()> alarm) { alarm_ = std::move(alarm); }

  /// Counts what is about to be written; false, and nothing is counted, when there is no room for it. `coordinator`: records of the broker's own, which may go lower.
  [[nodiscard]] bool admit(std::int64_t bytes, bool coordinator) noexcept;
  /// KAFKA_STORAGE_ERROR with the bytes that are free and the key that says how many must be.
  [[nodiscard]] Error full_error() const;
  [[nodiscard]] bool full() const noexcept { return full_.load(std::memory_order_acquire); }
  /// As of the last look; -1 before the first.
  [[nodiscard]] std::int64_t free_bytes() const noexcept { return free_.load(std::memory_order_relaxed); }

  /// What was counted so far: ask before the volume, and give it to seen().
  [[nodiscard]] std::int64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
  /// What the volume says. `min_free`: log.dir.min.free.bytes. `sharers`: how many log directories lie on it.
  void seen(const VolumeInfo& volume, std::int64_t written_before, std::int64_t min_free, std::int64_t sharers);
  /// A write has met the end of the disk.
  void hit_the_end(const Error& error);

  /// log.dir.min.free.bytes for a volume: -1 is a hundredth of it, from 4 MiB to 1 GiB.
  [[nodiscard]] static std::int64_t low_water(std::int64_t min_free, std::int64_t total) noexcept;

 private:
  void become_full(const std::string& why);

  /// Who met the end of the disk stays full for so many looks, though the volume has room: a quota, or no inodes.
  static constexpr int kLooksAfterTheEnd = 10;

  const std::string path_;
  std::function<void()> alarm_;
  std::atomic<std::int64_t> written_{0};
  std::atomic<std::int64_t> limit_{INT64_MAX};              ///< of written_, for records of clients and leaders
  std::atomic<std::int64_t> coordinator_limit_{INT64_MAX};  ///< and for those of coordinators
  std::atomic<std::int64_t> alarm_at_{INT64_MAX};
  std::atomic<bool> full_{false};
  std::atomic<std::int64_t> free_{-1};
  std::atomic<std::int64_t> low_water_{0};
  std::mutex mutex_;  // changes of state
  int looks_to_wait_ = 0;
};

}  // namespace moldau::storage
