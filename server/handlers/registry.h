// The table of APIs that this broker serves. ApiVersions advertises exactly its rows.
#pragma once

#include <cstdint>
#include <span>

#include "server/handlers/api_row.h"

namespace moldau::server {

/// All rows in the order of their keys.
std::span<const ApiRow> api_rows();
/// The row of a key, or null when it is not served.
const ApiRow* find_row(std::int16_t api_key) noexcept;

}  // namespace moldau::server
