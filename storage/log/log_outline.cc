#include "storage/log/log_outline.h"

#include <mutex>

#include "storage/log/unified_log.h"

namespace moldau::storage {

LogOutline UnifiedLog::outline() const {
  LogOutline outline;
  outline.partition = tp_;
  // Before the rest: a change that begins after this is seen by who compares the counts.
  outline.file_changes = file_changes_.count();
  outline.dir = dir_->get();
  outline.log_dir = env_.dir->path();
  std::shared_ptr<const SegmentList> segments;
  std::uint64_t end_position = 0;
  {
    const std::lock_guard lock(mutex_);
    outline.topic_id = topic_id_;
    outline.log_start = log_start_;
    outline.high_watermark = high_watermark_;
    outline.log_end = log_end_;
    outline.recovery_point = recovery_point_;
    segments = segments_;
    end_position = end_position_;
  }
  // An epoch that begins behind the high watermark is not yet agreed on.
  for (const auto& entry : epochs_.entries())
    if (entry.start < outline.high_watermark) outline.epochs.push_back(entry);
  outline.segments.reserve(segments->size());
  for (const auto& segment : *segments) outline.segments.push_back({segment->base_offset(), segment->size()});
  outline.segments.back().bytes = end_position;
  return outline;
}

}  // namespace moldau::storage
