// PlainTransport: TCP without encryption. System calls are tried first; Asio waits only when they would block.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "server/network/transport.h"

namespace moldau::server {

class PlainTransport final : public Transport {
 public:
  /// Takes over a connected socket whose executor is the connection's thread.
  explicit PlainTransport(boost::asio::ip::tcp::socket socket);

  Awaitable<std::size_t> read_some(MutableBytes out) override;
  std::size_t try_read(MutableBytes out) override;
  Awaitable<bool> write(std::span<const WritePart> parts) override;
  void close() noexcept override;

 private:
  enum class Progress { done, would_block, failed };
  static Progress after_error(int error);
  /// Reads the slices of a short answer beside its memory, so that one call sends both; sends what the socket takes.
  Progress send_short(std::span<const WritePart> parts, std::size_t& part, std::size_t& offset);
  Progress send_memory(std::span<const WritePart> parts, std::size_t& part, std::size_t& offset);
  Progress send_file(const WritePart& part, std::size_t& offset);

  boost::asio::ip::tcp::socket socket_;
};

}  // namespace moldau::server
