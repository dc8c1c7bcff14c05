// Brings logging.level to the loggers: one level for all, then category:level.
#pragma once

#include <string>
#include <vector>

namespace moldau::server {

/// Applies the list in its order; returns what was not understood, one text each.
std::vector<std::string> apply_logging_levels(const std::vector<std::string>& levels);

}  // namespace moldau::server
