// Rules over several keys: Kafka 3.9 KafkaConfig.validateValues, and what is not there yet. One named function a rule, in cross_checks.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "config/property_table.h"

namespace moldau::config {

/// Every broken rule, in words that name the keys and the fix; empty: good.
std::vector<std::string> cross_check(const BrokerConfig& config);

/// What is odd but allowed.
std::vector<std::string> cross_check_warnings(const BrokerConfig& config);

/// The reason why this key may not have this value yet (column refused_when); nullopt: it may.
std::optional<std::string> refusal(const PropertyDef& def, std::string_view text);

/// What to tell about a key that was set and has no effect; nullopt: nothing.
std::optional<std::string> notice(const PropertyDef& def, std::string_view text);

}  // namespace moldau::config
