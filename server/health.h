// Health: what /healthz and /readyz say, and the broker's state as a metric (Kafka 3.9 BrokerState).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "server/http/http_server.h"
#include "storage/log/load_queue.h"

namespace moldau::server {

/// The numbers are those of Kafka's BrokerState gauge.
enum class BrokerState : std::uint8_t { not_running = 0, starting = 1, recovery = 2, running = 3, pending_controlled_shutdown = 6, shutting_down = 7 };

/// Set by the composition root, read by HTTP from any thread.
class Health {
 public:
  void set(BrokerState state) noexcept { state_.store(state, std::memory_order_release); }
  [[nodiscard]] BrokerState state() const noexcept { return state_.load(std::memory_order_acquire); }
  /// Where to ask how far the loading of the logs is. It must be good until no one asks any more.
  void set_load_progress(std::function<storage::LoadProgress()> source);

  /// The process lives: always 200 while HTTP answers.
  [[nodiscard]] HttpReply healthz() const;
  /// 200 when requests are served, 503 with the reason before and after. Names the log directories with logs that are not loaded, in both cases: their
  /// partitions are not served yet, which is no reason to keep clients from the others.
  [[nodiscard]] HttpReply readyz() const;

 private:
  /// A line for each log directory of which something is missing.
  [[nodiscard]] std::string missing_logs() const;

  std::atomic<BrokerState> state_{BrokerState::not_running};
  mutable std::mutex mutex_;
  std::function<storage::LoadProgress()> load_progress_;  // under mutex_
};

}  // namespace moldau::server
