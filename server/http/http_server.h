// HttpServer: a small HTTP/1.1 server on http.listeners for metrics and health (Boost.Beast). Runs on the blocking pool, away from the I/O threads.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/async.h"
#include "protocol/base/error.h"

namespace moldau::server {

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// Whom a path is for.
enum class HttpAudience : std::uint8_t {
  this_machine,  ///< Loopback, unless http.remote.access is all.
  everyone,      ///< Metrics and health: others too, unless http.remote.access is none.
};

/// What a request to a path does.
enum class HttpUse : std::uint8_t {
  reads,  ///< GET
  acts,   ///< POST, and not from a web page (no Origin): it changes something.
};

/// http.remote.access: what the port serves to others than this machine's loopback.
enum class HttpRemoteAccess : std::uint8_t { none, metrics, all };
/// REQUIRES: one of the row's values.
HttpRemoteAccess parse_http_remote_access(std::string_view text);

/// What clients may take up. Beyond `sessions` a new one closes the one that has waited longest for a request, so that nobody who only connects keeps /healthz from
/// others.
struct HttpLimits {
  std::size_t sessions = 64;
  std::chrono::milliseconds first_request{5'000};  ///< From connecting to the end of the first request.
  std::chrono::milliseconds request{30'000};       ///< For each later one, and for each answer.
};

/// Answers a request for one path. Runs on a pool thread; may block for milliseconds.
using HttpHandler = std::function<HttpReply()>;

class HttpServer {
 public:
  explicit HttpServer(Executor executor, HttpRemoteAccess remote = HttpRemoteAccess::metrics, HttpLimits limits = {})
      : executor_(std::move(executor)), remote_(remote), limits_(limits) {}
  ~HttpServer();

  /// REQUIRES: before listen().
  void route(std::string path, HttpAudience audience, HttpHandler handler, HttpUse use = HttpUse::reads) {
    routes_[std::move(path)] = {audience, use, std::move(handler)};
  }
  /// Binds and serves. Error: address in use and its kin, with the reason.
  Status listen(const std::string& host, std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Closes the listening socket and waits until no request is served any more. Blocking.
  void stop();

 private:
  struct Route {
    HttpAudience audience = HttpAudience::this_machine;
    HttpUse use = HttpUse::reads;
    HttpHandler handler;
  };
  using Routes = std::map<std::string, Route, std::less<>>;
  struct State;
  /// `use`: what the request may be for; nothing: another method.
  static HttpReply answer(const State& state, std::string_view target, std::optional<HttpUse> use, bool local);
  static Awaitable<void> accept_loop(std::shared_ptr<State> state);
  static Awaitable<void> session(std::shared_ptr<State> state, boost::asio::ip::tcp::socket socket);

  Executor executor_;
  HttpRemoteAccess remote_;
  HttpLimits limits_;
  Routes routes_;
  std::shared_ptr<State> state_;
  std::uint16_t port_ = 0;
};

}  // namespace moldau::server
