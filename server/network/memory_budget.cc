#include "server/network/memory_budget.h"

#include <boost/asio/post.hpp>

#include <vector>

namespace moldau::server {

Awaitable<MemoryBudget::Hold> MemoryBudget::take(std::int64_t bytes, Executor executor) {
  if (limit_ <= 0) co_return Hold();
  {
    const std::lock_guard lock(mutex_);
    if (left_ > 0 && waiters_.empty()) {
      left_ -= bytes;
      co_return Hold(this, bytes);
    }
  }
  co_await suspend_with([this, bytes, executor](Resume resume) {
    std::unique_lock lock(mutex_);
    if (left_ > 0 && waiters_.empty()) {  // room was made meanwhile
      left_ -= bytes;
      lock.unlock();
      boost::asio::post(executor, std::move(resume));
      return;
    }
    waiters_.push_back(Waiter{bytes, executor, std::move(resume)});
  });
  co_return Hold(this, bytes);
}

void MemoryBudget::give(std::int64_t bytes) noexcept {
  std::vector<Waiter> ready;
  {
    const std::lock_guard lock(mutex_);
    left_ += bytes;
    while (left_ > 0 && !waiters_.empty()) {
      left_ -= waiters_.front().bytes;
      ready.push_back(std::move(waiters_.front()));
      waiters_.pop_front();
    }
  }
  for (auto& waiter : ready) boost::asio::post(waiter.executor, std::move(waiter.resume));
}

}  // namespace moldau::server
