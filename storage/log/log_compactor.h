// LogCompactor: what compacts the logs of a LogManager, as far as their manager needs it. The implementation is storage/cleaner's LogCleaner.
#pragma once

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
};

}  // namespace moldau::storage
