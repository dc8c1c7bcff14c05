#include "server/http/http_server.h"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <optional>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/base/task_group.h"
#include "protocol/base/timer.h"

namespace moldau::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using tcp = boost::asio::ip::tcp;

constexpr std::uint64_t kMaxBody = 64 * 1024;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr Millis kStopWait{1000};
constexpr Millis kRefusedLinger{1000};
constexpr std::size_t kMaxUnread = 256 * 1024;

bool is_loopback(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).is_loopback();
  return address.is_loopback();
}

/// The status for what could not be read as a request; nothing for a connection that ended or broke.
std::optional<http::status> refusal_of(const boost::system::error_code& error) {
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (error.category() != http::make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  return http::status::bad_request;
}

/// Answers, then reads on for a while: closing over unread bytes would reset the connection and take the answer away.
Awaitable<void> refuse(boost::beast::tcp_stream& stream, http::status status) {
  http::response<http::string_body> response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.keep_alive(false);
  response.body() = std::string(http::obsolete_reason(status)) + "\n";
  response.prepare_payload();
  boost::system::error_code error;
  co_await http::async_write(stream, response, redirect_error(use_awaitable, error));
  if (error) co_return;
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 4096> rest{};
  stream.expires_after(kRefusedLinger);
  for (std::size_t left = kMaxUnread; !error && left > 0;) {
    const auto n = co_await stream.async_read_some(boost::asio::buffer(rest), redirect_error(use_awaitable, error));
    left -= std::min(left, n);
  }
}

}  // namespace

HttpRemoteAccess parse_http_remote_access(std::string_view text) {
  return text == "none" ? HttpRemoteAccess::none : text == "all" ? HttpRemoteAccess::all : HttpRemoteAccess::metrics;
}

/// Shared by the server and its sessions.
struct HttpServer::State {
  struct Session {
    boost::beast::tcp_stream* stream = nullptr;
    std::optional<SteadyTime> waits_since;  ///< For its client's next request.
  };
  using Sessions = std::list<Session>;
  /// A session's place, for as long as its coroutine's frame lives.
  class Place {
   public:
    Place(Sessions& all, boost::beast::tcp_stream& stream) : all_(all), at_(all.insert(all.end(), Session{&stream, std::nullopt})) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { all_.erase(at_); }
    Session& operator*() const noexcept { return *at_; }

   private:
    Sessions& all_;
    Sessions::iterator at_;
  };

  State(Executor e, const Routes& r, HttpRemoteAccess a, HttpLimits l) : executor(e), acceptor(e), routes(r), remote(a), limits(l) {}
  /// False: all sessions are at work.
  bool make_room();

  Executor executor;
  tcp::acceptor acceptor;
  const Routes& routes;
  const HttpRemoteAccess remote;
  const HttpLimits limits;
  Sessions sessions;  ///< On the strand.
  std::atomic<bool> stopping{false};
  TaskGroup tasks{"http", LogCategory::http};  ///< Accepting, and one a session.
};

bool HttpServer::State::make_room() {
  if (sessions.size() < limits.sessions) return true;
  Session* longest = nullptr;
  for (auto& s : sessions)
    if (s.waits_since && (longest == nullptr || *s.waits_since < *longest->waits_since)) longest = &s;
  if (longest == nullptr) return false;
  longest->waits_since.reset();
  longest->stream->close();  // its wait ends, and it with that
  return true;
}

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
  auto state = std::make_shared<State>(boost::asio::make_strand(executor_), routes_, remote_, limits_);
  auto& acceptor = state->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(32, error);
  if (error) return failed(error);
  port_ = acceptor.local_endpoint(error).port();
  state_ = state;
  state->tasks.spawn(state->executor, [state] { return accept_loop(state); }, OnCancel::interrupt, OnException::restart);
  return {};
}

Awaitable<void> HttpServer::accept_loop(std::shared_ptr<State> state) {
  while (!state->stopping) {
    boost::system::error_code error;
    auto socket = co_await state->acceptor.async_accept(redirect_error(use_awaitable, error));
    if (error || state->stopping) {
      if (error == boost::asio::error::operation_aborted || state->stopping) co_return;
      Timer pause(state->executor, kAcceptPause);  // out of descriptors: others close some meanwhile
      co_await pause.async_wait(redirect_error(use_awaitable, error));
      continue;
    }
    if (!state->make_room()) continue;  // closed by its destructor
    state->tasks.spawn(state->executor, session(state, std::move(socket)), OnCancel::interrupt);
  }
}

HttpReply HttpServer::answer(const State& state, std::string_view target, std::optional<HttpUse> use, bool local) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const auto path = target.substr(0, target.find('?'));
  const auto route = state.routes.find(path);
  const bool open = route != state.routes.end() && route->second.audience == HttpAudience::everyone;
  if (!local && state.remote != HttpRemoteAccess::all && !(open && state.remote == HttpRemoteAccess::metrics))
    return {403, std::string(kText), "only for clients of this machine; http.remote.access=all opens it\n"};
  if (route == state.routes.end()) return {404, std::string(kText), "not found\n"};
  if (use != route->second.use) return {405, std::string(kText), route->second.use == HttpUse::reads ? "only GET\n" : "only POST, and not from a web page\n"};
  try {
    return route->second.handler();
  } catch (const std::exception& e) {
    MOLDAU_LOG(http, err, "{} failed: {}", log_text(path), e.what());
    return {500, std::string(kText), "internal error\n"};
  }
}

Awaitable<void> HttpServer::session(std::shared_ptr<State> state, tcp::socket socket) {
  boost::system::error_code unknown;  // an address that can't be told is not local
  const bool local = is_loopback(socket.remote_endpoint(unknown).address());
  boost::beast::tcp_stream stream(std::move(socket));
  const State::Place place(state->sessions, stream);
  boost::beast::flat_buffer buffer;
  auto limit = state->limits.first_request;
  while (!state->stopping) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    stream.expires_after(limit);
    limit = state->limits.request;
    boost::system::error_code error;
    (*place).waits_since = TimerClock::now();
    co_await http::async_read(stream, buffer, parser, redirect_error(use_awaitable, error));
    if (!(*place).waits_since) co_return;
    if (const auto refusal = refusal_of(error)) {
      stream.expires_after(limit);
      co_await refuse(stream, *refusal);
      co_return;
    }
    if (error) co_return;
    (*place).waits_since.reset();
    const auto& request = parser.get();
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    const bool acts = request.method() == http::verb::post && request.find(http::field::origin) == request.end();
    const auto use = reads ? std::optional(HttpUse::reads) : acts ? std::optional(HttpUse::acts) : std::nullopt;
    auto reply = answer(*state, {request.target().data(), request.target().size()}, use, local);
    http::response<http::string_body> response(static_cast<http::status>(reply.status), request.version());
    response.set(http::field::content_type, reply.content_type);
    response.keep_alive(request.keep_alive());
    if (request.method() == http::verb::head) {
      response.content_length(reply.body.size());
    } else {
      response.body() = std::move(reply.body);
      response.prepare_payload();
    }
    stream.expires_after(limit);
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
  state_->tasks.cancel();
  if (!state_->tasks.join_blocking(kStopWait)) MOLDAU_LOG(http, warn, "{} requests do not end; stopping all the same", state_->tasks.running());
  state_.reset();
}

}  // namespace moldau::server
