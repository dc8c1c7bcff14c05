// What a broker says once it serves: what runs where, and what to try next.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "protocol/base/ids.h"

namespace moldau::server {

/// A few short lines. bound_port: where a listener listens when its configured port is 0; http_port: nothing when there is no HTTP.
std::vector<std::string> start_report(const config::BrokerConfig& config, BrokerId self, const std::function<std::uint16_t(std::string_view listener)>& bound_port,
                                      std::optional<std::uint16_t> http_port);

}  // namespace moldau::server
