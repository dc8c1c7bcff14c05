// LogWriter: the sink under all loggers. Lines go through a bounded queue to one thread that writes them, so that a reader of the log that stops (a full pipe)
// stops nobody who logs.
//
// Threads: any may log. `mutex_` guards all but the descriptor and is never held across a write. Invariants:
// 1. Lines are written whole and in the order in which they were logged.
// 2. Waiting lines take at most kQueueBytes, critical ones (they precede an exit) as much again. A line beyond that is dropped and counted; the next line that finds
//    room says how many were.
// 3. Before start() the caller writes: nothing that precedes it is lost, and tools, tests and the simulator have no thread.
// DIFFERS: Apache Kafka's appender writes in the thread that logs.
#pragma once

#include <spdlog/sinks/sink.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace moldau {

class LogWriter final : public spdlog::sinks::sink {
 public:
  static constexpr std::size_t kQueueBytes = std::size_t{1} << 20;
  /// How long flush() waits for a reader that takes nothing.
  static constexpr std::chrono::milliseconds kStalled{1000};

  /// Writes to `descriptor`, which outlives it.
  explicit LogWriter(int descriptor);
  /// Waits for the write under way. REQUIRES: a descriptor that is read, or closed by its reader.
  ~LogWriter() override;

  /// From here on a thread of its own writes. Once.
  void start();
  void log(const spdlog::details::log_msg& message) override;
  /// Waits until what was logged before is written, or nothing of it could be for kStalled.
  void flush() override;
  void set_pattern(const std::string& pattern) override;
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override;

  [[nodiscard]] std::uint64_t dropped() const;
  /// Nothing waits. Safe in a signal's handler.
  [[nodiscard]] bool is_drained() const noexcept { return written_.load() == logged_.load(); }

 private:
  void run();
  /// Appends the line about those that were dropped, when there were some. REQUIRES: mutex_.
  void tell_dropped_locked();
  /// False: nobody takes it any more.
  bool write(std::string_view bytes);

  const int descriptor_;
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable progress_;
  std::unique_ptr<spdlog::formatter> formatter_;
  std::string waiting_;                    ///< Whole lines.
  spdlog::memory_buf_t line_;              ///< Of the call; here to keep its memory.
  std::atomic<std::uint64_t> logged_{0};   ///< Bytes that were let in.
  std::atomic<std::uint64_t> written_{0};  ///< Bytes of them that are written, or given up.
  std::uint64_t dropped_ = 0;              ///< Lines.
  std::uint64_t told_ = 0;                 ///< How many of them a line told of.
  bool started_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// Lines of all categories that were dropped so far.
std::uint64_t log_lines_dropped();

/// Loggers write in the background from here on; a crash (a broken invariant, an uncaught exception, a bad access) waits for the lines before it. Called once, by a
/// process that serves.
void write_log_in_background();

}  // namespace moldau
