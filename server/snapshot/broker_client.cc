#include "server/snapshot/broker_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <chrono>

#include "protocol/base/async.h"

namespace moldau::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using tcp = boost::asio::ip::tcp;

constexpr std::chrono::seconds kCallTime{60};
constexpr std::uint64_t kMaxAnswer = std::uint64_t{1} << 30;

struct Exchange {
  boost::system::error_code error;
  unsigned status = 0;
  std::string body;
};

Awaitable<void> exchange(tcp::endpoint to, std::string host, bool reads, std::string path, Exchange& out) {
  boost::beast::tcp_stream stream(co_await boost::asio::this_coro::executor);
  stream.expires_after(kCallTime);
  co_await stream.async_connect(to, redirect_error(use_awaitable, out.error));
  if (out.error) co_return;
  http::request<http::empty_body> request(reads ? http::verb::get : http::verb::post, path, 11);
  request.set(http::field::host, host);
  request.keep_alive(false);
  request.prepare_payload();
  co_await http::async_write(stream, request, redirect_error(use_awaitable, out.error));
  if (out.error) co_return;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswer);
  co_await http::async_read(stream, buffer, parser, redirect_error(use_awaitable, out.error));
  if (out.error) co_return;
  out.status = parser.get().result_int();
  out.body = std::move(parser.get().body());
}

}  // namespace

Result<BrokerClient::Answer> BrokerClient::call(bool reads, const char* path) const {
  boost::asio::io_context context(1);
  boost::system::error_code error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host_, std::to_string(port_), error);
  Exchange out;
  if (error || found.empty()) {
    out.error = error;
  } else {
    auto done = boost::asio::co_spawn(context, exchange(found.begin()->endpoint(), host_, reads, path, out), boost::asio::use_future);
    context.run();
    done.get();
  }
  if (out.error) return Error(ErrorCode::broker_not_available, fmt::format("http://{}:{}{}: {}", host_, port_, path, out.error.message()));
  return Answer{out.status, std::move(out.body)};
}

Error BrokerClient::refused(const Answer& answer, const char* path) const {
  auto why = answer.body.substr(0, 500);
  while (!why.empty() && why.back() == '\n') why.pop_back();
  return Error(answer.status == 501 ? ErrorCode::unsupported_version : ErrorCode::broker_not_available,
               fmt::format("http://{}:{}{} answers {}: {}", host_, port_, path, answer.status, why));
}

Result<BrokerOutline> BrokerClient::outlines(SnapshotLogs which) {
  const auto* path = which == SnapshotLogs::internal ? kSnapshotInternalPath : kSnapshotDataPath;
  const auto answer = call(true, path);
  if (!answer) return answer.error();
  if (answer->status != 200) return refused(*answer, path);
  auto parsed = parse_broker_outline(answer->body);
  if (!parsed) return Error(parsed.error().code, fmt::format("http://{}:{}{}: {}", host_, port_, path, parsed.error().message));
  return parsed;
}

Result<std::string> BrokerClient::copy_metadata() {
  const auto answer = call(false, kSnapshotMetadataPath);
  if (!answer) return answer.error();
  if (answer->status != 200) return refused(*answer, kSnapshotMetadataPath);
  return answer->body;
}

}  // namespace moldau::server
