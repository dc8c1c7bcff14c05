#include "protocol/base/one_shot.h"

#include "protocol/base/suspend.h"

namespace moldau::detail {

void OneShotSignal::fire() {
  Resumption waiter;
  {
    const std::lock_guard lock(mutex_);
    fired_ = true;
    waiter = std::move(waiter_);
  }
  waiter.post();
}

bool OneShotSignal::fired() const {
  const std::lock_guard lock(mutex_);
  return fired_;
}

Awaitable<void> OneShotSignal::wait() {
  auto park = [this](Resumption resumption) {
    {
      const std::lock_guard lock(mutex_);
      if (!fired_) {
        waiter_ = std::move(resumption);
        return;
      }
    }
    resumption.post();
  };
  co_await suspend_with(std::move(park));
}

}  // namespace moldau::detail
