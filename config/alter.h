// IncrementalAlterConfigs on a set of settings: SET, DELETE, APPEND, SUBTRACT. Kafka 3.9 ZkAdminManager.prepareIncrementalConfigs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "config/topic_config.h"

namespace moldau::config {

/// Numbers of IncrementalAlterConfigsRequest.
enum class AlterOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct Alteration {
  std::string name;
  std::optional<std::string> value;
  AlterOperation operation = AlterOperation::set;
};

enum class ResourceKind : std::uint8_t { topic, broker };

struct AlterResult {
  Settings settings;                   ///< all settings of the resource after the change; REQUIRES: no error
  std::optional<SettingsError> error;
};

/// The settings of a resource after the alterations; values are not checked here (validate_topic_settings, DynamicConfig::validate). APPEND and SUBTRACT start
/// from the resource's own value, else from the key's default, and only work on lists.
AlterResult alter_settings(ResourceKind kind, Settings current, std::span<const Alteration> alterations);

}  // namespace moldau::config
