#include "protocol/base/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <spdlog/logger.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <string>

#include "protocol/base/check.h"
#include "protocol/base/log.h"

using moldau::LogWriter;

namespace {

/// A logger that writes into a pipe, which the test reads when it likes.
struct Piped {
  int read_end = -1;
  int write_end = -1;
  std::shared_ptr<LogWriter> writer;
  std::unique_ptr<spdlog::logger> logger;

  Piped() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read_end = ends[0];
    write_end = ends[1];
    writer = std::make_shared<LogWriter>(write_end);
    logger = std::make_unique<spdlog::logger>("network", writer);
    logger->flush_on(spdlog::level::critical);
  }
  ~Piped() {
    if (read_end >= 0) ::close(read_end);
    logger.reset();
    writer.reset();
    ::close(write_end);
  }
  /// All lines until the writer has written them and ended.
  std::string read_to_end() {
    auto all = std::async(std::launch::async, [this] {
      std::string text;
      char block[4096];
      for (ssize_t n = 0; (n = ::read(read_end, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(n));
      return text;
    });
    logger.reset();
    writer.reset();
    ::close(write_end);
    write_end = -1;
    return all.get();
  }
  [[nodiscard]] bool anything_to_read() const {
    pollfd look{read_end, POLLIN, 0};
    return ::poll(&look, 1, 0) == 1;
  }
};

std::size_t lines_of(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

TEST_CASE("LogWriter: until it is started the caller writes", "[base]") {
  Piped log;
  log.logger->info("at once");
  CHECK(log.anything_to_read());
  CHECK_THAT(log.read_to_end(), Catch::Contains("info at once (moldau.network)\n"));
}

TEST_CASE("LogWriter: flush() waits until the lines before it are written", "[base]") {
  Piped log;
  log.writer->start();
  log.logger->info("one");
  log.logger->info("two");
  log.logger->flush();
  CHECK(log.anything_to_read());
  log.logger->critical("three");  // flushes by itself
  const auto text = log.read_to_end();
  CHECK(lines_of(text) == 3);
  CHECK(text.find("one") < text.find("two"));
}

TEST_CASE("LogWriter: a reader that stops holds up nobody; what was dropped is counted and told", "[base]") {
  Piped log;
  log.writer->start();
  const std::string text(200, 'x');
  constexpr std::size_t kLines = 3 * LogWriter::kQueueBytes / 200;
  for (std::size_t i = 0; i < kLines; ++i) log.logger->info("line {} {}", i, text);  // would never end with a full pipe
  const auto dropped = log.writer->dropped();
  CHECK(dropped > 0);
  CHECK(dropped < kLines);
  log.logger->critical("the last words");  // there is room for those; flushing gives up after a while
  CHECK(log.writer->dropped() == dropped);

  const auto read = log.read_to_end();
  CHECK_THAT(read, Catch::Contains(fmt::format("{} lines of the log were dropped here", dropped)));
  CHECK_THAT(read, Catch::Contains("critical the last words"));
  CHECK(lines_of(read) == kLines - dropped + 2);
}

TEST_CASE("LogWriter: a reader that is gone costs nothing", "[base]") {
  Piped log;
  ::signal(SIGPIPE, SIG_IGN);
  log.writer->start();
  ::close(log.read_end);
  log.read_end = -1;
  for (int i = 0; i < 10; ++i) log.logger->info("nobody reads {}", i);
  const auto begun = std::chrono::steady_clock::now();
  log.logger->flush();
  CHECK(std::chrono::steady_clock::now() - begun < LogWriter::kStalled);
}

TEST_CASE("write_log_in_background: a crash loses no line", "[base]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::signal(SIGABRT, SIG_DFL);  // not the test framework's
    moldau::write_log_in_background();
    for (int i = 0; i < 1000; ++i) MOLDAU_LOG(server, info, "line {}", i);
    MOLDAU_CHECK(false, "as a test asked");
  }
  ::close(ends[1]);
  std::string text;
  char block[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
  CHECK(lines_of(text) == 1000);
}
