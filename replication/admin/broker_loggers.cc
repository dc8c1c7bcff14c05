#include "replication/admin/broker_loggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

struct Level {
  std::string_view kafka;
  spdlog::level::level_enum ours;
};
// Kafka's FATAL is log4j's; ours is critical.
constexpr std::array<Level, 6> kLevels{{{"DEBUG", spdlog::level::debug},
                                        {"ERROR", spdlog::level::err},
                                        {"FATAL", spdlog::level::critical},
                                        {"INFO", spdlog::level::info},
                                        {"TRACE", spdlog::level::trace},
                                        {"WARN", spdlog::level::warn}}};
constexpr std::string_view kRoot = "root";

std::atomic<int>& root_level() {
  static std::atomic<int> level{static_cast<int>(spdlog::level::info)};
  return level;
}

std::string_view name_of(spdlog::level::level_enum level) {
  for (const auto& l : kLevels)
    if (l.ours == level) return l.kafka;
  return "OFF";
}

const Level* find_level(std::string_view name) {
  const auto it = std::find_if(kLevels.begin(), kLevels.end(), [&](const Level& l) { return l.kafka == name; });
  return it == kLevels.end() ? nullptr : &*it;
}

std::optional<LogCategory> category_of(std::string_view name) {
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i)
    if (to_string(static_cast<LogCategory>(i)) == name) return static_cast<LogCategory>(i);
  return std::nullopt;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> broker_loggers() {
  std::vector<std::pair<std::string, std::string>> out;
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i) {
    const auto category = static_cast<LogCategory>(i);
    out.emplace_back(to_string(category), name_of(logger(category).level()));
  }
  out.emplace_back(kRoot, name_of(static_cast<spdlog::level::level_enum>(root_level().load())));
  std::sort(out.begin(), out.end());
  return out;
}

Status check_broker_logger(std::string_view name, const std::optional<std::string>& level) {
  if (name != kRoot && !category_of(name)) return Error(ErrorCode::invalid_config, fmt::format("Logger {} does not exist!", name));
  if (!level) {
    if (name == kRoot) return Error(ErrorCode::invalid_request, "Removing the log level of the root logger is not allowed");
    return {};
  }
  if (find_level(*level) == nullptr)
    return Error(ErrorCode::invalid_config,
                 fmt::format("Cannot set the log level of {} to {} as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", name, *level));
  return {};
}

void set_broker_logger(std::string_view name, const std::optional<std::string>& level) {
  const auto* wanted = level ? find_level(*level) : nullptr;
  const auto to = wanted == nullptr ? static_cast<spdlog::level::level_enum>(root_level().load()) : wanted->ours;
  if (const auto category = category_of(name)) {
    logger(*category).set_level(to);
    return;
  }
  root_level().store(static_cast<int>(to));
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i) logger(static_cast<LogCategory>(i)).set_level(to);
}

}  // namespace moldau::replication
