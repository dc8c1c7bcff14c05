#include "protocol/base/error.h"

#include <stdexcept>

namespace moldau {

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::runtime_error(std::string(to_string(error.code)) + ": " + error.message + " (" + where.to_string() + ")");
}

}  // namespace moldau
