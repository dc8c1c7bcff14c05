// ApiRow: one line of the handler table, and the code around each handler that is the same for all: decode, fence, encode.
#pragma once

#include <cstdint>
#include <exception>

#include "protocol/base/async.h"
#include "protocol/base/log.h"
#include "protocol/wire/api_keys.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"
#include "server/handlers/request_context.h"

namespace moldau::server {

/// What became of a request.
enum class ServeOutcome { answered, malformed };

/// One API: what it accepts, and how it is served. `encode` writes the body (behind the header that the dispatcher writes).
struct ApiRow {
  protocol::ApiKey key;
  std::int16_t min_version;
  std::int16_t max_version;
  bool overlaps;     ///< May begin while earlier requests of the same kind wait (Produce).
  Awaitable<ServeOutcome> (*serve)(RequestContext& ctx, protocol::Reader& body, protocol::ByteBuffer& out, std::vector<protocol::Writer::Splice>& splices);
};

/// Room for the frame's length and the response header in front of each answer.
inline constexpr std::size_t kMaxResponseHeader = 4 + 4 + 1;

/// Writes length and header of an answer of `body` bytes (those outside the buffer included).
void write_response_header(protocol::Writer& writer, const RequestContext& ctx, protocol::ApiKey key, std::size_t body);

/// Logs an exception that escaped a handler: the fence around handlers.
void log_handler_exception(const RequestContext& ctx, protocol::ApiKey key, const std::exception& e);

namespace detail {

template <class Handler>
struct HandlerTraits;
template <class Res, class Req>
struct HandlerTraits<Awaitable<Res> (*)(RequestContext&, const Req&)> {
  using Request = Req;
  using Response = Res;
};

/// Writes the whole frame; false when a text did not fit its length field and nothing may be sent.
template <class Response>
bool encode_answer(const RequestContext& ctx, const Response& response, protocol::ByteBuffer& out, std::vector<protocol::Writer::Splice>& splices) {
  protocol::Sizer size;
  response.measure(size, ctx.api_version);
  out.clear();
  out.reserve(kMaxResponseHeader + size.bytes);
  protocol::Writer writer(out);
  write_response_header(writer, ctx, Response::kApiKey, size.total());
  response.encode(writer, ctx.api_version);
  splices = writer.take_splices();
  return writer.ok();
}

template <auto Handler>
Awaitable<ServeOutcome> serve(RequestContext& ctx, protocol::Reader& body, protocol::ByteBuffer& out, std::vector<protocol::Writer::Splice>& splices) {
  using Request = typename HandlerTraits<decltype(Handler)>::Request;
  using Response = typename HandlerTraits<decltype(Handler)>::Response;
  Request request;
  if (!request.decode(body, ctx.api_version, ctx.arena())) co_return ServeOutcome::malformed;
  Response response;
  try {
    response = co_await Handler(ctx, request);
  } catch (const std::exception& e) {
    log_handler_exception(ctx, Request::kApiKey, e);
    response = error_response(request, ErrorCode::unknown_server_error, ctx.arena());
  }
  if (!ctx.sends_response()) co_return ServeOutcome::answered;
  if (encode_answer(ctx, response, out, splices)) co_return ServeOutcome::answered;
  // A text of the answer is too long for its field (it quotes what the client sent): the bare error goes out.
  response = error_response(request, ErrorCode::invalid_request, ctx.arena());
  co_return encode_answer(ctx, response, out, splices) ? ServeOutcome::answered : ServeOutcome::malformed;
}

}  // namespace detail

/// A row for a handler; the versions are those of the schema unless narrowed.
template <auto Handler>
constexpr ApiRow row(std::int16_t min_version = -1, std::int16_t max_version = -1) {
  using Request = typename detail::HandlerTraits<decltype(Handler)>::Request;
  return ApiRow{Request::kApiKey,
                min_version < 0 ? Request::kMinVersion : min_version,
                max_version < 0 ? Request::kMaxVersion : max_version,
                false,
                &detail::serve<Handler>};
}

template <auto Handler>
constexpr ApiRow overlapping_row() {
  ApiRow made = row<Handler>();
  made.overlaps = true;
  return made;
}

}  // namespace moldau::server
