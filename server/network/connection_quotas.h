// ConnectionQuotas: how many connections there may be (in all, of a listener, from one address) and how fast they may come. Kafka 3.9 ConnectionQuotas, KIP-402,
// KIP-612.
//
// The listener between brokers is protected: when there are other listeners, the broker's own limits don't hold it up; its new connections drive out the least
// recently used ones of the others instead (excess()). A listener's limits hold it up, protected or not.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/network/connection_rate.h"

namespace moldau::server {

struct ListenerConnectionLimits {
  std::int32_t max_connections = INT32_MAX;  // listener.name.<name>.max.connections
  std::int32_t creation_rate = INT32_MAX;    // listener.name.<name>.max.connection.creation.rate, a second

  friend bool operator==(const ListenerConnectionLimits&, const ListenerConnectionLimits&) = default;
};

struct ConnectionQuotaConfig {
  std::int32_t max_connections = INT32_MAX;                                // max.connections
  std::int32_t max_connections_per_ip = INT32_MAX;                         // max.connections.per.ip
  std::map<std::string, std::int32_t, std::less<>> per_ip_overrides;
  std::int32_t creation_rate = INT32_MAX;                                  // max.connection.creation.rate, a second
  std::map<std::string, ListenerConnectionLimits, std::less<>> listeners;  ///< By listener name; those without an entry have no limits of their own.
  std::string inter_broker_listener;
  ConnectionRateWindows windows;

  friend bool operator==(const ConnectionQuotaConfig&, const ConnectionQuotaConfig&) = default;
};

/// Shared by acceptors and I/O threads.
class ConnectionQuotas {
  struct Listener;

 public:
  /// The place of one connection.
  class Slot {
    friend class ConnectionQuotas;
    std::string address_;
    std::shared_ptr<Listener> listener_;  // as it was when the connection came: it may have been removed since, and added anew
  };

  explicit ConnectionQuotas(ConnectionQuotaConfig config);

  void add_listener(const std::string& listener);
  void remove_listener(std::string_view listener);

  /// Counts an attempt; how long the connection has to wait for the creation rates.
  std::chrono::milliseconds record_attempt(std::string_view listener, std::chrono::steady_clock::time_point now);
  /// False: the connection waits until others end, or the limits change.
  [[nodiscard]] bool slot_available(std::string_view listener) const;
  /// Counts a new connection; nothing when its address has too many: it is to be closed.
  [[nodiscard]] std::optional<Slot> admit(std::string_view listener, const std::string& address);
  /// Once for what admit() gave.
  void release(const Slot& slot) noexcept;
  /// How many connections of unprotected listeners are to be closed.
  [[nodiscard]] std::int32_t excess() const;
  [[nodiscard]] bool is_protected(std::string_view listener) const;

  [[nodiscard]] std::int32_t count() const;
  [[nodiscard]] std::int32_t count(std::string_view listener) const;
  void update(ConnectionQuotaConfig config);

 private:
  struct Listener {
    std::int32_t count = 0;
    ConnectionRate rate;
  };
  [[nodiscard]] bool protects(std::string_view listener) const { return listeners_.size() > 1 && listener == config_.inter_broker_listener; }
  [[nodiscard]] ListenerConnectionLimits limits_of(std::string_view listener) const;

  mutable std::mutex mutex_;
  ConnectionQuotaConfig config_;
  std::map<std::string, std::int32_t, std::less<>> by_address_;
  std::map<std::string, std::shared_ptr<Listener>, std::less<>> listeners_;
  ConnectionRate rate_;
  std::int32_t total_ = 0;
};

}  // namespace moldau::server
