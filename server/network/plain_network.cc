#include "server/network/plain_network.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/network/plain_transport.h"

namespace moldau::server {
namespace {

using tcp = boost::asio::ip::tcp;

std::string address_text(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

Result<tcp::endpoint> resolve(const Executor& executor, const ListenerConfig& listener) {
  if (listener.host.empty()) return tcp::endpoint(tcp::v6(), listener.port);
  boost::system::error_code error;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(listener.host, std::to_string(listener.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return Error(ErrorCode::unknown_server_error, "listeners: cannot resolve host '" + listener.host + "' of listener " + listener.name + ": " + error.message());
  return found.begin()->endpoint();
}

/// What to do when a port can't be had.
std::string advice(const boost::system::error_code& error) {
  if (error == boost::asio::error::address_in_use)
    return "; stop what holds the port, or take another one (--override listeners=PLAINTEXT://:9093; a second broker here also needs --override log.dirs=data2)";
  if (error == boost::system::errc::address_not_available)
    return "; this machine does not have that address: listen on all (PLAINTEXT://:9092), and name the address for clients in advertised.listeners";
  return "; change listeners";
}

class PlainAcceptor final : public Acceptor {
 public:
  PlainAcceptor(tcp::acceptor acceptor, std::uint16_t port, std::int32_t send_buffer_bytes)
      : acceptor_(std::move(acceptor)), port_(port), send_buffer_bytes_(send_buffer_bytes) {}

  [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }

  Awaitable<Result<Accepted>> accept(Executor home) override {
    for (;;) {
      boost::system::error_code error;
      auto socket = co_await acceptor_.async_accept(home, boost::asio::redirect_error(boost::asio::use_awaitable, error));
      if (error) co_return Error(ErrorCode::network_exception, error.message());
      const auto remote = socket.remote_endpoint(error);
      if (error) continue;  // gone already
      Accepted accepted;
      accepted.peer_host = address_text(remote.address());
      accepted.peer_port = remote.port();
      const auto local = socket.local_endpoint(error);  // an unknown one is shown as such
      accepted.local_host = address_text(local.address());
      accepted.local_port = local.port();
      if (send_buffer_bytes_ >= 0) socket.set_option(boost::asio::socket_base::send_buffer_size(send_buffer_bytes_), error);  // a wish, as for Apache Kafka
      accepted.transport = std::make_unique<PlainTransport>(std::move(socket));
      co_return accepted;
    }
  }

  void close() noexcept override {
    boost::system::error_code ignored;  // closing is all that is wanted
    acceptor_.close(ignored);
  }

 private:
  tcp::acceptor acceptor_;
  const std::uint16_t port_;
  const std::int32_t send_buffer_bytes_;
};

class PlainNetwork final : public Network {
 public:
  Result<std::unique_ptr<Acceptor>> listen(Executor executor, const ListenerConfig& listener, int backlog) override {
    auto endpoint = resolve(executor, listener);
    if (!endpoint) return endpoint.error();
    tcp::acceptor acceptor(executor);
    boost::system::error_code error;
    acceptor.open(endpoint->protocol(), error);
    if (error && listener.host.empty()) {  // no IPv6 on this machine
      *endpoint = tcp::endpoint(tcp::v4(), listener.port);
      acceptor.open(endpoint->protocol(), error);
    }
    if (!error && endpoint->protocol() == tcp::v6() && listener.host.empty()) {
      boost::system::error_code ignored;  // without dual stack IPv6 alone still serves
      acceptor.set_option(boost::asio::ip::v6_only(false), ignored);
    }
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && listener.receive_buffer_bytes >= 0) {
      boost::system::error_code ignored;  // a wish; accepted sockets inherit it, and the window's scale is settled before accept
      acceptor.set_option(boost::asio::socket_base::receive_buffer_size(listener.receive_buffer_bytes), ignored);
    }
    if (!error) acceptor.bind(*endpoint, error);
    if (!error) acceptor.listen(backlog, error);
    if (error)
      return Error(ErrorCode::unknown_server_error,
                   "cannot listen on " + listener.name + "://" + listener.host + ":" + std::to_string(listener.port) + ": " + error.message() + advice(error));
    const auto port = acceptor.local_endpoint(error).port();
    return std::unique_ptr<Acceptor>(std::make_unique<PlainAcceptor>(std::move(acceptor), port, listener.send_buffer_bytes));
  }
};

}  // namespace

Network& plain_network() {
  static PlainNetwork network;
  return network;
}

}  // namespace moldau::server
