#include "storage/epoch/leader_epoch_file_cache.h"

#include <algorithm>

#include "storage/checkpoint/text_lines.h"

namespace moldau::storage {

Result<std::vector<EpochEntry>> LeaderEpochFileCache::parse(std::string_view text) {
  std::vector<EpochEntry> entries;
  auto body = parse_checkpoint_header(text, "leader-epoch-checkpoint");
  if (!body) return body.error();
  TextLines lines(body->text);
  for (std::int64_t i = 0; i < body->count; ++i) {
    const auto line = lines.next();
    const auto fields = line ? split_fields(*line) : std::vector<std::string_view>();
    const auto epoch = fields.size() == 2 ? parse_number<std::int32_t>(fields[0]) : std::nullopt;
    const auto start = fields.size() == 2 ? parse_number<std::int64_t>(fields[1]) : std::nullopt;
    if (!epoch || !start || *epoch < 0 || *start < 0)
      return Error(ErrorCode::corrupt_message, "leader-epoch-checkpoint: entry " + std::to_string(i + 1) + " of " + std::to_string(body->count) + " is malformed or missing");
    if (!entries.empty() && (entries.back().epoch.value() >= *epoch || entries.back().start.value() >= *start)) {
      // Kafka writes only rising entries; an equal start of a higher epoch (an epoch without records) takes the older one's place.
      if (entries.back().epoch.value() < *epoch && entries.back().start.value() == *start) {
        entries.back() = EpochEntry{LeaderEpoch(*epoch), Offset(*start)};
        continue;
      }
      return Error(ErrorCode::corrupt_message, "leader-epoch-checkpoint: entry " + std::to_string(i + 1) + " is not above the one before");
    }
    entries.push_back(EpochEntry{LeaderEpoch(*epoch), Offset(*start)});
  }
  return entries;
}

std::string LeaderEpochFileCache::format(const std::vector<EpochEntry>& entries) {
  std::string text = "0\n" + std::to_string(entries.size()) + "\n";
  for (const auto& e : entries) text += std::to_string(e.epoch.value()) + " " + std::to_string(e.start.value()) + "\n";
  return text;
}

void LeaderEpochFileCache::load(std::vector<EpochEntry> entries) {
  const std::lock_guard lock(mutex_);
  entries_ = std::move(entries);
  dirty_ = false;
}

bool LeaderEpochFileCache::is_latest(LeaderEpoch epoch) const {
  const std::lock_guard lock(mutex_);
  return !entries_.empty() && entries_.back().epoch == epoch;
}

bool LeaderEpochFileCache::assign(LeaderEpoch epoch, Offset start) {
  if (epoch < LeaderEpoch(0) || start < Offset(0)) return false;
  const std::lock_guard lock(mutex_);
  if (!entries_.empty() && entries_.back().epoch == epoch && start >= entries_.back().start) return false;
  while (!entries_.empty() && (entries_.back().epoch >= epoch || entries_.back().start >= start)) entries_.pop_back();
  entries_.push_back(EpochEntry{epoch, start});
  dirty_ = true;
  return true;
}

bool LeaderEpochFileCache::truncate_from_end(Offset end) {
  const std::lock_guard lock(mutex_);
  bool changed = false;
  while (!entries_.empty() && entries_.back().start >= end) {
    entries_.pop_back();
    changed = true;
  }
  dirty_ |= changed;
  return changed;
}

bool LeaderEpochFileCache::truncate_from_start(Offset start) {
  const std::lock_guard lock(mutex_);
  const auto first_kept = std::find_if(entries_.begin(), entries_.end(), [&](const EpochEntry& e) { return e.start > start; });
  if (first_kept == entries_.begin()) return false;
  const auto last_dropped = *(first_kept - 1);
  if (last_dropped.start == start && first_kept == entries_.begin() + 1) return false;
  entries_.erase(entries_.begin(), first_kept - 1);
  entries_.front() = EpochEntry{last_dropped.epoch, start};
  dirty_ = true;
  return true;
}

bool LeaderEpochFileCache::clear() {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return false;
  entries_.clear();
  dirty_ = true;
  return true;
}

std::optional<EpochEntry> LeaderEpochFileCache::latest() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty() ? std::nullopt : std::optional(entries_.back());
}

std::optional<EpochEntry> LeaderEpochFileCache::earliest() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty() ? std::nullopt : std::optional(entries_.front());
}

std::pair<LeaderEpoch, Offset> LeaderEpochFileCache::end_offset_for(LeaderEpoch requested, Offset log_end) const {
  const std::lock_guard lock(mutex_);
  constexpr auto unknown = std::pair(kNoLeaderEpoch, kNoOffset);
  if (requested == kNoLeaderEpoch || entries_.empty()) return unknown;
  if (entries_.back().epoch == requested) return {requested, log_end};
  const auto higher = std::find_if(entries_.begin(), entries_.end(), [&](const EpochEntry& e) { return e.epoch > requested; });
  if (higher == entries_.end()) return unknown;  // above any known epoch
  // Below all known epochs: the data is gone from the log, the follower goes on at our start.
  if (higher == entries_.begin()) return {requested, higher->start};
  return {(higher - 1)->epoch, higher->start};
}

LeaderEpoch LeaderEpochFileCache::epoch_for(Offset offset) const {
  const std::lock_guard lock(mutex_);
  LeaderEpoch epoch = kNoLeaderEpoch;
  for (const auto& e : entries_) {
    if (e.start > offset) break;
    epoch = e.epoch;
  }
  return epoch;
}

std::vector<EpochEntry> LeaderEpochFileCache::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

bool LeaderEpochFileCache::dirty() const {
  const std::lock_guard lock(mutex_);
  return dirty_;
}

std::optional<std::vector<EpochEntry>> LeaderEpochFileCache::take_dirty() {
  const std::lock_guard lock(mutex_);
  if (!dirty_) return std::nullopt;
  dirty_ = false;
  return entries_;
}

void LeaderEpochFileCache::mark_dirty() {
  const std::lock_guard lock(mutex_);
  dirty_ = true;
}

}  // namespace moldau::storage
