// SimNetwork: connections over a network of which one seed decides everything: delays, how writes are cut and reads come in pieces, stalls, resets.
//
// A connection is two pipes. Bytes keep their order within a pipe, as TCP has it; a reset takes what is on its way with it. Each connection draws from a
// generator of its own, so that connections do not disturb each other's fate. All on the one thread of the simulation.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "protocol/base/timer.h"
#include "server/network/network.h"

namespace moldau::sim {

struct NetworkWeather {
  std::uint64_t reset_one_in = 0;  ///< A chunk in so many is the connection's last; 0: none.
  std::uint64_t stall_one_in = 0;  ///< A chunk in so many comes seconds late.
  std::int64_t max_delay_us = 2'000;
};

class SimNetwork final : public server::Network {
 public:
  /// Told of all bytes that arrive: connection, whether at the broker, and the bytes.
  using Tap = std::function<void(std::uint64_t connection, bool at_broker, Bytes bytes)>;

  SimNetwork(Executor executor, std::uint64_t seed, NetworkWeather weather, Tap tap);
  ~SimNetwork() override;

  Result<std::unique_ptr<server::Acceptor>> listen(Executor executor, const server::ListenerConfig& listener, int backlog) override;
  /// The client's end; null when nobody listens.
  Awaitable<std::unique_ptr<server::Transport>> connect();
  /// The broker's machine is gone: what it sent may still arrive, nothing else does, nobody can connect any more.
  void cut();

  struct Link;
  class End;
  class SimAcceptor;

 private:
  struct Listener;
  Executor executor_;
  std::uint64_t seed_;
  NetworkWeather weather_;
  Tap tap_;
  std::uint64_t next_connection_ = 0;
  bool cut_ = false;
  std::shared_ptr<Listener> listener_;
  std::vector<std::weak_ptr<Link>> links_;
};

}  // namespace moldau::sim
