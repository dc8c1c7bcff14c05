// Purgatory: how many requests of one kind wait, and on how many partitions (the gauges of Kafka 3.9 DelayedOperationPurgatory). It only counts: a request that
// waits is a Waiter in the frame of its own coroutine.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/metrics.h"

namespace moldau::replication {

/// Thread-safe. Outlives those who stay in it.
class Purgatory {
 public:
  /// `operation` is the label delayedOperation: Produce, Fetch, DeleteRecords.
  explicit Purgatory(std::string operation);
  Purgatory(const Purgatory&) = delete;
  Purgatory& operator=(const Purgatory&) = delete;

  /// One request, for as long as it waits.
  class [[nodiscard]] Stay {
   public:
    /// `watches`: partitions it is registered with.
    Stay(Purgatory& purgatory, std::size_t watches) noexcept : purgatory_(purgatory), watches_(static_cast<std::int64_t>(watches)) {
      purgatory_.delayed_.fetch_add(1, std::memory_order_relaxed);
      purgatory_.watched_.fetch_add(watches_, std::memory_order_relaxed);
    }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() {
      purgatory_.delayed_.fetch_sub(1, std::memory_order_relaxed);
      purgatory_.watched_.fetch_sub(watches_, std::memory_order_relaxed);
    }

   private:
    Purgatory& purgatory_;
    const std::int64_t watches_;
  };

  /// Requests that wait for a deadline (NumDelayedOperations).
  [[nodiscard]] std::int64_t delayed() const noexcept { return delayed_.load(std::memory_order_relaxed); }
  /// Their watches, one a partition (PurgatorySize).
  [[nodiscard]] std::int64_t watched() const noexcept { return watched_.load(std::memory_order_relaxed); }

 private:
  const std::string operation_;
  std::atomic<std::int64_t> delayed_{0};
  std::atomic<std::int64_t> watched_{0};
  std::vector<config::MetricFamilyBase::Registration> gauges_;  // last: unregistered first
};

}  // namespace moldau::replication
