// Transport: the seam between a connection and its socket. Plaintext is one; TLS and the simulator's network are others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/bytes.h"

namespace moldau::server {

/// A range of an open file that is part of an answer.
struct FileRange {
  /// Reads at a position of the file that `owner` is; 0: the file ends there or can't be read.
  using Read = std::size_t (*)(const void* owner, std::uint64_t position, MutableBytes out);

  std::shared_ptr<const void> owner;  ///< Keeps the file open.
  int descriptor = -1;                ///< For sendfile; -1: the file has none.
  Read read = nullptr;                ///< For transports that must see the bytes.
  std::uint64_t position = 0;
  std::uint32_t size = 0;
};

/// Bytes of an answer: either from memory or from a file.
struct WritePart {
  Bytes bytes;
  const FileRange* file = nullptr;
};

/// A connected byte stream. All calls from the connection's thread; at most one read and one write at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Waits for bytes and reads at least one; 0 when the peer has closed or the connection failed.
  virtual Awaitable<std::size_t> read_some(MutableBytes out) = 0;
  /// Reads what is there without waiting; 0 when nothing is (or the stream has ended: the next read_some tells).
  virtual std::size_t try_read(MutableBytes out) = 0;
  /// Writes everything; false when the connection failed or a file range was cut short by truncation.
  virtual Awaitable<bool> write(std::span<const WritePart> parts) = 0;
  /// Ends all waits; reads give 0 and writes false from now on.
  virtual void close() noexcept = 0;
};

}  // namespace moldau::server
