// ProducerIdManager: hands out producer ids from blocks that the controller gives (Kafka 3.9 RPCProducerIdManager).
//
// Thread-safe. DIFFERS: who comes while a block is on its way waits for it (Kafka answers COORDINATOR_LOAD_IN_PROGRESS at once and the client comes again);
// only when the controller cannot be reached is that the answer here too.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "protocol/base/async.h"
#include "protocol/base/async_mutex.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::server {

/// Ids [first, first + size).
struct ProducerIdBlock {
  std::int64_t first = 0;
  std::int64_t size = 0;
};

class ProducerIdManager {
 public:
  /// Asks the controller for a block (AllocateProducerIds, or in process).
  using Allocate = std::function<Awaitable<Result<ProducerIdBlock>>()>;

  explicit ProducerIdManager(Allocate allocate) : allocate_(std::move(allocate)) {}
  ProducerIdManager(const ProducerIdManager&) = delete;
  ProducerIdManager& operator=(const ProducerIdManager&) = delete;

  /// A producer id that nobody had before. COORDINATOR_LOAD_IN_PROGRESS while no block can be had.
  Awaitable<Result<ProducerId>> generate();

 private:
  std::optional<ProducerId> take();

  Allocate allocate_;
  std::mutex mutex_;  // guards next_ and end_
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;
  AsyncMutex refill_;
};

}  // namespace moldau::server
