#include "storage/log/dir_space.h"

#include <algorithm>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::storage {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kNothing = INT64_MIN;

}  // namespace

std::int64_t DirSpace::low_water(std::int64_t min_free, std::int64_t total) noexcept {
  return min_free >= 0 ? min_free : std::clamp(total / 100, 4 * kMiB, 1024 * kMiB);
}

bool DirSpace::admit(std::int64_t bytes, bool coordinator) noexcept {
  const auto before = written_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes >= alarm_at_.load(std::memory_order_relaxed)) [[unlikely]] {
    if (alarm_at_.exchange(INT64_MAX, std::memory_order_relaxed) != INT64_MAX && alarm_) alarm_();
  }
  // One that begins within the limit may go beyond it: a batch is small beside what is kept free, and a large one would else never be told from a full disk.
  if (before < (coordinator ? coordinator_limit_ : limit_).load(std::memory_order_relaxed)) [[likely]]
    return true;
  written_.fetch_sub(bytes, std::memory_order_relaxed);
  config::metrics().log_full_refusals.add();
  return false;
}

Error DirSpace::full_error() const {
  return storage_error(fmt::format("log directory {} is full: {} bytes are free on its volume, and log.dir.min.free.bytes keeps {}; make room, or delete topics or records", path_,
                                   free_bytes(), low_water_.load(std::memory_order_relaxed)));
}

void DirSpace::seen(const VolumeInfo& volume, std::int64_t written_before, std::int64_t min_free, std::int64_t sharers) {
  if (volume.usable_bytes < 0) return;
  const std::lock_guard lock(mutex_);
  const auto low = low_water(min_free, volume.total_bytes);
  free_ = volume.usable_bytes;
  low_water_ = low;
  // A little more than the mark before it opens again, so that it does not flap.
  const bool has_room = full_ ? volume.usable_bytes > 0 && volume.usable_bytes >= low + low / 4 : volume.usable_bytes >= low;
  if (looks_to_wait_ > 0) --looks_to_wait_;
  if (!full_ && !has_room) {
    become_full(fmt::format("{} bytes are free on its volume, and log.dir.min.free.bytes keeps {}", volume.usable_bytes, low));
  } else if (full_ && has_room && looks_to_wait_ == 0) {
    full_ = false;
    MOLDAU_LOG(storage, info, "Log directory {} takes records again: {} bytes are free on its volume, more than the {} of log.dir.min.free.bytes", path_, volume.usable_bytes, low);
  }
  written_.fetch_sub(written_before, std::memory_order_relaxed);
  const auto share = std::max<std::int64_t>(sharers, 1);
  // Until the next look the mark may be passed by a quarter of what it keeps.
  limit_ = full_ ? kNothing : (volume.usable_bytes - low + low / 4) / share;
  const bool at_the_end = full_ && looks_to_wait_ > 0;
  const auto left = (volume.usable_bytes - low / 2) / share;
  coordinator_limit_ = at_the_end || left <= 0 ? kNothing : left;
  alarm_at_ = full_ ? INT64_MAX : (volume.usable_bytes - low) / (2 * share);
}

void DirSpace::hit_the_end(const Error& error) {
  const std::lock_guard lock(mutex_);
  looks_to_wait_ = kLooksAfterTheEnd;
  limit_ = kNothing;
  coordinator_limit_ = kNothing;
  alarm_at_ = INT64_MAX;
  if (!full_) become_full(error.message);
}

void DirSpace::become_full(const std::string& why) {
  full_ = true;
  MOLDAU_LOG(storage, err, "Log directory {} is full: {}. Its partitions take no more records until there is room (log.dir.min.free.bytes); reading and deleting go on", path_, why);
}

}  // namespace moldau::storage
