#include "server/network/memory_budget.h"

#include <vector>

namespace moldau::server {

bool MemoryBudget::try_take(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (left_ <= 0 || !waiters_.empty()) return false;
  left_ -= bytes;
  return true;
}

void MemoryBudget::take_or_queue(std::int64_t bytes, Resumption resumption) {
  std::unique_lock lock(mutex_);
  if (left_ > 0 && waiters_.empty()) {  // room was made meanwhile
    left_ -= bytes;
    lock.unlock();
    resumption.post();
    return;
  }
  Waiter waiter{bytes, std::move(resumption)};
  waiters_.push_back(std::move(waiter));
}

Awaitable<MemoryBudget::Hold> MemoryBudget::take(std::int64_t bytes) {
  if (limit_ <= 0) co_return Hold();
  if (!try_take(bytes)) {
    auto park = [this, bytes](Resumption resumption) { take_or_queue(bytes, std::move(resumption)); };
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
  for (auto& waiter : ready) waiter.resumption.post();
}

}  // namespace moldau::server
