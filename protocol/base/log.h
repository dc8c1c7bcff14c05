// Logging by category over spdlog; levels change at run time (set_log_level, DescribeConfigs/AlterConfigs of broker loggers).
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace moldau {

/// How a line looks: time, level, the message escaped to one line (log_text.h), category.
std::unique_ptr<spdlog::formatter> make_log_formatter();

/// One logger a subsystem. Names show in each line and are the names of broker loggers.
enum class LogCategory { server, network, request, security, group, transaction, controller, replica, metadata, storage, cleaner, config, http, count_ };

std::string_view to_string(LogCategory category) noexcept;
/// The logger of a category; created on first use. Thread-safe.
spdlog::logger& logger(LogCategory category);
/// Sets the level of one category; false when the level's name is unknown. Thread-safe.
bool set_log_level(LogCategory category, std::string_view level);
/// All categories with their level names.
std::vector<std::pair<std::string_view, std::string_view>> log_levels();

}  // namespace moldau

/// MOLDAU_LOG(storage, warn, "segment {} of {} is torn", base, topic)
#define MOLDAU_LOG(log_category, log_level, ...) ::moldau::logger(::moldau::LogCategory::log_category).log(spdlog::level::log_level, __VA_ARGS__)
