// The rows of config/metrics/process.toml that any Prometheus dashboard asks for: CPU, memory, descriptors, disk, read from /proc when scraped.
#pragma once

#include <vector>

#include "config/metrics.h"

namespace moldau::config {

/// Registers the process metrics; they are there as long as the result lives.
[[nodiscard]] std::vector<MetricFamilyBase::Registration> register_process_metrics();

}  // namespace moldau::config
