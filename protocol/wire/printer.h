// Printer: writes a message as text for logs: `FetchRequest(max_wait_ms=500, topics=[FetchTopic(...)], ...)`.
//
// Bytes are shown by their size, never by their content; fields marked `secret` in the schema as `<hidden>`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error_code.h"
#include "protocol/base/strong.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/records_field.h"

namespace moldau::protocol {

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  void open(std::string_view type) {
    out_ += type;
    out_ += '(';
    first_ = true;
  }
  void close() {
    out_ += ')';
    first_ = false;
  }
  template <class T>
  void field(std::string_view name, const T& v) {
    begin(name);
    value(v);
  }
  void secret(std::string_view name) {
    begin(name);
    out_ += "<hidden>";
  }

 private:
  void begin(std::string_view name);
  void value(bool v) { out_ += v ? "true" : "false"; }
  void value(std::int64_t v);
  void value(double v);
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, std::int64_t>)
  void value(T v) {
    value(static_cast<std::int64_t>(v));
  }
  template <class Tag, class Rep>
  void value(Strong<Tag, Rep> v) {
    value(static_cast<std::int64_t>(v.value()));
  }
  void value(ErrorCode v);
  void value(const Uuid& v);
  void value(std::string_view v);
  void value(Bytes v);
  void value(const Records& v);
  template <class T>
  void value(const std::optional<T>& v) {
    if (v)
      value(*v);
    else
      out_ += "null";
  }
  template <class T>
  void value(const Array<T>& v) {
    out_ += '[';
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i > 0) out_ += ", ";
      value(v[i]);
    }
    out_ += ']';
  }
  template <class T>
    requires requires(const T& v, Printer& p) { v.print(p); }
  void value(const T& v) {
    v.print(*this);
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace moldau::protocol
