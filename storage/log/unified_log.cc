// Offsets, configuration, epochs and producers of UnifiedLog. Appends, reads, changes and flush are in the unified_log_*.cc beside.
#include "storage/log/unified_log.h"

#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/log/producer_rebuild.h"

namespace moldau::storage {

UnifiedLog::UnifiedLog(LogEnvironment env, TopicPartition tp, std::shared_ptr<DirPath> dir, std::shared_ptr<const config::LogConfig> config,
                       LoadedLog loaded, ProducerStateManager producers)
    : env_(std::move(env)),
      tp_(std::move(tp)),
      dir_(std::move(dir)),
      snapshots_(env_.disk()),
      config_(std::move(config)),
      producers_(std::move(producers)),
      log_start_(loaded.log_start),
      log_end_(loaded.log_end),
      high_watermark_(loaded.log_start),
      recovery_point_(loaded.recovery_point) {
  epochs_.load(std::move(loaded.epochs));
  if (loaded.epochs_dirty) epochs_.mark_dirty();
  snapshots_.set_known(std::move(loaded.snapshots));
  if (loaded.topic_id) topic_id_ = *loaded.topic_id;
  end_position_ = loaded.segments.back()->size();
  cold_tail_ = end_position_ > 0;
  segments_ = std::make_shared<const SegmentList>(std::move(loaded.segments));
  last_flush_ms_ = env_.clock.wall_ms();
  refresh_seen();
}

UnifiedLog::~UnifiedLog() = default;

TopicId UnifiedLog::topic_id() const {
  const std::lock_guard lock(mutex_);
  return topic_id_;
}

Status UnifiedLog::assign_topic_id(TopicId id) {
  {
    const std::lock_guard lock(mutex_);
    if (topic_id_ == id) return {};
    if (!topic_id_.is_zero())
      return Error(ErrorCode::inconsistent_topic_id, fmt::format("{} has topic id {} on disk, asked for {}", tp_, topic_id_, id));
    topic_id_ = id;
    topic_id_dirty_ = true;
  }
  schedule_metadata_write();
  return {};
}

std::shared_ptr<const config::LogConfig> UnifiedLog::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

void UnifiedLog::update_config(std::shared_ptr<const config::LogConfig> config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

std::shared_ptr<const SegmentList> UnifiedLog::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_;
}

LogOffsets UnifiedLog::offsets() const noexcept {
  const std::lock_guard lock(mutex_);
  return LogOffsets{log_start_, log_end_, high_watermark_, last_stable_locked()};
}

Offset UnifiedLog::last_stable_locked() const {
  const auto unstable = producers_.first_unstable_offset();
  if (!unstable) return high_watermark_;
  return std::min(high_watermark_, std::max(*unstable, log_start_));
}

void UnifiedLog::refresh_seen() {
  log_start_seen_.store(log_start_.value(), std::memory_order_release);
  log_end_seen_.store(log_end_.value(), std::memory_order_release);
  high_watermark_seen_.store(high_watermark_.value(), std::memory_order_release);
  last_stable_seen_.store(last_stable_locked().value(), std::memory_order_release);
  recovery_point_seen_.store(recovery_point_.value(), std::memory_order_release);
}

Offset UnifiedLog::recovery_point() const { return Offset(recovery_point_seen_.load(std::memory_order_acquire)); }

Offset UnifiedLog::update_high_watermark(Offset to) {
  const std::lock_guard lock(mutex_);
  high_watermark_ = std::clamp(to, log_start_, log_end_);
  producers_.on_high_watermark(high_watermark_);
  refresh_seen();
  return high_watermark_;
}

bool UnifiedLog::maybe_increment_high_watermark(Offset to) {
  const std::lock_guard lock(mutex_);
  const auto target = std::min(to, log_end_);
  if (target <= high_watermark_) return false;
  high_watermark_ = target;
  producers_.on_high_watermark(high_watermark_);
  refresh_seen();
  return true;
}

Result<bool> UnifiedLog::maybe_increment_log_start_offset(Offset to) {
  if (!env_.dir->online()) return env_.dir->offline_error();
  {
    const std::lock_guard lock(mutex_);
    if (to > high_watermark_)
      return Error(ErrorCode::offset_out_of_range,
                   fmt::format("Cannot increment the log start offset of {} to {} as it is greater than the high watermark {}", tp_, to, high_watermark_));
    if (to <= log_start_) return false;
    // The recovery point stays: segments below the log start that a power loss brings back are looked at again. DIFFERS: Apache Kafka raises it.
    log_start_ = to;
    producers_.on_log_start(to);
    refresh_seen();
  }
  if (epochs_.truncate_from_start(to)) schedule_metadata_write();
  return true;
}

std::optional<Offset> UnifiedLog::log_start_to_checkpoint() const {
  const std::lock_guard lock(mutex_);
  if (log_start_ <= (*segments_)[0]->base_offset()) return std::nullopt;
  return log_start_;
}

void UnifiedLog::assign_epoch_start(LeaderEpoch epoch, Offset start) {
  if (epochs_.assign(epoch, start)) schedule_metadata_write();
}

LeaderEpoch UnifiedLog::latest_epoch() const {
  const auto latest = epochs_.latest();
  return latest ? latest->epoch : kNoLeaderEpoch;
}

std::pair<LeaderEpoch, Offset> UnifiedLog::end_offset_for_epoch(LeaderEpoch requested) const { return epochs_.end_offset_for(requested, log_end_offset()); }

std::vector<ActiveProducer> UnifiedLog::active_producers() const {
  const std::lock_guard lock(mutex_);
  return producers_.active();
}

std::size_t UnifiedLog::expire_producers(std::optional<std::int64_t> expiration_ms) {
  const std::lock_guard lock(mutex_);
  if (expiration_ms) producers_.set_expiration(*expiration_ms);
  return producers_.expire(env_.clock.wall_ms());
}

std::int64_t UnifiedLog::size_bytes() const {
  const auto list = segments();
  std::uint64_t total = 0;
  for (const auto& s : *list) total += s->size();
  return static_cast<std::int64_t>(total);
}

std::size_t UnifiedLog::segment_count() const { return segments()->size(); }

void UnifiedLog::release_descriptors() {
  const auto list = segments();
  for (const auto& s : *list) s->release_descriptors();
}

}  // namespace moldau::storage
