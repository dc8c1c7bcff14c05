#include "protocol/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>

#include "protocol/base/log_text.h"
#include "protocol/base/log_writer.h"

namespace moldau {
namespace {

constexpr std::size_t kCount = static_cast<std::size_t>(LogCategory::count_);
constexpr std::array<std::string_view, kCount> kNames = {"server",     "network", "request",  "security", "group",   "transaction", "controller",
                                                         "replica",    "metadata", "storage", "cleaner",  "config",  "http"};

constexpr std::size_t kLongestMessage = 8192;

/// `%*`: the message on one line, whatever bytes it holds.
class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string text;
    append_escaped(text, {message.payload.data(), message.payload.size()}, kLongestMessage);
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OneLine>(); }
};

using Loggers = std::array<std::shared_ptr<spdlog::logger>, kCount>;

/// Never destroyed: threads may log while the process ends, and the end waits for no reader.
const std::shared_ptr<LogWriter>& writer() {
  static const auto& made = *new std::shared_ptr<LogWriter>(std::make_shared<LogWriter>(STDOUT_FILENO));
  return made;
}

Loggers& loggers() {
  static auto& all = *new Loggers([] {
    Loggers made;
    for (std::size_t i = 0; i < kCount; ++i) {
      made[i] = std::make_shared<spdlog::logger>(std::string(kNames[i]), writer());
      made[i]->flush_on(spdlog::level::critical);  // the process may end right after it
    }
    return made;
  }());
  return all;
}

/// The writer's thread goes on while this one is in the handler; the wait is bounded, for the crash may have met the writer itself.
extern "C" void wait_for_log(int signal) {
  constexpr timespec kPause{0, 5'000'000};
  constexpr int kPauses = 200;
  for (int i = 0; i < kPauses && !writer()->is_drained(); ++i) ::nanosleep(&kPause, nullptr);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

/// Leaves alone who already has a handler (a sanitizer).
void wait_for_log_on(int signal) {
  struct sigaction now {};
  if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  now.sa_handler = wait_for_log;
  ::sigaction(signal, &now, nullptr);
}

}  // namespace

std::unique_ptr<spdlog::formatter> make_log_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<OneLine>('*').set_pattern("[%Y-%m-%d %H:%M:%S,%e] %^%l%$ %* (moldau.%n)");
  return formatter;
}

std::uint64_t log_lines_dropped() { return writer()->dropped(); }

void write_log_in_background() {
  writer()->start();
  for (const int crash : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) wait_for_log_on(crash);
}

std::string_view to_string(LogCategory category) noexcept { return kNames[static_cast<std::size_t>(category)]; }

spdlog::logger& logger(LogCategory category) { return *loggers()[static_cast<std::size_t>(category)]; }

bool set_log_level(LogCategory category, std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") return false;
  logger(category).set_level(parsed);
  return true;
}

std::vector<std::pair<std::string_view, std::string_view>> log_levels() {
  std::vector<std::pair<std::string_view, std::string_view>> levels;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto name = spdlog::level::to_string_view(loggers()[i]->level());
    levels.emplace_back(kNames[i], std::string_view(name.data(), name.size()));
  }
  return levels;
}

}  // namespace moldau
