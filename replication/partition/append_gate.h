// AppendGate: lets appends through while a partition's role stands, and holds them while it changes.
//
// What Kafka 3.9 does with Partition's leaderIsrUpdateLock: no append of the old leader epoch lands behind the start of the new one. An append that comes while
// the gate is closed waits until it opens and then meets the new role. Closing waits for the appends that are inside.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"
#include "replication/delayed/waiter.h"

namespace moldau::replication {

/// Guarded by the mutex of its owner, which is passed in.
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
  Awaitable<void> wait_open() {
    co_await suspend([this](Resumption&& r) {
      if (!closed_) return std::move(r);
      blocked_.push_back(std::move(r));
      return Resumption{};
    });
  }
  /// Closes the gate and waits until nobody is inside. One closer at a time (the state changes are serialised).
  Awaitable<void> close() {
    co_await suspend([this](Resumption&& r) {
      closed_ = true;
      if (inside_ == 0) return std::move(r);
      drained_ = std::move(r);
      return Resumption{};
    });
  }
  void open() {
    ResumeBatch batch;
    const std::lock_guard lock(mutex_);
    closed_ = false;
    for (auto& r : blocked_) batch.add(std::move(r));
    blocked_.clear();
  }

 private:
  /// Gives `store` the continuation under the lock; what it returns is resumed at once.
  template <class Store>
  Awaitable<void> suspend(Store store) {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
        [this, &store](auto&& handler) {
          Resumption now;
          {
            const std::lock_guard lock(mutex_);
            now = store(Resumption(std::forward<decltype(handler)>(handler)));
          }
          now.post();
        },
        boost::asio::use_awaitable);
  }

  std::mutex& mutex_;
  std::size_t inside_ = 0;
  bool closed_ = false;
  Resumption drained_;
  std::vector<Resumption> blocked_;
};

}  // namespace moldau::replication
