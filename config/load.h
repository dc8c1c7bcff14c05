// Loading the static configuration: defaults, file, environment, --override, and --default for what none of them sets; what `moldau serve` starts with and `moldau check` validates.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "config/sources.h"

namespace moldau::config {

/// Read when no file is named and it is there.
inline constexpr std::string_view kDefaultConfigFile = "moldau.yaml";

struct LoadRequest {
  std::optional<std::filesystem::path> config_file;  ///< .yaml, .yml: YAML; anything else: Java properties
  std::vector<std::string> overrides;                ///< `key=value`, in order
  std::vector<std::string> defaults;                 ///< `key=value`: counts where no other source sets the key
  Environment environment;                           ///< process_environment(); empty: none
  bool use_default_file = true;                      ///< read moldau.yaml of the working directory when no file is named
};

/// Each message stands alone and names its place: `server.properties:5: ...`.
struct LoadResult {
  BrokerConfigPtr config;    ///< null when there are errors
  StaticSettings settings;   ///< what was set, with origins; unknown keys included
  std::string file;          ///< the file that was read; empty: none
  std::vector<std::string> warnings;
  std::vector<std::string> errors;

  bool ok() const { return config != nullptr; }
};

/// Reads and validates everything; never throws for what the user wrote.
LoadResult load(const LoadRequest& request);

/// The texts without their origins.
Settings plain_settings(const StaticSettings& settings);

}  // namespace moldau::config
