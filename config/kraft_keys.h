// A configuration written for KRaft, on a broker without it: one node with both roles is a single node here, a cluster is refused.
#pragma once

#include <string>
#include <vector>

#include "config/sources.h"

namespace moldau::config {

/// Takes the controller's listeners out of listeners, advertised.listeners and the map, and says what it did; errors name the key and the fix.
void apply_kraft_keys(StaticSettings& settings, std::vector<std::string>& warnings, std::vector<std::string>& errors);

}  // namespace moldau::config
