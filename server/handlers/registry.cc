#include "server/handlers/registry.h"

#include <array>

#include "protocol/messages/api_versions.h"
#include "server/handlers/handlers.h"

namespace moldau::server {
namespace {

constexpr std::array kRows = {
    row<handle_api_versions>(),
};

constexpr std::size_t kKeys = 128;

/// Key to row; null where there is none.
constexpr std::array<const ApiRow*, kKeys> kByKey = [] {
  std::array<const ApiRow*, kKeys> table{};
  for (const auto& r : kRows) table[static_cast<std::size_t>(r.key)] = &r;
  return table;
}();

}  // namespace

std::span<const ApiRow> api_rows() { return kRows; }

const ApiRow* find_row(std::int16_t api_key) noexcept {
  return api_key >= 0 && static_cast<std::size_t>(api_key) < kKeys ? kByKey[static_cast<std::size_t>(api_key)] : nullptr;
}

}  // namespace moldau::server
