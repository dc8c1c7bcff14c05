// LoadQueue: the logs that a start has still to load or recover, what each of them costs, and how far that is.
//
// Cheap ones come first, so that most partitions can be led early; some threads take from the other end, so that a big log does not begin last.
// Thread-safe. Filled once; jobs stay where they are until the queue goes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"

namespace moldau::storage {

/// What recovery has to read of a log: its segments from the recovery point on.
struct RecoveryWork {
  std::size_t segments = 0;
  std::uint64_t bytes = 0;
};

/// How far the loading of the logs is, by log directory; those that are loaded as a whole are left out.
struct LoadProgress {
  struct Dir {
    std::string path;
    bool recovering = false;  ///< The last stop was not clean.
    std::size_t logs = 0;     ///< All that it holds.
    std::size_t remaining_logs = 0;
    RecoveryWork remaining;
    std::size_t failed_logs = 0;               ///< Could not be loaded; the log says why.
    std::vector<std::size_t> thread_segments;  ///< Remaining of the log at which each loading thread works; 0 when it works elsewhere.
  };
  std::vector<Dir> dirs;

  [[nodiscard]] std::size_t remaining_logs() const;
};

class LoadQueue {
 public:
  enum class State : std::uint8_t { waiting, running, loaded, failed, deleted };
  enum class End : bool { cheapest, costliest };

  struct Job {
    std::size_t dir = 0;     ///< Its log directory's place in log.dirs.
    std::string name;        ///< Of the partition's directory.
    TopicPartition partition;
    bool is_future = false;  ///< Of a move between log directories; not found by its partition.
    RecoveryWork work;
    std::atomic<bool> cancelled{false};
    // Counted down by the thread that loads it.
    std::atomic<std::size_t> segments_left{0};
    std::atomic<std::uint64_t> bytes_left{0};
    std::atomic<std::size_t> thread{0};
    State state = State::waiting;  ///< Under the queue's lock.

    /// `bytes` more have been read.
    void read(std::uint64_t bytes) noexcept;
    void segment_done() noexcept;
  };
  struct DirInfo {
    std::string path;
    bool recovering = false;
  };

  /// REQUIRES: empty. `work` of the jobs is known.
  void fill(std::vector<DirInfo> dirs, std::vector<std::unique_ptr<Job>> jobs);
  /// The next one, which is running from now on; null when none waits.
  Job* take(End from, std::size_t thread);
  /// REQUIRES: taken. A job of a stopped start goes back with State::waiting.
  void finish(Job& job, State state);

  /// Waits or runs.
  [[nodiscard]] bool is_loading(TopicPartitionView tp) const;
  /// Was found on disk and is not there to be used: waits, runs, or failed.
  [[nodiscard]] bool is_missing(TopicPartitionView tp) const;
  /// A copy of the job's state; nothing for a partition that was not found at the start.
  [[nodiscard]] std::optional<State> state(TopicPartitionView tp) const;
  /// Takes it out for good: one that runs is asked to end, and waited for. The place of its directory in log.dirs and its name; nothing when it is loaded or unknown.
  std::optional<std::pair<std::size_t, std::string>> cancel(TopicPartitionView tp);

  /// Nothing waits or runs.
  [[nodiscard]] bool done() const;
  /// True when it is done; at most `wait` long.
  bool wait_done(Millis wait);
  [[nodiscard]] std::size_t total() const;
  [[nodiscard]] std::size_t finished() const;
  /// Counts what changed: with it a reader sees that its picture is old.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  [[nodiscard]] LoadProgress progress(std::size_t threads) const;

 private:
  [[nodiscard]] bool done_locked() const { return waiting_ == 0 && running_ == 0; }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<DirInfo> dirs_;
  std::vector<std::unique_ptr<Job>> jobs_;  ///< Ascending by bytes.
  std::unordered_map<TopicPartition, Job*, TopicPartitionHash, TopicPartitionEqual> by_partition_;
  std::size_t low_ = 0;
  std::size_t high_ = 0;  ///< Those in [low_, high_) may wait.
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
  std::atomic<std::uint64_t> changes_{0};
};

}  // namespace moldau::storage
