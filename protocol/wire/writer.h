// Sizer counts what a Writer will write; Writer appends Kafka's primitive types to a ByteBuffer.
//
// A message is written in two passes: measure() gives the exact size, encode() writes. Records that lie outside (file
// regions) are counted apart and noted as splices: the network layer sends the buffer up to `position`, then the payload.
// In the names of arguments `flex` means the compact encodings of a flexible version.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error_code.h"
#include "protocol/base/strong.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/byte_buffer.h"
#include "protocol/wire/records_field.h"

namespace moldau::protocol {

/// Bytes of an unsigned varint.
constexpr std::size_t uvarint_size(std::uint64_t v) noexcept { return (static_cast<std::size_t>(std::bit_width(v | 1)) + 6) / 7; }

/// What a type takes on the wire when its size is fixed: numbers, Strong types, ErrorCode, Uuid.
template <class T>
inline constexpr std::size_t kFixedSize = sizeof(T);

class Sizer {
 public:
  std::size_t bytes = 0;           ///< Bytes that the Writer puts into its buffer.
  std::uint64_t external = 0;      ///< Bytes of payloads outside.
  [[nodiscard]] std::size_t total() const noexcept { return bytes + static_cast<std::size_t>(external); }

  void fixed(std::size_t n) noexcept { bytes += n; }
  void string(std::string_view v, bool flex) noexcept { bytes += (flex ? uvarint_size(v.size() + 1) : 2) + v.size(); }
  void string(const std::optional<std::string_view>& v, bool flex, bool nullable) noexcept {
    if (v)
      string(*v, flex);
    else
      bytes += flex ? uvarint_size(nullable ? 0 : 1) : 2;
  }
  void blob(Bytes v, bool flex) noexcept { bytes += (flex ? uvarint_size(v.size() + 1) : 4) + v.size(); }
  void blob(const std::optional<Bytes>& v, bool flex, bool /*nullable*/) noexcept {
    if (v)
      blob(*v, flex);
    else
      bytes += flex ? 1 : 4;
  }
  void records(const Records& v, bool flex, bool /*nullable*/) noexcept {
    if (v.null) {
      bytes += flex ? 1 : 4;
      return;
    }
    bytes += flex ? uvarint_size(v.size() + 1) : 4;
    if (v.external != 0)
      external += v.external_size;
    else
      bytes += v.bytes.size();
  }
  void array(std::size_t n, bool flex) noexcept { bytes += flex ? uvarint_size(n + 1) : 4; }
  /// A tagged field whose value was measured in `value`.
  void tagged(std::uint32_t tag, const Sizer& value) noexcept {
    bytes += uvarint_size(tag) + uvarint_size(value.bytes) + value.bytes;
  }
};

template <class T>
void measure_array(Sizer& s, const Array<T>& a, bool flex) {
  s.array(a.size(), flex);
  if constexpr (std::is_same_v<T, std::string_view>) {
    for (const auto& v : a) s.string(v, flex);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    for (const auto& v : a) s.blob(v, flex);
  } else {
    s.fixed(a.size() * kFixedSize<T>);
  }
}
template <class T>
void measure_array(Sizer& s, const std::optional<Array<T>>& a, bool flex) {
  if (a)
    measure_array(s, *a, flex);
  else
    s.array(0, flex);
}
template <class T>
void measure_structs(Sizer& s, const Array<T>& a, bool flex, std::int16_t version) {
  s.array(a.size(), flex);
  for (const auto& v : a) v.measure(s, version);
}
template <class T>
void measure_structs(Sizer& s, const std::optional<Array<T>>& a, bool flex, std::int16_t version) {
  if (a)
    measure_structs(s, *a, flex, version);
  else
    s.array(0, flex);
}

class Writer {
 public:
  /// A payload outside belongs behind `position` bytes of the buffer.
  struct Splice {
    std::size_t position = 0;
    std::uint32_t index = 0;
    std::uint64_t size = 0;
  };

  explicit Writer(ByteBuffer& out) noexcept : out_(out) {}

  [[nodiscard]] ByteBuffer& buffer() noexcept { return out_; }
  [[nodiscard]] const std::vector<Splice>& splices() const noexcept { return splices_; }
  [[nodiscard]] std::vector<Splice> take_splices() noexcept { return std::move(splices_); }
  /// False when a string did not fit its length field (over 32767 bytes); the frame must not be sent.
  [[nodiscard]] bool ok() const noexcept { return ok_; }

  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void write(T v) {
    store_be(out_.extend(sizeof(T)), v);
  }
  void write(bool v) { *out_.extend(1) = static_cast<std::byte>(v ? 1 : 0); }
  void write(double v) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    write(bits);
  }
  void write(ErrorCode v) { write(static_cast<std::int16_t>(v)); }
  void write(const Uuid& v) {
    std::byte* p = out_.extend(16);
    store_be(p, v.high);
    store_be(p + 8, v.low);
  }
  template <class Tag, class Rep>
  void write(Strong<Tag, Rep> v) {
    write(v.value());
  }
  void uvarint(std::uint32_t v) {
    if (v < 0x80) [[likely]] {
      *out_.extend(1) = static_cast<std::byte>(v);
      return;
    }
    std::byte* p = out_.extend(uvarint_size(v));
    for (; v >= 0x80; v >>= 7) *p++ = static_cast<std::byte>(v | 0x80);
    *p = static_cast<std::byte>(v);
  }

  void string(std::string_view v, bool flex);
  /// Null in a version that does not allow it is written as empty; check_encodable() finds it.
  void string(const std::optional<std::string_view>& v, bool flex, bool nullable);
  void blob(Bytes v, bool flex);
  void blob(const std::optional<Bytes>& v, bool flex, bool nullable);
  void records(const Records& v, bool flex, bool nullable);
  void array(std::size_t n, bool flex) {
    if (flex)
      uvarint(static_cast<std::uint32_t>(n) + 1);
    else
      write(static_cast<std::int32_t>(n));
  }
  void null_array(bool flex, bool nullable) {
    if (!nullable)
      array(0, flex);
    else if (flex)
      uvarint(0);
    else
      write(std::int32_t{-1});
  }
  void tag(std::uint32_t number, const Sizer& value) {
    uvarint(number);
    uvarint(static_cast<std::uint32_t>(value.bytes));
  }

 private:
  void raw(const void* p, std::size_t n) {
    if (n > 0) std::memcpy(out_.extend(n), p, n);
  }

  ByteBuffer& out_;
  std::vector<Splice> splices_;
  bool ok_ = true;
};

template <class T>
void write_array(Writer& w, const Array<T>& a, bool flex) {
  w.array(a.size(), flex);
  for (const auto& v : a) {
    if constexpr (std::is_same_v<T, std::string_view>)
      w.string(v, flex);
    else if constexpr (std::is_same_v<T, Bytes>)
      w.blob(v, flex);
    else
      w.write(v);
  }
}
template <class T>
void write_array(Writer& w, const std::optional<Array<T>>& a, bool flex, bool nullable) {
  if (a)
    write_array(w, *a, flex);
  else
    w.null_array(flex, nullable);
}
template <class T>
void write_structs(Writer& w, const Array<T>& a, bool flex, std::int16_t version) {
  w.array(a.size(), flex);
  for (const auto& v : a) v.encode(w, version);
}
template <class T>
void write_structs(Writer& w, const std::optional<Array<T>>& a, bool flex, bool nullable, std::int16_t version) {
  if (a)
    write_structs(w, *a, flex, version);
  else
    w.null_array(flex, nullable);
}

}  // namespace moldau::protocol
