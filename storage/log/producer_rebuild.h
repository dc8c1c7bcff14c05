// Rebuilds producer state from snapshots and batches: at load, in recovery and after truncation (Kafka 3.9 UnifiedLog.rebuildProducerState).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/records/any_batch.h"
#include "storage/log/log_segment.h"
#include "storage/producer_state/producer_snapshots.h"
#include "storage/producer_state/producer_state_manager.h"

namespace moldau::storage {

/// Takes one batch of the log into the state, as replicated. A transaction that it ends comes back with the last stable offset after it.
/// REQUIRES: the whole batch is there if it is a control batch.
std::optional<std::pair<CompletedTxn, Offset>> apply_logged_batch(ProducerStateManager& state, TopicPartitionView partition, const protocol::AnyBatch& batch);

/// Writes a snapshot at map_end() if the state moved since the last one; returns its offset.
Result<std::optional<Offset>> take_producer_snapshot(ProducerStateManager& state, ProducerSnapshots& snapshots, const std::string& dir, bool sync);

struct ProducerRebuild {
  TopicPartitionView partition;
  const std::string& dir;
  const std::vector<std::shared_ptr<LogSegment>>& segments;
  Offset log_start;
  Offset end;                 ///< state is wanted up to here
  std::int64_t now_ms = 0;
  bool clean_shutdown = false;
  bool skip_scan = false;     ///< there were no producers before
};
/// REQUIRES: `state` is new. Snapshots outside the range are distrusted; the caller removes them (ProducerSnapshots::remove_distrusted) when all is rebuilt.
Status rebuild_producer_state(ProducerStateManager& state, ProducerSnapshots& snapshots, const ProducerRebuild& what);

}  // namespace moldau::storage
