// LogDirMover: the threads that move partitions between log directories (Kafka 3.9 ReplicaAlterLogDirsManager).
//
// num.replica.alter.log.dirs.threads coroutines on the blocking pool; each takes one partition and copies it to the end before it takes the next, in the order of
// their names, so that moves end soon. What fails is tried again after a while. A coroutine ends when nothing is left to move.
// DIFFERS: Apache Kafka waits until both logs happen to end at one offset; here what little is left is copied while appends wait.
// Thread-safe; the lock is short, and never held over I/O.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/event.h"
#include "protocol/base/ids.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "replication/partition/partition.h"

namespace moldau::replication {

class LogDirMover {
 public:
  struct Deps {
    Clock& clock;
    Executor executor;        ///< Blocking work runs there.
    std::size_t threads = 1;  ///< num.replica.alter.log.dirs.threads; Kafka's default is the number of log directories.
    /// Puts the future log in the place of the other, once it has caught up. False: it has not, or it failed; try again.
    std::function<Awaitable<bool>(std::shared_ptr<Partition>, std::shared_ptr<storage::Log> future)> finish;
  };
  explicit LogDirMover(Deps deps);
  LogDirMover(const LogDirMover&) = delete;
  LogDirMover& operator=(const LogDirMover&) = delete;
  ~LogDirMover();

  /// Copies `future`, the partition's, until it has taken the place of its log. Refused once stopped.
  void add(std::shared_ptr<Partition> partition, std::shared_ptr<storage::Log> future);
  /// Forgets the partition. A piece of it may still be on its way: seal the log before anything is done to it.
  void remove(TopicPartitionView tp);
  /// No piece begins any more.
  void stop();
  /// stop(), and waits until the pieces under way are done; false when `timeout` came first. Blocking.
  bool join_blocking(Millis timeout);

  [[nodiscard]] std::size_t moving() const;
  /// Moves that failed at their last try.
  [[nodiscard]] std::size_t failing() const;
  /// The most offsets that a future log is behind.
  [[nodiscard]] std::int64_t max_lag() const;

 private:
  struct Move {
    std::shared_ptr<Partition> partition;
    std::shared_ptr<storage::Log> future;
    SteadyTime not_before{};
    bool taken = false;    ///< a worker has it
    bool removed = false;  ///< nobody wants it any more; under the mutex, as the rest
    bool failed = false;
  };
  struct Worker {
    Event stop;
  };
  using Moves = std::map<std::pair<std::string, std::int32_t>, std::shared_ptr<Move>>;

  Awaitable<void> work(Worker& worker);
  /// The next move to work on; else how long to wait for one, zero when none is left and the worker is gone from the list.
  std::shared_ptr<Move> take(Worker& worker, Millis& wait);
  /// Copies until the move is done (true), fails, or is not wanted any more.
  Awaitable<bool> copy(const Worker& worker, const Move& move);
  void let_go(const std::shared_ptr<Move>& move, bool done);
  [[nodiscard]] bool is_wanted(const Move& move) const;

  const Deps deps_;
  mutable std::mutex mutex_;
  Moves moves_;
  std::list<Worker> workers_;
  bool stopped_ = false;
  TaskGroup group_{"moves between log directories", LogCategory::replica};
};

}  // namespace moldau::replication
