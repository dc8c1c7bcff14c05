#include "server/logging_levels.h"

#include "config/value.h"
#include "protocol/base/log.h"

namespace moldau::server {
namespace {

bool set_all(std::string_view level) {
  bool known = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(LogCategory::count_); ++i) known = set_log_level(static_cast<LogCategory>(i), level) && known;
  return known;
}

bool set_one(std::string_view category, std::string_view level) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(LogCategory::count_); ++i)
    if (to_string(static_cast<LogCategory>(i)) == category) return set_log_level(static_cast<LogCategory>(i), level);
  return false;
}

}  // namespace

std::vector<std::string> apply_logging_levels(const std::vector<std::string>& levels) {
  std::vector<std::string> wrong;
  for (const std::string& given : levels) {
    const auto entry = config::to_lower(given);
    const auto colon = entry.find(':');
    const bool known = colon == std::string::npos ? set_all(entry) : set_one(std::string_view(entry).substr(0, colon), std::string_view(entry).substr(colon + 1));
    if (!known) wrong.push_back("logging.level: '" + given + "' is not understood; it is LEVEL or CATEGORY:LEVEL, as in info,storage:debug");
  }
  return wrong;
}

}  // namespace moldau::server
