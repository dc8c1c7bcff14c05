// Request and response headers, and whole frames around a body.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/base/error.h"
#include "protocol/wire/api_keys.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

namespace moldau::protocol {

/// What stands in front of a request's body.
struct RequestHead {
  const ApiInfo* api = nullptr;  ///< Null: no API of this number; nothing behind the correlation id was read.
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;  ///< May be one that the schema does not have.
  std::int32_t correlation_id = 0;
  std::optional<std::string_view> client_id;  ///< Borrows from the frame.
};

/// Reads a header of the version that the API's version asks for; the reader then stands at the body.
/// Errors: INVALID_REQUEST for a malformed header.
Result<RequestHead> decode_request_header(Reader& r);
/// Writes the header of a request that we send. REQUIRES: head.api.
void encode_request_header(Writer& w, const RequestHead& head);
void encode_response_header(Writer& w, const ApiInfo& api, std::int16_t version, std::int32_t correlation_id);
/// Reads an answer's header; returns the correlation id. Errors: INVALID_REQUEST.
Result<std::int32_t> decode_response_header(Reader& r, const ApiInfo& api, std::int16_t version);

[[nodiscard]] std::size_t response_header_size(const ApiInfo& api, std::int16_t version) noexcept;
[[nodiscard]] std::size_t request_header_size(const RequestHead& head) noexcept;

/// Appends a whole answer: size, header, body. The size counts payloads outside as well.
template <class Response>
void encode_response_frame(Writer& w, std::int16_t version, std::int32_t correlation_id, const Response& body) {
  const ApiInfo& api = api_info(Response::kApiKey);
  Sizer s;
  s.fixed(response_header_size(api, version));
  body.measure(s, version);
  w.buffer().reserve(w.buffer().size() + 4 + s.bytes);
  w.write(static_cast<std::int32_t>(s.total()));
  encode_response_header(w, api, version, correlation_id);
  body.encode(w, version);
}

/// Appends a whole request: size, header, body.
template <class Request>
void encode_request_frame(Writer& w, std::int16_t version, std::int32_t correlation_id, std::optional<std::string_view> client_id, const Request& body) {
  RequestHead head;
  head.api = &api_info(Request::kApiKey);
  head.api_key = static_cast<std::int16_t>(Request::kApiKey);
  head.api_version = version;
  head.correlation_id = correlation_id;
  head.client_id = client_id;
  Sizer s;
  s.fixed(request_header_size(head));
  body.measure(s, version);
  w.buffer().reserve(w.buffer().size() + 4 + s.bytes);
  w.write(static_cast<std::int32_t>(s.total()));
  encode_request_header(w, head);
  body.encode(w, version);
}

}  // namespace moldau::protocol
