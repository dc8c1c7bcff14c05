// fmt printer of all generated messages: fmt::format("{}", request).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace moldau::protocol {

/// A generated request, response or data message.
template <class T>
concept Message = requires(const T& m) {
  { T::kName } -> std::convertible_to<const char*>;
  { T::kMaxVersion };
  { to_string(m) } -> std::same_as<std::string>;
};

}  // namespace moldau::protocol

template <moldau::protocol::Message T>
struct fmt::formatter<T> : fmt::formatter<std::string_view> {
  auto format(const T& message, fmt::format_context& ctx) const {
    return fmt::formatter<std::string_view>::format(to_string(message), ctx);
  }
};
