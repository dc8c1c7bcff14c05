#include "storage/cleaner/skimpy_offset_map.h"

#include <algorithm>

namespace moldau::storage {

SkimpyOffsetMap::SkimpyOffsetMap(const Limits& limits, const HashSecret& secret)
    : secret_(secret), load_factor_(limits.load_factor), max_slots_(std::max<std::size_t>(2, limits.memory_bytes / kSlotBytes)) {
  // A small map is one shard: its keys would not spread evenly.
  shards_.resize(max_slots_ >= kShards * kFewestShardSlots ? kShards : 1);
  max_shard_slots_ = std::min(max_slots_ / shards_.size(), kMostShardSlots);
}

std::size_t SkimpyOffsetMap::position_in(const std::vector<Slot>& slots, const KeyDigest& digest) noexcept {
  // The high half spread over the slots without a division; the low half chose the shard.
  auto at = static_cast<std::size_t>(((digest.high >> 32) * slots.size()) >> 32);
  while (slots[at].offset != kFree && slots[at].digest != digest) at = at + 1 == slots.size() ? 0 : at + 1;
  return at;
}

bool SkimpyOffsetMap::grow(Shard& shard) const {
  if (shard.slots.size() >= max_shard_slots_) return false;
  const auto wanted = std::min(max_shard_slots_, std::max(kFirstSlots, shard.slots.size() * 2));
  std::vector<Slot> bigger(wanted, Slot{{}, kFree});
  for (const auto& slot : shard.slots)
    if (slot.offset != kFree) bigger[position_in(bigger, slot.digest)] = slot;
  shard.slots = std::move(bigger);
  return true;
}

bool SkimpyOffsetMap::put(Bytes key, Offset offset) {
  const auto digest = digest_of(key, secret_);
  auto& shard = shards_[shard_of(digest)];
  if (shard.slots.empty()) grow(shard);
  for (;;) {
    auto& slot = shard.slots[position_in(shard.slots, digest)];
    if (slot.offset != kFree) {
      slot.offset = offset.value();
      break;
    }
    // One slot stays free: the search for a key that is not there ends at it.
    if ((shard.used > 0 && at_load(shard)) || shard.used + 1 >= shard.slots.size()) {
      if (!grow(shard)) return false;
      continue;
    }
    slot = Slot{digest, offset.value()};
    ++shard.used;
    ++size_;
    break;
  }
  latest_ = offset;
  return true;
}

std::optional<Offset> SkimpyOffsetMap::find(Bytes key) const {
  const auto digest = digest_of(key, secret_);
  const auto& shard = shards_[shard_of(digest)];
  if (shard.slots.empty()) return std::nullopt;
  const auto& slot = shard.slots[position_in(shard.slots, digest)];
  if (slot.offset == kFree) return std::nullopt;
  return Offset(slot.offset);
}

void SkimpyOffsetMap::clear() {
  for (auto& shard : shards_) shard = Shard{};
  size_ = 0;
  latest_ = kNoOffset;
}

std::size_t SkimpyOffsetMap::memory_bytes() const noexcept {
  std::size_t total = 0;
  for (const auto& shard : shards_) total += shard.slots.capacity() * sizeof(Slot);
  return total;
}

}  // namespace moldau::storage
