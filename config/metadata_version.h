// Kafka's inter.broker.protocol.version names: Kafka 3.9 MetadataVersion.
#pragma once

#include <string_view>

namespace moldau::config {

/// `3.9-IV0`, `3.9`, `0.10.2` ...: a release whose first or later intermediate version Kafka 3.9 knows.
bool is_metadata_version(std::string_view text);

}  // namespace moldau::config
