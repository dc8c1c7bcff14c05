// Connection: one client's stream of requests (Kafka 3.9 SocketServer's channel with Processor and RequestChannel).
//
// Owner thread: the I/O thread of its executor, for life. Invariants:
// 1. Answers leave in the order of their requests.
// 2. Only Produce overlaps Produce: any other request begins when all earlier ones are answered.
// 3. At most kMaxOverlap requests are in flight.
// 4. A connection that waits for its next request holds no buffer beyond `inbox_`.
// 5. While a request is held (a long poll, a rebalance) the socket is read into `inbox_`, no further: so the end of the peer is seen. Then what is in flight gets
//    kEndedGrace to be answered (the peer may have closed its sending side only), and the connection is closed; who still works on its request works for nobody.
//    DIFFERS: Apache Kafka sees the end when the request is done.
// 6. A request that waits has given its bytes back to the MemoryBudget: what it waits for may be a request that the budget keeps out (the other members of a
//    JoinGroup, the Fetch of a follower). Its frame stays: one a connection, kMaxOverlap of Produce.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "protocol/base/async.h"
#include "server/network/buffer_pool.h"
#include "server/network/dispatcher.h"
#include "server/network/memory_budget.h"
#include "server/network/signal.h"
#include "server/network/transport.h"

namespace moldau::server {

struct ConnectionLimits {
  std::int32_t max_request_bytes = 104857600;  // socket.request.max.bytes
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static constexpr std::chrono::milliseconds kEndedGrace{500};

  /// `on_closed` is called once, on the connection's thread, when the socket is closed; requests may be in flight for longer.
  Connection(std::unique_ptr<Transport> transport, ConnectionInfo info, Dispatcher& dispatcher, MemoryBudget& budget, ConnectionLimits limits,
             Executor executor, std::function<void(Connection&)> on_closed = {});

  /// Serves requests until the peer closes, an error, or close(). Completes when nothing of it is in flight any more.
  Awaitable<void> run();
  /// Stops reading; requests in flight are answered first.
  void finish();
  void close() noexcept;

  [[nodiscard]] const ConnectionInfo& info() const noexcept { return info_; }
  /// Nothing was read or written since then. A held request and an answer that nobody reads count as idle too, as in Kafka.
  [[nodiscard]] bool idle_since(std::chrono::steady_clock::time_point limit) const noexcept { return last_active_ < limit; }
  [[nodiscard]] std::chrono::steady_clock::time_point last_active() const noexcept { return last_active_; }

 private:
  static constexpr std::size_t kMaxOverlap = 64;
  static constexpr std::size_t kRequestsATurn = 8;  ///< After so many pipelined requests the thread's other connections get their turn.

  struct Frame {
    PooledBuffer buffer;
    std::size_t size = 0;
    MemoryBudget::Hold hold;
    [[nodiscard]] Bytes bytes() const { return {buffer.data(), size}; }
  };
  struct InFlight;

  Awaitable<std::optional<Frame>> read_frame();
  Awaitable<bool> fill_inbox(std::size_t at_least);
  void start(std::shared_ptr<InFlight> request);
  Awaitable<void> serve(std::shared_ptr<InFlight> request);
  Awaitable<void> drain();
  Awaitable<void> write_ready();
  Awaitable<bool> write_response(Response& response);
  void shut() noexcept;

  std::unique_ptr<Transport> transport_;
  ConnectionInfo info_;
  Dispatcher& dispatcher_;
  MemoryBudget& budget_;
  ConnectionLimits limits_;
  Executor executor_;
  std::function<void(Connection&)> on_closed_;
  std::array<std::byte, 1024> inbox_;
  std::size_t inbox_begin_ = 0;
  std::size_t inbox_end_ = 0;
  std::deque<std::shared_ptr<InFlight>> in_flight_;
  bool writing_ = false;
  bool finishing_ = false;
  bool broken_ = false;
  std::chrono::steady_clock::time_point last_active_;
  Signal changed_;
};

}  // namespace moldau::server
