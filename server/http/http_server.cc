#include "server/http/http_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

#include "protocol/base/log.h"

namespace moldau::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using tcp = boost::asio::ip::tcp;

constexpr std::chrono::seconds kRequestTimeout{30};
constexpr std::uint64_t kMaxBody = 64 * 1024;
constexpr std::size_t kMaxSessions = 64;

}  // namespace

/// Shared by the server and its sessions.
struct HttpServer::State {
  State(Executor e, const std::map<std::string, HttpHandler, std::less<>>& r) : executor(e), acceptor(e), routes(r) {}
  Executor executor;
  tcp::acceptor acceptor;
  const std::map<std::string, HttpHandler, std::less<>>& routes;
  std::atomic<std::size_t> running{0};
  std::atomic<bool> stopping{false};
};

HttpServer::~HttpServer() { stop(); }

Status HttpServer::listen(const std::string& host, std::uint16_t port) {
  const auto failed = [&](const boost::system::error_code& error) {
    return Error(ErrorCode::unknown_server_error, "http.listeners: cannot listen on " + host + ":" + std::to_string(port) + ": " + error.message());
  };
  boost::system::error_code error;
  tcp::resolver resolver(executor_);
  const auto found = resolver.resolve(host.empty() ? "0.0.0.0" : host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) return failed(error);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  auto state = std::make_shared<State>(boost::asio::make_strand(executor_), routes_);
  auto& acceptor = state->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(32, error);
  if (error) return failed(error);
  port_ = acceptor.local_endpoint(error).port();
  state_ = state;
  ++state->running;
  boost::asio::co_spawn(state->executor, accept_loop(state), [state](const std::exception_ptr&) { --state->running; });
  return {};
}

Awaitable<void> HttpServer::accept_loop(std::shared_ptr<State> state) {
  while (!state->stopping) {
    boost::system::error_code error;
    auto socket = co_await state->acceptor.async_accept(redirect_error(use_awaitable, error));
    if (error || state->stopping) {
      if (error == boost::asio::error::operation_aborted || state->stopping) co_return;
      continue;
    }
    if (state->running > kMaxSessions) continue;  // closed by its destructor
    ++state->running;
    boost::asio::co_spawn(state->executor, session(state, std::move(socket)), [state](const std::exception_ptr&) { --state->running; });
  }
}

Awaitable<void> HttpServer::session(std::shared_ptr<State> state, tcp::socket socket) {
  boost::beast::tcp_stream stream(std::move(socket));
  boost::beast::flat_buffer buffer;
  while (!state->stopping) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    stream.expires_after(kRequestTimeout);
    boost::system::error_code error;
    co_await http::async_read(stream, buffer, parser, redirect_error(use_awaitable, error));
    if (error) co_return;
    const auto& request = parser.get();
    HttpReply reply;
    auto target = std::string_view(request.target().data(), request.target().size());
    target = target.substr(0, target.find('?'));
    const auto route = state->routes.find(target);
    if (route == state->routes.end()) {
      reply = {404, "text/plain; charset=utf-8", "not found\n"};
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
      reply = {405, "text/plain; charset=utf-8", "only GET\n"};
    } else {
      try {
        reply = route->second();
      } catch (const std::exception& e) {
        MOLDAU_LOG(http, err, "{} failed: {}", target, e.what());
        reply = {500, "text/plain; charset=utf-8", "internal error\n"};
      }
    }
    http::response<http::string_body> response(static_cast<http::status>(reply.status), request.version());
    response.set(http::field::content_type, reply.content_type);
    response.keep_alive(request.keep_alive());
    response.body() = request.method() == http::verb::head ? std::string() : std::move(reply.body);
    response.prepare_payload();
    stream.expires_after(kRequestTimeout);
    co_await http::async_write(stream, response, redirect_error(use_awaitable, error));
    if (error || !response.keep_alive()) co_return;
  }
}

void HttpServer::stop() {
  if (!state_) return;
  state_->stopping = true;
  boost::asio::post(state_->executor, [state = state_] {
    boost::system::error_code ignored;  // closing is all that is wanted
    state->acceptor.close(ignored);
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (state_->running > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  state_.reset();
}

}  // namespace moldau::server
