// SegmentList: the segments of a log by base offset, immutable. The log replaces it as a whole; readers keep the one they took.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "storage/log/log_segment.h"

namespace moldau::storage {

class SegmentList {
 public:
  using Ptr = std::shared_ptr<LogSegment>;
  SegmentList() = default;
  /// REQUIRES: ascending base offsets.
  explicit SegmentList(std::vector<Ptr> segments) : segments_(std::move(segments)) {}

  [[nodiscard]] std::size_t size() const noexcept { return segments_.size(); }
  [[nodiscard]] bool empty() const noexcept { return segments_.empty(); }
  [[nodiscard]] const Ptr& operator[](std::size_t i) const noexcept { return segments_[i]; }
  [[nodiscard]] auto begin() const noexcept { return segments_.begin(); }
  [[nodiscard]] auto end() const noexcept { return segments_.end(); }
  [[nodiscard]] const Ptr& active() const noexcept { return segments_.back(); }
  [[nodiscard]] const std::vector<Ptr>& all() const noexcept { return segments_; }
  /// Index of the segment with the greatest base offset <= offset; size() when there is none.
  [[nodiscard]] std::size_t floor(Offset offset) const noexcept {
    const auto it = std::upper_bound(segments_.begin(), segments_.end(), offset, [](Offset o, const Ptr& s) { return o < s->base_offset(); });
    return it == segments_.begin() ? segments_.size() : static_cast<std::size_t>(it - segments_.begin() - 1);
  }
  [[nodiscard]] std::vector<Offset> bases() const {
    std::vector<Offset> list;
    for (const auto& s : segments_) list.push_back(s->base_offset());
    return list;
  }

 private:
  std::vector<Ptr> segments_;
};

}  // namespace moldau::storage
