// The text of /metrics: config's metric families through prometheus-cpp's serializer.
#pragma once

#include <string>

namespace moldau::server {

/// Prometheus text format of all families that have series now.
std::string metrics_text();

}  // namespace moldau::server
