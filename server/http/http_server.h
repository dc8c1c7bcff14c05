// HttpServer: a small HTTP/1.1 server on http.listeners for metrics and health (Boost.Beast). Runs on the blocking pool, away from the I/O threads.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/error.h"

namespace moldau::server {

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// Answers a GET for one path. Runs on a pool thread; may block for milliseconds.
using HttpHandler = std::function<HttpReply()>;

class HttpServer {
 public:
  explicit HttpServer(Executor executor) : executor_(std::move(executor)) {}
  ~HttpServer();

  /// REQUIRES: before listen().
  void route(std::string path, HttpHandler handler) { routes_[std::move(path)] = std::move(handler); }
  /// Binds and serves. Error: address in use and its kin, with the reason.
  Status listen(const std::string& host, std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Closes the listening socket and waits until no request is served any more. Blocking.
  void stop();

 private:
  struct State;
  static Awaitable<void> accept_loop(std::shared_ptr<State> state);
  static Awaitable<void> session(std::shared_ptr<State> state, boost::asio::ip::tcp::socket socket);

  Executor executor_;
  std::map<std::string, HttpHandler, std::less<>> routes_;
  std::shared_ptr<State> state_;
  std::uint16_t port_ = 0;
};

}  // namespace moldau::server
