// JsonText: writes JSON as Jackson's ObjectNode.toString() does: no spaces, fields in the order given, non-ASCII as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/base/strong.h"
#include "protocol/base/uuid.h"

namespace moldau::server::tools {

class JsonText {
 public:
  void open() { begin('{'); }
  void close() { end('}'); }
  void open_array() { begin('['); }
  void close_array() { end(']'); }
  /// Names the value that follows.
  void name(std::string_view field) {
    separate();
    quoted(field);
    text_ += ':';
    first_ = true;
  }
  template <class T>
  void field(std::string_view name_of_it, const T& v) {
    name(name_of_it);
    value(v);
  }
  /// An object or array that was written elsewhere.
  void raw(std::string_view json) {
    separate();
    text_ += json;
  }

  template <class T>
    requires std::is_integral_v<T>
  void value(T v) {
    raw(std::to_string(static_cast<std::int64_t>(v)));
  }
  template <class Tag, class Rep>
  void value(Strong<Tag, Rep> v) {
    value(v.value());
  }
  void value(std::string_view v);
  void value(Bytes v);
  void value(const Uuid& v) { value(std::string_view(v.to_string())); }
  template <class T>
  void value(const std::optional<T>& v) {
    if (v)
      value(*v);
    else
      raw("null");
  }
  template <class T>
  void value(const Array<T>& v) {
    array(v, [this](const T& one) { value(one); });
  }
  /// `write` writes one element.
  template <class T, class Write>
  void array(const Array<T>& v, Write write) {
    open_array();
    for (const auto& one : v) write(one);
    close_array();
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void begin(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
  }
  void end(char bracket) {
    text_ += bracket;
    first_ = false;
  }
  void quoted(std::string_view text);

  std::string text_;
  bool first_ = true;
};

}  // namespace moldau::server::tools
