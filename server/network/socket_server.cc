#include "server/network/socket_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <thread>

#include "protocol/base/log.h"
#include "server/network/plain_transport.h"

namespace moldau::server {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using tcp = boost::asio::ip::tcp;

/// The address as clients and quotas know it: an IPv4 address mapped into IPv6 is shown as IPv4.
std::string address_text(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

Result<tcp::endpoint> resolve(boost::asio::io_context& context, const ListenerConfig& listener) {
  if (listener.host.empty()) return tcp::endpoint(tcp::v6(), listener.port);
  boost::system::error_code error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(listener.host, std::to_string(listener.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return Error(ErrorCode::unknown_server_error, "listeners: cannot resolve host '" + listener.host + "' of listener " + listener.name + ": " + error.message());
  return found.begin()->endpoint();
}

}  // namespace

SocketServer::SocketServer(IoThreads& threads, Dispatcher& dispatcher, ConnectionQuotas& quotas, SocketServerConfig config)
    : threads_(threads), dispatcher_(dispatcher), quotas_(quotas), config_(config), budget_(config.queued_max_request_bytes), connections_(threads.size()) {}

SocketServer::~SocketServer() = default;

Status SocketServer::bind(const std::vector<ListenerConfig>& listeners) {
  for (const auto& config : listeners) {
    auto endpoint = resolve(threads_.context(0), config);
    if (!endpoint) return endpoint.error();
    auto listener = std::make_unique<Listener>(Listener{config, tcp::acceptor(threads_.context(0))});
    boost::system::error_code error;
    auto& acceptor = listener->acceptor;
    acceptor.open(endpoint->protocol(), error);
    if (error && config.host.empty()) {  // no IPv6 on this machine
      *endpoint = tcp::endpoint(tcp::v4(), config.port);
      acceptor.open(endpoint->protocol(), error);
    }
    if (!error && endpoint->protocol() == tcp::v6() && config.host.empty()) {
      boost::system::error_code ignored;  // without dual stack IPv6 alone still serves
      acceptor.set_option(boost::asio::ip::v6_only(false), ignored);
    }
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(*endpoint, error);
    if (!error) acceptor.listen(config_.backlog, error);
    if (error)
      return Error(ErrorCode::unknown_server_error, "cannot listen on " + config.name + "://" + config.host + ":" + std::to_string(config.port) + ": " +
                                                        error.message() + "; change `listeners` or stop what holds the port");
    listener->config.port = acceptor.local_endpoint(error).port();
    listeners_.push_back(std::move(listener));
  }
  return {};
}

std::uint16_t SocketServer::port(std::string_view listener) const {
  for (const auto& l : listeners_)
    if (l->config.name == listener) return l->config.port;
  return 0;
}

void SocketServer::start_accepting() {
  for (auto& listener : listeners_)
    boost::asio::co_spawn(threads_.context(0), accept_loop(*listener), boost::asio::detached);  // ends when stop() closes the acceptor
  if (config_.max_idle.count() > 0)
    for (std::size_t i = 0; i < threads_.size(); ++i)
      boost::asio::co_spawn(threads_.context(i), expire_idle(i), boost::asio::detached);  // ends with `stopping_`
}

Awaitable<void> SocketServer::accept_loop(Listener& listener) {
  boost::asio::steady_timer pause(threads_.context(0));
  while (!stopping_) {
    boost::system::error_code error;
    while (quotas_.full() && !stopping_) {  // max.connections: clients wait in the backlog
      pause.expires_after(std::chrono::milliseconds(20));
      co_await pause.async_wait(redirect_error(use_awaitable, error));
    }
    const std::size_t thread = next_thread_.fetch_add(1, std::memory_order_relaxed) % threads_.size();
    auto socket = co_await listener.acceptor.async_accept(threads_.context(thread), redirect_error(use_awaitable, error));
    if (stopping_) co_return;
    if (error) {
      MOLDAU_LOG(network, warn, "accept on listener {} failed: {}", listener.config.name, error.message());
      pause.expires_after(std::chrono::milliseconds(20));  // out of descriptors: give others the time to close some
      co_await pause.async_wait(redirect_error(use_awaitable, error));
      continue;
    }
    const auto remote = socket.remote_endpoint(error);
    if (error) continue;  // gone already
    auto address = address_text(remote.address());
    if (!quotas_.admit(address)) {
      MOLDAU_LOG(network, info, "rejected a connection from {}: max.connections.per.ip is reached", address);
      boost::system::error_code ignored;  // it is closed in any case
      socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
      continue;
    }
    adopt(listener.config, std::move(socket), thread, std::move(address));
  }
}

void SocketServer::adopt(const ListenerConfig& listener, tcp::socket socket, std::size_t thread, std::string address) {
  boost::system::error_code ignored;  // an unknown port is shown as 0
  ConnectionInfo info;
  info.listener = listener.name;
  info.security_protocol = listener.security_protocol;
  info.peer_port = socket.remote_endpoint(ignored).port();
  info.local_host = address_text(socket.local_endpoint(ignored).address());
  info.local_port = socket.local_endpoint(ignored).port();
  info.peer_host = std::move(address);
  open_.fetch_add(1, std::memory_order_relaxed);
  auto connection = std::make_shared<Connection>(std::make_unique<PlainTransport>(std::move(socket)), std::move(info), dispatcher_, budget_, config_.limits,
                                                 threads_.context(thread).get_executor());
  boost::asio::post(threads_.context(thread), [this, thread, connection] {
    connections_[thread].insert(connection);
    boost::asio::co_spawn(threads_.context(thread), connection->run(), [this, thread, connection](const std::exception_ptr&) {
      connections_[thread].erase(connection);
      quotas_.release(connection->info().peer_host);
      open_.fetch_sub(1, std::memory_order_relaxed);
    });
  });
}

Awaitable<void> SocketServer::expire_idle(std::size_t thread) {
  boost::asio::steady_timer timer(threads_.context(thread));
  const auto period = std::clamp<std::chrono::milliseconds>(config_.max_idle / 8, std::chrono::milliseconds(50), std::chrono::milliseconds(5000));
  while (!stopping_) {
    boost::system::error_code error;
    timer.expires_after(period);
    co_await timer.async_wait(redirect_error(use_awaitable, error));
    const auto limit = std::chrono::steady_clock::now() - config_.max_idle;
    for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_[thread].begin(), connections_[thread].end()))
      if (connection->idle_since(limit)) connection->close();
  }
}

void SocketServer::stop(std::chrono::milliseconds grace, const std::function<void()>& end_waits) {
  stopping_ = true;
  for (auto& listener : listeners_)
    boost::asio::post(threads_.context(0), [&listener] {
      boost::system::error_code ignored;  // closing is all that is wanted
      listener->acceptor.close(ignored);
    });
  const auto each = [this](auto action) {
    for (std::size_t i = 0; i < threads_.size(); ++i)
      boost::asio::post(threads_.context(i), [this, i, action] {
        for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_[i].begin(), connections_[i].end())) action(*connection);
      });
  };
  each([](Connection& c) { c.finish(); });
  end_waits();
  const auto wait_until = [this](std::chrono::steady_clock::time_point deadline) {
    while (open_.load() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  wait_until(std::chrono::steady_clock::now() + grace);
  each([](Connection& c) { c.close(); });
  wait_until(std::chrono::steady_clock::now() + std::chrono::seconds(2));
}

}  // namespace moldau::server
