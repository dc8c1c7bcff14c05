#include "server/network/memory_budget.h"

#include <boost/asio/post.hpp>

#include <vector>

namespace moldau::server {

bool MemoryBudget::try_take(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (left_ <= 0 || !waiters_.empty()) return false;
  left_ -= bytes;
  return true;
}

void MemoryBudget::take_or_queue(std::int64_t bytes, Executor executor, Resume resume) {
  std::unique_lock lock(mutex_);
  if (left_ > 0 && waiters_.empty()) {  // room was made meanwhile
    left_ -= bytes;
    lock.unlock();
    boost::asio::post(executor, std::move(resume));
    return;
  }
  Waiter waiter{bytes, std::move(executor), std::move(resume)};
  waiters_.push_back(std::move(waiter));
}

Awaitable<MemoryBudget::Hold> MemoryBudget::take(std::int64_t bytes, Executor executor) {
  if (limit_ <= 0) co_return Hold();
  if (!try_take(bytes)) {
    auto park = [this, bytes, executor](Resume resume) { take_or_queue(bytes, executor, std::move(resume)); };
    co_await suspend_with(std::move(park));
  }
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
