// Health: what /healthz and /readyz say, and the broker's state as a metric (Kafka 3.9 BrokerState).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "server/http/http_server.h"

namespace moldau::server {

/// The numbers are those of Kafka's BrokerState gauge.
enum class BrokerState : std::uint8_t { not_running = 0, starting = 1, recovery = 2, running = 3, pending_controlled_shutdown = 6, shutting_down = 7 };

/// Set by the composition root, read by HTTP from any thread.
class Health {
 public:
  void set(BrokerState state) noexcept { state_.store(state, std::memory_order_release); }
  [[nodiscard]] BrokerState state() const noexcept { return state_.load(std::memory_order_acquire); }
  /// Logs loaded of all logs, shown while the state is `recovery`.
  void set_progress(std::size_t done, std::size_t total) noexcept {
    done_.store(done, std::memory_order_relaxed);
    total_.store(total, std::memory_order_relaxed);
  }

  /// The process lives: always 200 while HTTP answers.
  [[nodiscard]] HttpReply healthz() const;
  /// 200 when requests are served, 503 with the reason before and after.
  [[nodiscard]] HttpReply readyz() const;

 private:
  std::atomic<BrokerState> state_{BrokerState::not_running};
  std::atomic<std::size_t> done_{0};
  std::atomic<std::size_t> total_{0};
};

}  // namespace moldau::server
