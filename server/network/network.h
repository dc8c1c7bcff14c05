// Network: the seam to where connections come from. The process has the machine's sockets, the simulator a network of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "server/network/transport.h"

namespace moldau::server {

/// One address to listen on.
struct ListenerConfig {
  std::string name;
  std::string security_protocol;
  std::string host;  ///< Empty: all addresses, IPv6 and IPv4.
  std::uint16_t port = 0;
  std::int32_t send_buffer_bytes = -1;     ///< SO_SNDBUF of its connections; -1: the system's own tuning.
  std::int32_t receive_buffer_bytes = -1;  ///< SO_RCVBUF.

  friend bool operator==(const ListenerConfig&, const ListenerConfig&) = default;
};

/// A connection that came in. Addresses are texts without port; an IPv4 address mapped into IPv6 is shown as IPv4.
struct Accepted {
  std::unique_ptr<Transport> transport;
  std::string peer_host;
  std::uint16_t peer_port = 0;
  std::string local_host;
  std::uint16_t local_port = 0;
};

/// A bound address. All calls from the thread of its executor, but port().
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  /// Differs from the configured one when that was 0.
  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
  /// Waits for the next connection; its transport lives on `home`. An error passes (out of descriptors) unless close() was called.
  virtual Awaitable<Result<Accepted>> accept(Executor home) = 0;
  virtual void close() noexcept = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  /// Binds without accepting: clients that connect wait in the backlog. Error: the address with the reason.
  virtual Result<std::unique_ptr<Acceptor>> listen(Executor executor, const ListenerConfig& listener, int backlog) = 0;
};

}  // namespace moldau::server
