#include "storage/cleaner/segment_groups.h"

#include <limits>

namespace moldau::storage {

std::vector<std::pair<std::size_t, std::size_t>> group_segments(const std::vector<SegmentSizes>& segments, const GroupLimits& limits) {
  std::vector<std::pair<std::size_t, std::size_t>> groups;
  for (std::size_t first = 0; first < segments.size();) {
    auto total = segments[first];
    auto next = first + 1;
    for (; next < segments.size(); ++next) {
      const auto& s = segments[next];
      if (total.log + s.log > limits.log || total.offset_index + s.offset_index > limits.index || total.time_index + s.time_index > limits.index) break;
      const auto last_offset = (next + 1 < segments.size() ? segments[next + 1].base : limits.first_uncleanable) - 1;
      // An empty segment has no offset to name, however far away it begins.
      if (s.log > 0 && last_offset - total.base > std::numeric_limits<std::int32_t>::max()) break;
      total.log += s.log;
      total.offset_index += s.offset_index;
      total.time_index += s.time_index;
    }
    groups.emplace_back(first, next);
    first = next;
  }
  return groups;
}

}  // namespace moldau::storage
