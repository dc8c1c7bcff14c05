#include "protocol/wire/headers.h"

#include "protocol/wire/message_support.h"

namespace moldau::protocol {

namespace {
Error bad_header(const Reader& r) { return Error(ErrorCode::invalid_request, std::string("malformed header: ") + r.error()); }
}  // namespace

Result<RequestHead> decode_request_header(Reader& r) {
  RequestHead head;
  r.read(head.api_key);
  r.read(head.api_version);
  r.read(head.correlation_id);
  if (!r.ok()) return bad_header(r);
  head.api = find_api(head.api_key);
  if (head.api == nullptr) return head;
  const std::int16_t version = head.api->request_header_version(head.api_version);
  // The client id keeps the old length in a flexible header, so that it can be read whatever the version.
  if (version >= 1) r.read(head.client_id, false, true);
  if (version >= 2) r.skip_tags();
  if (!r.ok()) return bad_header(r);
  return head;
}

void encode_request_header(Writer& w, const RequestHead& head) {
  w.write(head.api_key);
  w.write(head.api_version);
  w.write(head.correlation_id);
  const std::int16_t version = head.api->request_header_version(head.api_version);
  if (version >= 1) w.string(head.client_id, false, true);
  if (version >= 2) w.uvarint(0);
}

std::size_t request_header_size(const RequestHead& head) noexcept {
  const std::int16_t version = head.api->request_header_version(head.api_version);
  return 8 + (version >= 1 ? 2 + head.client_id.value_or(std::string_view{}).size() : 0) + (version >= 2 ? 1 : 0);
}

void encode_response_header(Writer& w, const ApiInfo& api, std::int16_t version, std::int32_t correlation_id) {
  w.write(correlation_id);
  if (api.response_header_version(version) >= 1) w.uvarint(0);
}

std::size_t response_header_size(const ApiInfo& api, std::int16_t version) noexcept {
  return api.response_header_version(version) >= 1 ? 5 : 4;
}

Result<std::int32_t> decode_response_header(Reader& r, const ApiInfo& api, std::int16_t version) {
  std::int32_t correlation_id = 0;
  r.read(correlation_id);
  if (api.response_header_version(version) >= 1) r.skip_tags();
  if (!r.ok()) return bad_header(r);
  return correlation_id;
}

}  // namespace moldau::protocol
