// What can go wrong in operation is a value: Result<T> carries Kafka's error code and a message for the log.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <utility>

#include "protocol/base/error_code.h"

namespace moldau {

/// A Kafka error code with a text for the log (and for those answers that carry one).
struct Error {
  ErrorCode code = ErrorCode::unknown_server_error;
  std::string message;

  Error() = default;
  explicit Error(ErrorCode c, std::string m = {}) : code(c), message(std::move(m)) {}
};

/// Found by argument-dependent lookup when value() of a failed Result is taken: throws std::runtime_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Error>;

using Status = Result<void>;

}  // namespace moldau
