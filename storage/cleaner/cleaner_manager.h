// CleanerManager (Kafka 3.9 LogCleanerManager): which log is cleaned next, which are being cleaned, paused or given up, and how far each is cleaned.
//
// Thread-safe; one short lock, under which checkpoint files are written too. It starts nothing by itself: LogCleaner asks and reports.
// A partition is in one of these states:
//
//   none        may be chosen
//   cleaning    a thread has it; abort() lets the pass end at its next batch
//   paused (n)  n callers of pause() want it left alone; a pass that is under way ends at its next batch
//
// Independent of them it may be uncleanable: its content made a pass fail. It is not cleaned until the next start.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/cleaner/cleanable_range.h"
#include "storage/cleaner/cleaner.h"
#include "storage/cleaner/cleaner_checkpoints.h"

namespace moldau::storage {

class CleanerManager {
 public:
  using Logs = std::function<std::vector<std::shared_ptr<UnifiedLog>>()>;

  CleanerManager(Disk& disk, const Clock& clock, Logs logs) : clock_(clock), logs_(std::move(logs)), checkpoints_(disk) {}

  /// The log with the largest share of dirty bytes among those that are due; it counts as being cleaned until done(). Blocking.
  std::optional<LogToClean> grab_filthiest();
  /// Compacted logs that nobody cleans, for retention, the uncleanable ones too (DIFFERS: not in Apache Kafka); they count as being cleaned until done_deleting(). Blocking.
  std::vector<std::shared_ptr<UnifiedLog>> grab_deletable();

  /// Ends the cleaning of a log: `first_dirty` goes to the checkpoint, unless it was deleted meanwhile.
  void done(const std::shared_ptr<UnifiedLog>& log, Offset first_dirty);
  /// Ends a cleaning that was given up, or retention.
  void release(const std::shared_ptr<UnifiedLog>& log);
  /// Ends a cleaning for which there is no room; the log isn't chosen again for a while, so that others are.
  void postpone(const std::shared_ptr<UnifiedLog>& log);
  /// The log's content can't be cleaned: it is named in the log, counted, and left alone.
  void mark_uncleanable(const std::shared_ptr<UnifiedLog>& log, const std::string& why);

  /// Nobody begins to clean the partition until resume(), as often as pause() was called; a pass that is under way ends soon: see is_cleaning().
  void pause(TopicPartitionView tp);
  void resume(TopicPartitionView tp);
  [[nodiscard]] bool is_cleaning(TopicPartitionView tp) const;
  /// Lowers the checkpoints of logs that were truncated since the last choice; a choice does it by itself. Blocking.
  void note_truncations();
  /// The pass over the log must be given up.
  [[nodiscard]] bool is_aborted(const UnifiedLog& log) const;
  /// The log leaves the directory: its checkpoint goes. Called once it is closed and not among the logs any more.
  void on_log_removed(const UnifiedLog& log);
  /// `to` has taken the place of `from`, in another directory: its checkpoint moves there, and what was uncleanable stays so (Kafka 3.9 alterCheckpointDir).
  void on_log_replaced(const UnifiedLog& from, const std::shared_ptr<UnifiedLog>& to);

  // ---- what the metrics show ----
  [[nodiscard]] double max_dirty_ratio() const;
  /// Of the logs that were due at the last choice; ms.
  [[nodiscard]] std::int64_t max_compaction_delay_ms() const;
  [[nodiscard]] std::optional<std::int64_t> last_run_ms() const;
  struct Uncleanable {
    std::size_t partitions = 0;
    std::uint64_t bytes = 0;
  };
  /// By log directory. Blocking.
  [[nodiscard]] std::unordered_map<std::string, Uncleanable> uncleanable();

 private:
  struct State {
    const UnifiedLog* cleaned = nullptr;
    int pauses = 0;
  };
  using States = std::unordered_map<TopicPartition, State, TopicPartitionHash, TopicPartitionEqual>;

  Result<CleanableRange> range_of(UnifiedLog& log);
  Status note_truncation(UnifiedLog& log);
  [[nodiscard]] bool is_free(const UnifiedLog& log) const;
  void take(const UnifiedLog& log);
  void let_go(const UnifiedLog& log);

  const Clock& clock_;
  const Logs logs_;
  mutable std::mutex mutex_;
  CleanerCheckpoints checkpoints_;
  States states_;
  std::unordered_map<const UnifiedLog*, std::weak_ptr<UnifiedLog>> uncleanable_;
  std::unordered_map<const UnifiedLog*, std::int64_t> postponed_;  ///< until then, ms
  double max_dirty_ratio_ = 0;
  std::int64_t max_compaction_delay_ms_ = 0;
  std::optional<std::int64_t> last_run_ms_;
};

}  // namespace moldau::storage
