#include "server/coordinator/transaction/producer_id_manager.h"

#include <exception>

#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::server {

namespace {
constexpr int kTries = 3;
}

std::optional<ProducerId> ProducerIdManager::take() {
  const std::lock_guard lock(mutex_);
  if (next_ >= end_) return std::nullopt;
  return ProducerId(next_++);
}

Awaitable<Result<ProducerId>> ProducerIdManager::generate() {
  if (const auto id = take()) co_return *id;
  const auto turn = co_await refill_.lock();
  // Whoever was before us in the line may have brought a block.
  if (const auto id = take()) co_return *id;
  for (int i = 0; i < kTries; ++i) {
    const auto block = co_await allocate_();
    if (!block) {
      MOLDAU_LOG(transaction, warn, "no block of producer ids: {} {}", block.error().code, block.error().message);
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      next_ = block->first;
      end_ = block->first + block->size;
    }
    if (const auto id = take()) co_return *id;
  }
  co_return Error(ErrorCode::coordinator_load_in_progress, "the controller gives no block of producer ids");
}

}  // namespace moldau::server
