// ConnectionQuotas: how many connections there may be, in all and from one address (Kafka 3.9 ConnectionQuotas).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace moldau::server {

struct ConnectionQuotaConfig {
  std::int32_t max_connections = INT32_MAX;         // max.connections
  std::int32_t max_connections_per_ip = INT32_MAX;  // max.connections.per.ip
  std::map<std::string, std::int32_t, std::less<>> per_ip_overrides;
};

/// Shared by acceptors and I/O threads.
class ConnectionQuotas {
 public:
  explicit ConnectionQuotas(ConnectionQuotaConfig config) : config_(std::move(config)) {}

  /// Counts a new connection; false when its address has too many (it is to be reset).
  bool admit(const std::string& address);
  void release(const std::string& address);
  /// True while the total is at its limit: the acceptor waits.
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::int32_t count() const;
  void update(ConnectionQuotaConfig config);

 private:
  mutable std::mutex mutex_;
  ConnectionQuotaConfig config_;
  std::map<std::string, std::int32_t, std::less<>> by_address_;
  std::int32_t total_ = 0;
};

}  // namespace moldau::server
