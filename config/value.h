// A parsed value of a configuration key, and the way from and to Kafka's text: Kafka 3.9 ConfigDef.parseType, validators, convertToString.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "config/password.h"
#include "config/property_table.h"

namespace moldau::config {

/// Thrown inside config/ only; its public functions return the text.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// monostate is Kafka's null; whole numbers of any width are int64.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// Parses and checks the text for a key; name is what messages call it (a listener override has its own).
/// Throws ConfigError: `Invalid value X for configuration KEY: ...`.
Value parse_value(const PropertyDef& def, std::string_view text, std::string_view name);
inline Value parse_value(const PropertyDef& def, std::string_view text) { return parse_value(def, text, def.name); }

/// The row's default.
Value default_value(const PropertyDef& def);

/// Kafka's text of a value; nullopt for null.
std::optional<std::string> to_text(const Value& value);

/// As Java prints a double: 0.5, 1.0E10.
std::string java_double(double value);

/// Comma separated, blanks around elements removed, empty elements kept as Kafka keeps them; empty text is an empty list.
std::vector<std::string> split_list(std::string_view text);
std::string join_list(const std::vector<std::string>& list);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

template <class T>
void assign_value(T& to, const Value& value) {
  if constexpr (std::is_same_v<T, bool>) {
    to = std::get<bool>(value);
  } else if constexpr (std::is_integral_v<T>) {
    to = static_cast<T>(std::get<std::int64_t>(value));
  } else if constexpr (std::is_same_v<T, double>) {
    to = std::get<double>(value);
  } else if constexpr (std::is_same_v<T, Password>) {
    to = Password(std::get<std::string>(value));
  } else {
    to = std::get<T>(value);
  }
}

template <class T>
void assign_value(std::optional<T>& to, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    to.reset();
  } else {
    T inner{};
    assign_value(inner, value);
    to = std::move(inner);
  }
}

template <class T>
Value read_value(const T& from) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double>) {
    return from;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(from);
  } else if constexpr (std::is_same_v<T, Password>) {
    return from.reveal();
  } else {
    return from;
  }
}

template <class T>
Value read_value(const std::optional<T>& from) {
  return from ? read_value(*from) : Value{};
}

}  // namespace moldau::config
