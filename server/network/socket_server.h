// SocketServer: listeners, accepting, and the connections of all I/O threads (Kafka 3.9 SocketServer, Acceptor, Processor).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "server/network/connection.h"
#include "server/network/connection_quotas.h"
#include "server/network/io_threads.h"
#include "server/network/memory_budget.h"

namespace moldau::server {

/// One address to listen on.
struct ListenerConfig {
  std::string name;
  std::string security_protocol;
  std::string host;  ///< Empty: all addresses, IPv6 and IPv4.
  std::uint16_t port = 0;
};

struct SocketServerConfig {
  ConnectionLimits limits;
  std::int64_t queued_max_request_bytes = -1;
  std::chrono::milliseconds max_idle{600'000};
  int backlog = 50;
};

class SocketServer {
 public:
  SocketServer(IoThreads& threads, Dispatcher& dispatcher, ConnectionQuotas& quotas, SocketServerConfig config);
  ~SocketServer();

  /// Opens the sockets without accepting: the ports are known, clients that connect wait in the backlog. Error: the address with the reason.
  Status bind(const std::vector<ListenerConfig>& listeners);
  /// The bound port of a listener (differs from the configured one when that was 0).
  [[nodiscard]] std::uint16_t port(std::string_view listener) const;
  void start_accepting();
  /// Closes the listening sockets and tells all connections to finish, calls `end_waits` (which answers what waits), lets requests in flight end
  /// for at most `grace`, then closes all connections. Blocking.
  void stop(std::chrono::milliseconds grace, const std::function<void()>& end_waits);

  [[nodiscard]] std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  struct Listener {
    ListenerConfig config;
    boost::asio::ip::tcp::acceptor acceptor;
  };
  using Connections = std::unordered_set<std::shared_ptr<Connection>>;

  Awaitable<void> accept_loop(Listener& listener);
  void adopt(const ListenerConfig& listener, boost::asio::ip::tcp::socket socket, std::size_t thread, std::string address);
  Awaitable<void> expire_idle(std::size_t thread);

  IoThreads& threads_;
  Dispatcher& dispatcher_;
  ConnectionQuotas& quotas_;
  SocketServerConfig config_;
  MemoryBudget budget_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<Connections> connections_;  ///< By I/O thread; each touched by its thread only.
  std::atomic<std::size_t> next_thread_{0};
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace moldau::server
