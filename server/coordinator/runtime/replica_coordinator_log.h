// ReplicaCoordinatorLog: a CoordinatorLog over this broker's replicas of an internal topic.
#pragma once

#include <string>

#include "protocol/base/clock.h"
#include "server/coordinator/runtime/coordinator_log.h"

namespace moldau::replication {
class ReplicaManager;
}

namespace moldau::server {

/// Safe to call from any thread. The replica manager outlives it.
class ReplicaCoordinatorLog final : public CoordinatorLog {
 public:
  /// `timeout`: how long replication may take (`offsets.commit.timeout.ms`).
  ReplicaCoordinatorLog(replication::ReplicaManager& replicas, std::string topic, Millis timeout)
      : replicas_(replicas), topic_(std::move(topic)), timeout_(timeout) {}

  Awaitable<Appended> append(std::int32_t partition, Bytes batch, bool all_replicas) override;
  Awaitable<ErrorCode> wait_committed(Appended appended) override;
  Result<Range> range(std::int32_t partition) override;
  Status read(std::int32_t partition, Offset from, std::int32_t max_bytes, std::vector<std::byte>& into) override;

 private:
  replication::ReplicaManager& replicas_;
  const std::string topic_;
  const Millis timeout_;
};

}  // namespace moldau::server
