#include "protocol/base/async_mutex.h"

#include "protocol/base/suspend.h"

namespace moldau {

bool AsyncMutex::take_if_free() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(held_, true);
}

AsyncMutex::Guard AsyncMutex::try_lock() { return take_if_free() ? Guard(this) : Guard(); }

Resumption AsyncMutex::take_or_queue(Resumption&& resumption) {
  const std::lock_guard lock(mutex_);
  if (held_) {
    line_.push_back(std::move(resumption));
    return {};
  }
  held_ = true;
  return std::move(resumption);
}

Awaitable<AsyncMutex::Guard> AsyncMutex::lock() {
  if (!take_if_free()) {
    auto park = [this](Resumption resumption) {
      Resumption now = take_or_queue(std::move(resumption));
      now.post();
    };
    co_await suspend_with(std::move(park));
  }
  co_return Guard(this);
}

void AsyncMutex::unlock() noexcept {
  Resumption next;
  {
    const std::lock_guard lock(mutex_);
    if (line_.empty()) {
      held_ = false;
      return;
    }
    next = std::move(line_.front());
    line_.pop_front();
  }
  next.post();
}

}  // namespace moldau
