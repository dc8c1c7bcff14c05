// Which segments a cleaning pass writes into one (Kafka 3.9 Cleaner.groupSegmentsBySize). Pure.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/base/ids.h"

namespace moldau::storage {

struct SegmentSizes {
  Offset base;
  std::uint64_t log = 0;
  std::uint64_t offset_index = 0;
  std::uint64_t time_index = 0;
};

struct GroupLimits {
  std::uint64_t log = 0;
  std::uint64_t index = 0;
  Offset first_uncleanable;  ///< the segments' offsets lie below
};

/// Ranges [first, last) of `segments`, which follow one another: each group's total is within the limits, and its offsets fit 31 bits above its base. A segment
/// that exceeds a limit is a group of its own.
std::vector<std::pair<std::size_t, std::size_t>> group_segments(const std::vector<SegmentSizes>& segments, const GroupLimits& limits);

}  // namespace moldau::storage
