// WaitList: who waits on one partition, and for what (Kafka 3.9 DelayedOperationPurgatory's watchers of one key).
//
// Each partition has one list. A Watch says which of the partition's offsets must reach which value; the thread that moved the offsets walks the list and
// wakes those that are served. An empty list costs an append one fence and one load.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "protocol/base/ids.h"
#include "replication/delayed/waiter.h"

namespace moldau::replication {

/// The offset that a watch looks at.
enum class WaitFor : std::uint8_t { log_end, high_watermark, last_stable, low_watermark };

/// The offsets of a partition after a change; -1 where nothing is known to have moved.
struct ReachedOffsets {
  Offset log_end = kNoOffset;
  Offset high_watermark = kNoOffset;
  Offset last_stable = kNoOffset;
  Offset low_watermark = kNoOffset;

  [[nodiscard]] Offset of(WaitFor what) const noexcept {
    switch (what) {
      case WaitFor::log_end: return log_end;
      case WaitFor::high_watermark: return high_watermark;
      case WaitFor::last_stable: return last_stable;
      case WaitFor::low_watermark: return low_watermark;
    }
    return kNoOffset;
  }
};

class WaitList;

/// One waiter's interest in one partition. Unlinks itself. REQUIRES: the list outlives the watch.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { unlink(); }

  /// True once since the last call when the partition reached the threshold or changed its role. The waiter's thread only.
  bool take_fired() noexcept { return fired_.exchange(false, std::memory_order_acq_rel); }
  [[nodiscard]] bool linked() const noexcept { return list_ != nullptr; }
  void unlink() noexcept;

 private:
  friend class WaitList;
  WaitList* list_ = nullptr;  // the waiter's own
  Watch* prev_ = nullptr;     // guarded by the list's lock, as all below
  Watch* next_ = nullptr;
  Waiter* waiter_ = nullptr;
  Offset threshold_ = kNoOffset;
  WaitFor what_ = WaitFor::high_watermark;
  std::atomic<bool> fired_{false};
};

class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  /// Links `watch` for `waiter`, to be woken when `what` is at `threshold` or above. Afterwards the caller looks at the offset once more: a change before the
  /// call is seen there, one after it finds the watch. REQUIRES: not linked.
  void add(Watch& watch, Waiter& waiter, WaitFor what, Offset threshold);
  /// Offsets have moved; `bytes` is what became readable (max when unknown).
  void wake(const ReachedOffsets& reached, std::int64_t bytes);
  /// The partition changed its role, went offline or was deleted: everybody looks again.
  void wake_all();
  /// Waiters on the low watermark: computing it is worth while only then.
  [[nodiscard]] bool anyone_waits_for_low_watermark() const noexcept { return low_watermark_watches_.load(std::memory_order_seq_cst) > 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  friend class Watch;
  void remove(Watch& watch) noexcept;

  std::mutex mutex_;
  Watch* head_ = nullptr;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> low_watermark_watches_{0};
};

}  // namespace moldau::replication
