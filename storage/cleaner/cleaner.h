// Cleaner (Kafka 3.9 Cleaner): one pass over one log. First the last offset of each key of the dirty range goes into the SkimpyOffsetMap; then every segment up to the
// end of the map is written anew without the records that a later one replaces, and takes the old ones' place.
//
// A pass that finds the map full ends there: the next one goes on. It blocks its thread, and suspends only to wait for appends that are under way. It may be given
// up at any batch, without a trace but for `.cleaned` files that the next pass or the next start removes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "storage/cleaner/cleaned_transactions.h"
#include "storage/cleaner/cleaner_stats.h"
#include "storage/cleaner/skimpy_offset_map.h"
#include "storage/log/unified_log.h"

namespace moldau::storage {

struct LogToClean {
  std::shared_ptr<UnifiedLog> log;
  Offset first_dirty;
  Offset first_uncleanable;
};

struct CleanerBuffers {
  SkimpyOffsetMap::Limits map;
  std::size_t write_bytes = std::size_t{128} << 10;  ///< output that is gathered before it is written
};

/// How a pass ended.
struct CleanerOutcome {
  bool aborted = false;  ///< told to stop, or the log changed under it: nothing to be said about the log
  bool no_room = false;  ///< aborted, because the volume has no room for a new segment beside the old ones
  Offset next_dirty;     ///< where the next pass begins; first_dirty when aborted
  CleanerStats stats;
};

class Cleaner {
 public:
  /// Called with the bytes that were read or written since the last call; may wait, for the throttle. False: give up.
  using Pace = std::function<bool(std::size_t bytes)>;

  Cleaner(int id, const CleanerBuffers& buffers, const Clock& clock, Random& random, Pace pace);

  /// Errors: KAFKA_STORAGE_ERROR when the disk fails; anything else is about the log's content, which can't be compacted.
  Awaitable<Result<CleanerOutcome>> clean(LogToClean what);

 private:
  using Segments = std::vector<std::shared_ptr<LogSegment>>;
  struct Pass;
  class Output;

  Awaitable<Result<CleanerOutcome>> clean_range(Pass& pass, const LogToClean& what);
  Status read_range(Pass& pass, const LogToClean& what);
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> groups_of(const Pass& pass) const;
  Status build_map(Pass& pass, Offset from, Offset to);
  /// True when the map is full.
  Result<bool> map_segment(Pass& pass, LogSegment& segment, Offset from, CleanedTransactions& txns);
  Result<bool> map_batch(Pass& pass, const protocol::AnyBatch& batch, Offset from, CleanedTransactions& txns);
  Awaitable<Status> clean_group(Pass& pass, std::size_t first, std::size_t last, CleanedTransactions& txns);
  /// An error when the volume has no room for what the group may become.
  Status check_room(Pass& pass, std::size_t first, std::size_t last) const;
  Status write_group(Pass& pass, std::size_t first, std::size_t last, CleanedTransactions& txns, LogSegment& target);
  Status clean_into(Pass& pass, LogSegment& segment, CleanedTransactions& txns, Output& out);
  Status clean_batch(Pass& pass, const protocol::AnyBatch& batch, bool retain_legacy_tombstones, CleanedTransactions& txns, Output& out);
  [[nodiscard]] bool retains(const Pass& pass, const protocol::AnyBatch& batch, const protocol::RecordView& record, bool retain_legacy_tombstones) const;
  /// An error when the pass must be given up.
  Status go_on(Pass& pass, std::size_t bytes);

  const int id_;
  const CleanerBuffers buffers_;
  const Clock& clock_;
  Random& random_;
  Pace pace_;
};

}  // namespace moldau::storage
