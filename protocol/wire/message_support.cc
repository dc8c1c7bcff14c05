#include "protocol/wire/message_support.h"

namespace moldau::protocol {

Status unsupported_version(const char* message, std::int16_t version) {
  return Error(ErrorCode::unsupported_version, std::string(message) + " has no version " + std::to_string(version));
}

Status field_not_in_version(const char* field, std::int16_t version) {
  return Error(ErrorCode::unsupported_version, std::string("version ") + std::to_string(version) + " cannot carry this value of " + field);
}

Status malformed(const Reader& r, const char* message, std::int16_t version) {
  return Error(ErrorCode::invalid_request,
               std::string("malformed ") + message + " version " + std::to_string(version) + ": " + (r.error() != nullptr ? r.error() : "unknown"));
}

}  // namespace moldau::protocol
