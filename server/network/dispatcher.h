// Dispatcher: what the network layer is given to turn frames into answers. It knows neither handlers nor storage.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/bytes.h"
#include "protocol/wire/byte_buffer.h"
#include "server/network/transport.h"

namespace moldau::server {

/// The connection a request came by. Lives as long as its requests.
struct ConnectionInfo {
  std::string listener;           ///< Listener name, e.g. PLAINTEXT.
  std::string security_protocol;  ///< PLAINTEXT here.
  std::string peer_host;          ///< Address text without port.
  std::uint16_t peer_port = 0;
  std::string local_host;  ///< The address by which the client came.
  std::uint16_t local_port = 0;
  std::string principal = "User:ANONYMOUS";
  std::string client_software_name;  ///< From ApiVersions v3+.
  std::string client_software_version;
};

/// A place in the answer's bytes where a file range is sent: before byte `at` of the buffer.
struct Splice {
  std::size_t at = 0;
  FileRange range;
};

/// A finished answer: the frame with its length, and the file ranges in between.
struct Response {
  protocol::ByteBuffer buffer;
  std::vector<Splice> splices;
  bool send = true;    ///< false: Produce with acks=0.
  bool close = false;  ///< Close the connection once this is written.
};

/// What the network learns of a frame before it is handled.
enum class FrameKind { refused, ordinary, overlapping };

/// One request in flight, seen from the handler's side.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// The request's effects are in order now: the connection may start its next overlapping request.
  virtual void release_order() = 0;
};

/// Handles frames. One for the broker; called on every I/O thread.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  /// Looks at the header: `refused` closes the connection without an answer, `overlapping` (Produce) may begin while
  /// earlier overlapping requests wait for replication.
  virtual FrameKind classify(Bytes frame, const ConnectionInfo& connection) = 0;
  /// Handles the frame (without its length). The frame stays alive until the call has completed. An exception closes the connection.
  virtual Awaitable<Response> handle(Bytes frame, ConnectionInfo& connection, Exchange& exchange) = 0;
};

}  // namespace moldau::server
