// MemoryBudget: bounds the bytes of requests that are read or in flight (queued.max.request.bytes; Kafka 3.9 SimpleMemoryPool).
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/suspend.h"

namespace moldau::server {

/// Shared by all I/O threads. A request holds its bytes until it is answered or waits for something. As in Kafka a request is let in while any of the budget is
/// left, so that one larger than the whole budget still passes alone.
class MemoryBudget {
 public:
  /// Bytes taken from a budget; given back on destruction.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Hold& operator=(Hold&& other) noexcept {
      release();
      budget_ = std::exchange(other.budget_, nullptr);
      bytes_ = other.bytes_;
      return *this;
    }
    ~Hold() { release(); }

   private:
    friend class MemoryBudget;
    Hold(MemoryBudget* budget, std::int64_t bytes) : budget_(budget), bytes_(bytes) {}
    void release() noexcept {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->give(bytes_);
    }
    MemoryBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  /// `limit` in bytes; not positive: no bound.
  explicit MemoryBudget(std::int64_t limit) : limit_(limit), left_(limit) {}

  /// Waits until there is room. Resumes on the caller's own executor.
  Awaitable<Hold> take(std::int64_t bytes);

 private:
  struct Waiter {
    std::int64_t bytes;
    Resumption resumption;
  };
  bool try_take(std::int64_t bytes);
  void take_or_queue(std::int64_t bytes, Resumption resumption);
  void give(std::int64_t bytes) noexcept;

  const std::int64_t limit_;
  std::mutex mutex_;
  std::int64_t left_;
  std::deque<Waiter> waiters_;
};

}  // namespace moldau::server
