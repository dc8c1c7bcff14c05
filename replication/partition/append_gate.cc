#include "replication/partition/append_gate.h"

#include "protocol/base/suspend.h"

namespace moldau::replication {

Awaitable<void> AppendGate::wait_open() {
  auto park = [this](Resumption resumption) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) {
        blocked_.push_back(std::move(resumption));
        return;
      }
    }
    resumption.post();
  };
  co_await suspend_with(std::move(park));
}

Awaitable<void> AppendGate::close() {
  auto park = [this](Resumption resumption) {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (inside_ > 0) {
        drained_ = std::move(resumption);
        return;
      }
    }
    resumption.post();
  };
  co_await suspend_with(std::move(park));
}

void AppendGate::open() {
  ResumeBatch batch;  // posted after the lock is gone
  const std::lock_guard lock(mutex_);
  closed_ = false;
  for (auto& resumption : blocked_) batch.add(std::move(resumption));
  blocked_.clear();
}

}  // namespace moldau::replication
