// CoordinatorLog: what a coordinator needs of the partitions of its internal topic: append and wait, and read for loading.
//
// The seam between the coordinators and the replicated log; tests put a log in memory behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::server {

class CoordinatorLog {
 public:
  virtual ~CoordinatorLog() = default;

  /// An append that is in the leader's log, or why it is not.
  struct Appended {
    ErrorCode error = ErrorCode::none;
    Offset base_offset = kNoOffset;
    std::shared_ptr<void> waits;  ///< Set: not replicated yet; hand it to wait_committed().
  };
  /// Appends one batch to a partition that this broker leads. Appends that are started one after the other has completed
  /// stand in the log in that order. `batch` must live until the call has completed. Errors are the log's and the partition's:
  /// NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, ...
  virtual Awaitable<Appended> append(std::int32_t partition, Bytes batch, bool all_replicas) = 0;
  /// Waits until all in-sync replicas have it: NONE, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND, NOT_LEADER_OR_FOLLOWER.
  virtual Awaitable<ErrorCode> wait_committed(Appended appended) = 0;

  struct Range {
    Offset start{0};
    Offset end{0};
  };
  /// Log start and log end of a partition that this broker leads. NOT_LEADER_OR_FOLLOWER when it does not.
  virtual Result<Range> range(std::int32_t partition) = 0;
  /// Reads whole batches from `from` into `into` (which is resized): about `max_bytes`, at least one batch, the last one may be cut.
  /// Blocking. Errors: OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
  virtual Status read(std::int32_t partition, Offset from, std::int32_t max_bytes, std::vector<std::byte>& into) = 0;
};

}  // namespace moldau::server
