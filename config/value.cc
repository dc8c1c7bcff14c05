#include "config/value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "config/metadata_version.h"

namespace moldau::config {
namespace {

[[noreturn]] void invalid(std::string_view text, std::string_view name, const std::string& reason) {
  throw ConfigError("Invalid value " + std::string(text) + " for configuration " + std::string(name) + ": " + reason);
}

std::int64_t parse_integer(const PropertyDef& def, std::string_view text, std::string_view name) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool fits = def.type == PropertyType::int16   ? number == static_cast<std::int16_t>(number)
                    : def.type == PropertyType::int32 ? number == static_cast<std::int32_t>(number)
                                                      : true;
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || !fits)
    invalid(text, name, "Not a number of type " + std::string(type_name(def.type)));
  return number;
}

/// What Java's Double.parseDouble takes: exactly NaN and Infinity, a hexadecimal with an exponent, a type suffix; too much is infinity, too little 0.
double parse_double(std::string_view text, std::string_view name) {
  const auto refuse = [&] { invalid(text, name, "Not a number of type DOUBLE"); };
  std::string digits(text);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (digits == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (digits == "Infinity") return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (!digits.empty() && std::string_view("dDfF").find(digits.back()) != std::string_view::npos && (!hex || digits.find_first_of("pP") != std::string::npos))
    digits.pop_back();
  constexpr std::string_view kAlphabet = "0123456789abcdefABCDEFxXpP.+-";
  if (digits.empty() || digits.find_first_not_of(hex ? kAlphabet : "0123456789.eE+-") != std::string::npos) refuse();
  if (std::string_view("+-").find(digits.front()) != std::string_view::npos || (hex && digits.find_first_of("pP") == std::string::npos)) refuse();
  char* end = nullptr;
  const double number = std::strtod(digits.c_str(), &end);  // the process keeps the C locale
  if (end != digits.c_str() + digits.size()) refuse();
  return negative ? -number : number;
}

bool equal_names(std::string_view a, std::string_view b, bool ignore_case) { return ignore_case ? to_lower(a) == to_lower(b) : a == b; }

void check_number(const PropertyDef& def, double number, std::string_view text, std::string_view name) {
  if (def.also.set) {
    if (number == def.also.value) return;
    if (number < def.min.value || (def.max.set && number > def.max.value))
      invalid(text, name,
              "Value must be " +
                  (def.max.set ? "between " + std::string(def.min.text) + " and " + std::string(def.max.text) : "at least " + std::string(def.min.text)) +
                  " or equal to " + std::string(def.also.text));
    return;
  }
  if (def.min.set && number < def.min.value) invalid(text, name, "Value must be at least " + std::string(def.min.text));
  if (def.max.set && number > def.max.value) invalid(text, name, "Value must be no more than " + std::string(def.max.text));
}

void check_allowed(const PropertyDef& def, std::string_view text, std::string_view name) {
  if (def.values.empty()) return;
  for (const auto allowed : def.values)
    if (equal_names(allowed, text, def.ignore_case)) return;
  std::string all;
  for (const auto allowed : def.values) all += (all.empty() ? "" : ", ") + std::string(allowed);
  invalid(text, name, std::string("String must be one of") + (def.ignore_case ? " (case insensitive)" : "") + ": " + all);
}

bool is_throttled_replica(std::string_view text) {
  const auto colon = text.find(':');
  const auto digits = [](std::string_view s) { return !s.empty() && std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; }); };
  return colon != std::string_view::npos && digits(text.substr(0, colon)) && digits(text.substr(colon + 1));
}

void check_text(const PropertyDef& def, std::string_view text, std::string_view name) {
  check_allowed(def, text, name);
  if (def.check == Check::non_empty && text.empty()) invalid(text, name, "String must be non-empty");
  if (def.check == Check::metadata_version && !is_metadata_version(text)) invalid(text, name, "Version " + std::string(text) + " is not a valid version");
}

void check_list(const PropertyDef& def, const std::vector<std::string>& list, std::string_view text, std::string_view name) {
  for (const auto& element : list) check_allowed(def, element, name);
  if (def.check == Check::throttled_replicas && !(list.size() == 1 && list.front() == "*") && !std::all_of(list.begin(), list.end(), is_throttled_replica))
    invalid(
        "[" + std::string(text) + "]", name,
        std::string(name) + " must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...");
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> list;
  text = trim(text);
  if (text.empty()) return list;
  for (auto comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    list.emplace_back(trim(text.substr(0, comma)));
    text.remove_prefix(comma + 1);
  }
  list.emplace_back(trim(text));
  return list;
}

std::string join_list(const std::vector<std::string>& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) out += (i == 0 ? "" : ",") + list[i];
  return out;
}

Value parse_value(const PropertyDef& def, std::string_view text, std::string_view name) {
  text = trim(text);
  switch (def.type) {
    case PropertyType::boolean: {
      const auto lower = to_lower(text);
      if (lower != "true" && lower != "false") invalid(text, name, "Expected value to be either true or false");
      return lower == "true";
    }
    case PropertyType::int16:
    case PropertyType::int32:
    case PropertyType::int64: {
      const auto number = parse_integer(def, text, name);
      check_number(def, static_cast<double>(number), text, name);
      return number;
    }
    case PropertyType::real: {
      const auto number = parse_double(text, name);
      check_number(def, number, text, name);
      return number;
    }
    case PropertyType::list: {
      auto list = split_list(text);
      check_list(def, list, text, name);
      return list;
    }
    case PropertyType::string:
    case PropertyType::class_name: check_text(def, text, name); return std::string(text);
    case PropertyType::password: return std::string(text);
  }
  throw ConfigError("unknown type of " + std::string(name));
}

Value default_value(const PropertyDef& def) {
  if (!def.has_default) return std::monostate{};
  switch (def.type) {
    case PropertyType::boolean: return def.default_text == "true";
    case PropertyType::int16:
    case PropertyType::int32:
    case PropertyType::int64: return parse_integer(def, def.default_text, def.name);
    case PropertyType::real: return parse_double(def.default_text, def.name);
    case PropertyType::list: return split_list(def.default_text);
    default: return std::string(def.default_text);
  }
}

std::string java_double(double value) {
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (std::isnan(value)) return "NaN";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  const double size = std::fabs(value);
  std::array<char, 512> buffer{};
  if (size >= 1e-3 && size < 1e7) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed).ptr;
    std::string text(buffer.data(), end);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  const std::string text(buffer.data(), end);
  const auto e = text.find('e');
  std::string digits = text.substr(0, e);
  if (digits.find('.') == std::string::npos) digits += ".0";
  return digits + "E" + std::to_string(std::stoi(text.substr(e + 1)));
}

std::optional<std::string> to_text(const Value& value) {
  struct Printer {
    std::optional<std::string> operator()(std::monostate) const { return std::nullopt; }
    std::optional<std::string> operator()(bool v) const { return v ? "true" : "false"; }
    std::optional<std::string> operator()(std::int64_t v) const { return std::to_string(v); }
    std::optional<std::string> operator()(double v) const { return java_double(v); }
    std::optional<std::string> operator()(const std::string& v) const { return v; }
    std::optional<std::string> operator()(const std::vector<std::string>& v) const { return join_list(v); }
  };
  return std::visit(Printer{}, value);
}

}  // namespace moldau::config
