// SocketServer: listeners, accepting, and the connections of all I/O threads (Kafka 3.9 SocketServer, Acceptor, Processor).
//
// Acceptors live on I/O thread 0, a connection on the thread that it was given. Listeners and limits may change while it runs; such calls come from any thread
// but an I/O thread, one at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/metrics.h"
#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/task_group.h"
#include "protocol/base/timer.h"
#include "server/network/connection.h"
#include "server/network/connection_quotas.h"
#include "server/network/io_threads.h"
#include "server/network/memory_budget.h"
#include "server/network/network.h"

namespace moldau::server {

struct SocketServerConfig {
  ConnectionLimits limits;
  std::int64_t queued_max_request_bytes = -1;
  std::chrono::milliseconds max_idle{600'000};
  int backlog = 50;
};

class SocketServer {
 public:
  SocketServer(IoThreads& threads, Network& network, Dispatcher& dispatcher, ConnectionQuotas& quotas, SocketServerConfig config);
  ~SocketServer();

  /// Opens the sockets without accepting: the ports are known, clients that connect wait in the backlog. Error: the address with the reason.
  Status bind(const std::vector<ListenerConfig>& listeners);
  /// The bound port of a listener (differs from the configured one when that was 0).
  [[nodiscard]] std::uint16_t port(std::string_view listener) const;
  void start_accepting();
  /// DIFFERS: in Apache Kafka a new address of a listener that is there counts from the next start on, though it is published at once.
  /// Opens the listeners that are new or have another address, closes those that are gone, with their connections. What could not be opened, with the reason; a
  /// listener whose new address fails keeps its old one. REQUIRES: start_accepting() was called.
  std::vector<Error> change_listeners(const std::vector<ListenerConfig>& wanted);
  /// New limits on connections: they hold for those that wait, and what is too much is closed, least recently used first.
  void update_quotas(ConnectionQuotaConfig config);
  /// Closes the listening sockets: nobody new comes. Blocks for a moment at most; stop() does it too.
  void stop_listening();
  /// Closes the listening sockets and tells all connections to finish, calls `end_waits` (which answers what waits), lets requests in flight end
  /// for at most `grace`, then closes all connections. Blocking.
  void stop(std::chrono::milliseconds grace, const std::function<void()>& end_waits);

  /// Connections, and closed ones whose last request is still worked on.
  [[nodiscard]] std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  /// Counts the connections of a listener on one thread.
  struct Meter {
    config::Gauge open;
    config::Counter created;
    config::Counter closed;
  };
  struct Listener {
    Listener(ListenerConfig a, std::unique_ptr<Acceptor> acc, Executor executor) : asked(std::move(a)), acceptor(std::move(acc)), pause(std::move(executor)) {}
    const ListenerConfig asked;  ///< As configured: its port may be 0.
    std::unique_ptr<Acceptor> acceptor;
    Timer pause;                 ///< The accept loop waits on it; I/O thread 0.
    bool closed = false;         ///< I/O thread 0.
    std::vector<Meter> meters;   ///< By I/O thread.
  };
  struct Idle {
    SteadyTime since = SteadyTime::max();
    std::weak_ptr<Connection> connection;
  };
  using ListenerPtr = std::shared_ptr<Listener>;
  using Connections = std::unordered_set<std::shared_ptr<Connection>>;

  Result<ListenerPtr> open(const ListenerConfig& config);
  [[nodiscard]] std::vector<ListenerPtr> listeners() const;
  void close(const ListenerPtr& listener);
  void accept_on(const ListenerPtr& listener);
  Awaitable<void> accept_loop(ListenerPtr listener);
  Awaitable<void> wait_for_slot(ListenerPtr listener);
  void wake_acceptors();
  void adopt(const Listener& listener, Accepted accepted, const ConnectionQuotas::Slot& slot, std::size_t thread);
  void shed();
  Awaitable<void> shed_excess();
  Awaitable<void> close_excess();
  Awaitable<Idle> least_recently_used(std::size_t thread);
  Awaitable<void> close_on(std::size_t thread, std::weak_ptr<Connection> connection);
  Awaitable<void> expire_idle(std::size_t thread);
  /// Runs on each I/O thread, for each of its connections.
  void each(const std::function<void(Connection&)>& action);

  IoThreads& threads_;
  Network& network_;
  Dispatcher& dispatcher_;
  ConnectionQuotas& quotas_;
  SocketServerConfig config_;
  MemoryBudget budget_;
  mutable std::mutex mutex_;              ///< Guards listeners_.
  std::vector<ListenerPtr> listeners_;
  std::vector<Connections> connections_;  ///< By I/O thread; each touched by its thread only.
  std::atomic<std::size_t> next_thread_{0};
  std::atomic<std::size_t> open_{0};
  std::atomic<int> waiting_{0};  ///< Accept loops that wait for a slot.
  std::atomic<bool> stopping_{false};
  bool shedding_ = false;        ///< I/O thread 0.
  TaskGroup tasks_;              ///< Accept loops, expiry, shedding.
};

}  // namespace moldau::server
