// SerialQueue: lets one coroutine at a time through, first come first served. Unlike a lock it may be held across co_await: it owns an order, not data.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <mutex>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau::replication {

class SerialQueue {
 public:
  /// The turn; given on to the next in line when it ends.
  class [[nodiscard]] Turn {
   public:
    explicit Turn(SerialQueue* queue) noexcept : queue_(queue) {}
    Turn(Turn&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (queue_ != nullptr) queue_->pass_on();
    }

   private:
    SerialQueue* queue_;
  };

  Awaitable<Turn> enter() {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
        [this](auto&& handler) {
          Resumption mine(std::forward<decltype(handler)>(handler));
          {
            const std::lock_guard lock(mutex_);
            if (busy_) {
              line_.push_back(std::move(mine));
              return;
            }
            busy_ = true;
          }
          mine.post();
        },
        boost::asio::use_awaitable);
    co_return Turn(this);
  }

 private:
  void pass_on() {
    Resumption next;
    {
      const std::lock_guard lock(mutex_);
      if (line_.empty()) {
        busy_ = false;
        return;
      }
      next = std::move(line_.front());
      line_.pop_front();
    }
    next.post();
  }

  std::mutex mutex_;
  bool busy_ = false;
  std::deque<Resumption> line_;
};

}  // namespace moldau::replication
