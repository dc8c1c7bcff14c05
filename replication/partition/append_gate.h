// AppendGate: lets appends through while a partition's role stands, and holds them while it changes.
//
// What Kafka 3.9 does with Partition's leaderIsrUpdateLock: no append of the old leader epoch lands behind the start of the new one. An append that comes while
// the gate is closed waits until it opens and then meets the new role. Closing waits for the appends that are inside.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau::replication {

/// Guarded by the mutex of its owner, which is passed in: entering goes with reading the role.
class AppendGate {
 public:
  explicit AppendGate(std::mutex& mutex) : mutex_(mutex) {}
  AppendGate(const AppendGate&) = delete;
  AppendGate& operator=(const AppendGate&) = delete;

  /// REQUIRES: the mutex is held. True: inside, call leave_locked() later. False: closed, wait with wait_open() and try again.
  [[nodiscard]] bool try_enter_locked() noexcept {
    if (closed_) return false;
    ++inside_;
    return true;
  }
  /// REQUIRES: the mutex is held. The resumptions are posted after it is released.
  void leave_locked(ResumeBatch& batch) {
    if (--inside_ == 0 && closed_) batch.add(std::move(drained_));
  }
  Awaitable<void> wait_open();
  /// Closes the gate and waits until nobody is inside. One closer at a time (the state changes are serialised).
  Awaitable<void> close();
  void open();

 private:
  std::mutex& mutex_;
  std::size_t inside_ = 0;
  bool closed_ = false;
  Resumption drained_;
  std::vector<Resumption> blocked_;
};

}  // namespace moldau::replication
