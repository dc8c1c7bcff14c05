#include "protocol/base/log_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

#include "protocol/base/log.h"

namespace moldau {
namespace {

/// One write: small, so that progress shows.
constexpr std::size_t kWriteBytes = 16 * 1024;

/// A thread that takes no signals: they are for whoever waits for them.
std::thread quiet_thread(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread made(std::move(run));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made;
}

}  // namespace

LogWriter::LogWriter(int descriptor) : descriptor_(descriptor), formatter_(make_log_formatter()) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LogWriter::start() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(started_, true)) return;
  thread_ = quiet_thread([this] { run(); });
}

void LogWriter::tell_dropped_locked() {
  if (dropped_ == told_) return;
  const auto text = fmt::format("{} lines of the log were dropped here: whoever reads it is too slow", dropped_ - told_);
  told_ = dropped_;
  spdlog::memory_buf_t line;
  formatter_->format(spdlog::details::log_msg("server", spdlog::level::warn, text), line);
  waiting_.append(line.data(), line.size());
  logged_ += line.size();
}

void LogWriter::log(const spdlog::details::log_msg& message) {
  std::unique_lock lock(mutex_);
  line_.clear();
  formatter_->format(message, line_);
  const auto limit = message.level >= spdlog::level::critical ? 2 * kQueueBytes : kQueueBytes;
  if (logged_ - written_ + line_.size() > limit) {
    ++dropped_;
    return;
  }
  tell_dropped_locked();
  waiting_.append(line_.data(), line_.size());
  logged_ += line_.size();
  if (started_) {
    lock.unlock();
    more_.notify_one();
    return;
  }
  static_cast<void>(write(waiting_));  // held: there is no other writer, and nobody else to log to
  waiting_.clear();
  written_ = logged_.load();
}

void LogWriter::run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      tell_dropped_locked();
      if (waiting_.empty()) return;
    }
    lines.clear();
    lines.swap(waiting_);
    lock.unlock();
    for (std::string_view rest = lines; !rest.empty();) {
      const auto piece = rest.substr(0, kWriteBytes);
      static_cast<void>(write(piece));  // what can't be written is gone: there is nowhere to tell
      rest.remove_prefix(piece.size());
      {
        const std::lock_guard counted(mutex_);
        written_ += piece.size();
      }
      progress_.notify_all();
    }
    lock.lock();
    tell_dropped_locked();
  }
}

bool LogWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // others made the descriptor non-blocking
      pollfd room{descriptor_, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void LogWriter::flush() {
  std::unique_lock lock(mutex_);
  const auto until = logged_.load();
  while (written_ < until) {
    const auto before = written_.load();
    if (!progress_.wait_for(lock, kStalled, [&] { return written_ != before; })) return;
  }
}

void LogWriter::set_pattern(const std::string& pattern) { set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern)); }

void LogWriter::set_formatter(std::unique_ptr<spdlog::formatter> formatter) {
  const std::lock_guard lock(mutex_);
  formatter_ = std::move(formatter);
}

std::uint64_t LogWriter::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace moldau
