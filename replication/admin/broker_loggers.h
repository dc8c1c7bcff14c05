// The loggers of this broker as DescribeConfigs and IncrementalAlterConfigs see them (KIP-412; Kafka 3.9 LoggingController): our log categories, the well known
// loggers of Apache Kafka, each of which stands for the categories that log here what it logs there, and `root`, which stands for all.
// DIFFERS: loggers that share a category have one level; the last change wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/error.h"

namespace moldau::replication {

/// Names with their levels in Kafka's words (INFO, WARN, ...), sorted by name.
std::vector<std::pair<std::string, std::string>> broker_loggers();

/// Can the logger take this level (nothing: back to root's)? INVALID_CONFIG with Kafka's message when it is unknown, or the level is.
Status check_broker_logger(std::string_view name, const std::optional<std::string>& level);
/// REQUIRES: checked.
void set_broker_logger(std::string_view name, const std::optional<std::string>& level);

}  // namespace moldau::replication
