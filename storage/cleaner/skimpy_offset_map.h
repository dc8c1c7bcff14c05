// SkimpyOffsetMap (Kafka 3.9): the last offset of each key in the dirty part of a log, in bounded memory. Keys are known by their digest alone.
//
// 24 bytes a slot, open addressing. DIFFERS: Apache Kafka holds all of log.cleaner.dedupe.buffer.size all the time; here the slots lie in shards that grow with
// the keys up to the same limit, and go with clear(). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "storage/cleaner/key_digest.h"

namespace moldau::storage {

class SkimpyOffsetMap {
 public:
  static constexpr std::size_t kSlotBytes = 24;

  struct Limits {
    std::size_t memory_bytes = 0;
    double load_factor = 0.9;  ///< share of the slots that may be used
  };
  /// REQUIRES: room for one slot at least, 0 < load_factor <= 1.
  SkimpyOffsetMap(const Limits& limits, const HashSecret& secret);

  /// Records that `key` is at `offset`. False, and nothing is changed, when the map is full and does not hold the key. REQUIRES: offsets rise.
  bool put(Bytes key, Offset offset);
  [[nodiscard]] std::optional<Offset> find(Bytes key) const;
  /// Forgets all and frees the memory.
  void clear();

  /// Up to here, inclusive, the log is in the map; kNoOffset when nothing is.
  [[nodiscard]] Offset latest_offset() const noexcept { return latest_; }
  void update_latest_offset(Offset offset) noexcept { latest_ = offset; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Share of all slots that may ever be that are used.
  [[nodiscard]] double utilization() const noexcept { return static_cast<double>(size_) / static_cast<double>(max_slots_); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct Slot {
    KeyDigest digest;
    std::int64_t offset;  ///< kFree when unused
  };
  static_assert(sizeof(Slot) == kSlotBytes);
  static constexpr std::int64_t kFree = -1;
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kFirstSlots = 64;
  static constexpr std::size_t kFewestShardSlots = 16384;
  static constexpr std::size_t kMostShardSlots = std::size_t{1} << 31;

  struct Shard {
    std::vector<Slot> slots;
    std::size_t used = 0;
  };
  [[nodiscard]] std::size_t shard_of(const KeyDigest& digest) const noexcept { return static_cast<std::size_t>(digest.low % shards_.size()); }
  /// Where the digest is, or the free slot where it would go. REQUIRES: there is a free slot.
  static std::size_t position_in(const std::vector<Slot>& slots, const KeyDigest& digest) noexcept;
  [[nodiscard]] bool at_load(const Shard& shard) const noexcept { return static_cast<double>(shard.used + 1) > static_cast<double>(shard.slots.size()) * load_factor_; }
  bool grow(Shard& shard) const;

  const HashSecret secret_;
  const double load_factor_;
  const std::size_t max_slots_;
  std::size_t max_shard_slots_;
  std::vector<Shard> shards_;
  std::size_t size_ = 0;
  Offset latest_ = kNoOffset;
};

}  // namespace moldau::storage
