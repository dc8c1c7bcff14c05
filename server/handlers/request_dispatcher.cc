#include "server/handlers/request_dispatcher.h"

#include <chrono>

#include <fmt/format.h>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/messages/api_versions.h"
#include "server/handlers/request_metrics.h"
#include "server/network/peer_log.h"

namespace moldau::server {
namespace {

using protocol::ApiKey;

constexpr std::size_t kKeyAndVersion = 4;

/// The header as far as every version has it.
struct Header {
  std::int16_t key = 0;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id;
};

/// Reads a request header of version 1 or 2 (ControlledShutdown v0: version 0).
bool read_header(protocol::Reader& reader, Header& header) {
  header.key = reader.integer<std::int16_t>();
  header.version = reader.integer<std::int16_t>();
  header.correlation_id = reader.integer<std::int32_t>();
  const auto header_version = protocol::api_info(static_cast<ApiKey>(header.key)).request_header_version(header.version);
  if (header_version >= 1) {
    std::optional<std::string_view> client_id;
    reader.read(client_id, false, true);  // the client id keeps its old form in the flexible header
    header.client_id = client_id.value_or(std::string_view());
  }
  if (header_version >= 2) reader.skip_tags();
  return reader.ok();
}

bool answers_unknown_version(std::int16_t key) { return key == static_cast<std::int16_t>(ApiKey::api_versions); }

/// KIP-511: an ApiVersions request of a version we don't know is answered in version 0, with the range that we know.
Response unsupported_api_versions(const RequestContext& ctx, const ApiRow& row) {
  Arena arena;
  protocol::ApiVersionsResponse answer;
  answer.error_code = ErrorCode::unsupported_version;
  auto& known = answer.api_keys.add(arena);
  known.api_key = static_cast<std::int16_t>(row.key);
  known.min_version = row.min_version;
  known.max_version = row.max_version;
  protocol::Sizer size;
  answer.measure(size, 0);
  Response response;
  protocol::Writer writer(response.buffer);
  write_response_header(writer, ctx, row.key, size.total());
  answer.encode(writer, 0);
  return response;
}

std::size_t read_file(const void* file, std::uint64_t position, MutableBytes out) {
  const auto got = static_cast<const storage::File*>(file)->read_at(position, out);
  return got ? *got : 0;
}

/// Turns the places that the writer noted into file ranges for the network.
void attach_payloads(RequestContext& ctx, const std::vector<protocol::Writer::Splice>& noted, Response& response) {
  response.splices.reserve(noted.size());
  for (const auto& splice : noted) {
    auto& slice = ctx.payloads()[splice.index];
    Splice made;
    made.at = splice.position;
    made.range.descriptor = slice.file->descriptor();
    made.range.position = slice.position;
    made.range.size = slice.size;
    made.range.read = read_file;
    made.range.owner = std::move(slice.file);
    response.splices.push_back(std::move(made));
  }
}

}  // namespace

void write_response_header(protocol::Writer& writer, const RequestContext& ctx, ApiKey key, std::size_t body) {
  const bool tagged = protocol::api_info(key).response_header_version(ctx.api_version) >= 1;
  writer.write(static_cast<std::int32_t>(sizeof(std::int32_t) + (tagged ? 1 : 0) + body));
  writer.write(ctx.correlation_id);
  if (tagged) writer.uvarint(0);
}

void log_handler_exception(const RequestContext& ctx, ApiKey key, const std::exception& e) {
  MOLDAU_LOG(request, err, "unexpected error while handling {} v{} of client '{}': {}", protocol::to_string(key), ctx.api_version, log_text(ctx.client_id), e.what());
}

FrameKind RequestDispatcher::classify(Bytes frame, const ConnectionInfo& connection) {
  if (frame.size() < kKeyAndVersion + sizeof(std::int32_t)) {
    log_closing(connection, fmt::format("a frame of {} bytes is too short for a request", frame.size()));
    return FrameKind::refused;
  }
  const auto key = load_be<std::int16_t>(frame.data());
  const auto version = load_be<std::int16_t>(frame.data() + sizeof(key));
  const ApiRow* row = find_row(key);
  if (row == nullptr || ((version < row->min_version || version > row->max_version) && !answers_unknown_version(key))) {
    log_closing(connection, fmt::format("a request of api key {} version {}, which is not served", key, version));
    return FrameKind::refused;
  }
  return row->overlaps ? FrameKind::overlapping : FrameKind::ordinary;
}

Awaitable<Response> RequestDispatcher::handle(Bytes frame, ConnectionInfo& connection, Exchange& exchange) {
  Response response;
  const auto started = std::chrono::steady_clock::now();
  protocol::Reader reader(frame);
  Header header;
  RequestContext ctx(services_, connection);
  ctx.api_version = load_be<std::int16_t>(frame.data() + sizeof(std::int16_t));
  const ApiRow& row = *find_row(load_be<std::int16_t>(frame.data()));
  if (ctx.api_version > row.max_version || ctx.api_version < row.min_version) {
    ctx.correlation_id = load_be<std::int32_t>(frame.data() + kKeyAndVersion);
    co_return unsupported_api_versions(ctx, row);
  }
  auto outcome = ServeOutcome::malformed;
  std::vector<protocol::Writer::Splice> noted;
  if (read_header(reader, header)) {
    ctx.correlation_id = header.correlation_id;
    ctx.client_id = header.client_id;
    ctx.set_exchange(exchange);
    outcome = co_await row.serve(ctx, reader, response.buffer, noted);
  }
  if (outcome == ServeOutcome::malformed) {
    log_closing(connection, fmt::format("a malformed {} v{} request: {}", protocol::to_string(row.key), ctx.api_version,
                                        reader.error() == nullptr ? "bad header" : reader.error()));
    response.send = false;
    response.close = true;
    co_return response;
  }
  if (!noted.empty()) attach_payloads(ctx, noted, response);
  response.send = ctx.sends_response();
  response.close = ctx.closes_connection();
  count_request(row, ctx.api_version, frame.size(), std::chrono::steady_clock::now() - started);
  MOLDAU_LOG(request, debug, "{} v{} of '{}' ({}:{}) took {} us", protocol::to_string(row.key), ctx.api_version, log_text(ctx.client_id), connection.peer_host,
             connection.peer_port, std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started).count());
  co_return response;
}

}  // namespace moldau::server
