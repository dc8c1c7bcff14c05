// LogCompactor: what compacts the logs of a LogManager, as far as their manager needs it. The implementation is storage/cleaner's LogCleaner.
#pragma once

#include <memory>

#include "protocol/base/ids.h"

namespace moldau::storage {

class UnifiedLog;

class LogCompactor {
 public:
  virtual ~LogCompactor() = default;
  /// Begins; called when the logs are loaded.
  virtual void start() = 0;
  /// Ends, and waits until no log is worked on. Blocking.
  virtual void shutdown() = 0;
  /// A log is closed, not among the manager's logs any more, and its directory renamed.
  virtual void on_log_removed(const UnifiedLog& log) = 0;
  /// Another log of the partition, in `to`, has taken the place of `from`, which is closed: it goes on where that one was (Kafka 3.9 LogCleaner.alterCheckpointDir).
  virtual void on_log_replaced(const UnifiedLog& from, const std::shared_ptr<UnifiedLog>& to) = 0;
  /// Leaves the partition alone until resume(), as often as pause() was called; does not wait for a pass that is under way.
  virtual void pause(TopicPartitionView tp) = 0;
  virtual void resume(TopicPartitionView tp) = 0;
};

}  // namespace moldau::storage
