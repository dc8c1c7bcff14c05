#include "protocol/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstddef>
#include <string>

namespace moldau {
namespace {

constexpr std::size_t kCount = static_cast<std::size_t>(LogCategory::count_);
constexpr std::array<std::string_view, kCount> kNames = {"server",     "network", "request",  "security", "group",   "transaction", "controller",
                                                         "replica",    "metadata", "storage", "cleaner",  "config",  "http"};

using Loggers = std::array<std::shared_ptr<spdlog::logger>, kCount>;

Loggers& loggers() {
  static Loggers all = [] {
    Loggers made;
    auto sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    for (std::size_t i = 0; i < kCount; ++i) {
      made[i] = std::make_shared<spdlog::logger>(std::string(kNames[i]), sink);
      made[i]->set_pattern("[%Y-%m-%d %H:%M:%S,%e] %^%l%$ %v (moldau.%n)");
      made[i]->flush_on(spdlog::level::info);
    }
    return made;
  }();
  return all;
}

}  // namespace

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
