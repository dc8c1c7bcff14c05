// BrokerOutline: what a running broker tells `moldau snapshot` of its logs, as the JSON of GET /api/snapshot/... (one object a partition; nothing of their content).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/error.h"
#include "storage/log/log_outline.h"

namespace moldau::server {

struct BrokerOutline {
  std::vector<std::string> log_dirs;  ///< that are online
  std::vector<std::string> offline;   ///< and those that are not
  std::vector<storage::LogOutline> logs;
};

std::string format_broker_outline(const BrokerOutline& outline);
/// Errors: CORRUPT_MESSAGE, with what is missing or wrong.
Result<BrokerOutline> parse_broker_outline(std::string_view text);

}  // namespace moldau::server
