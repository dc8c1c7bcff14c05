// Reader: takes Kafka's primitive types from a contiguous frame (wire format: Kafka protocol guide, KIP-482).
//
// Invariants:
// 1. Nothing is read beyond the frame; a length is compared with the bytes left before anything is allocated for it.
// 2. The first failure sticks: later reads give zeros and empty values, ok() is false, error() says what was wrong.
// 3. Strings and bytes borrow from the frame, which must outlive what was read.
// In the names of arguments `flex` means the compact encodings of a flexible version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "protocol/base/arena.h"
#include "protocol/base/bytes.h"
#include "protocol/base/error_code.h"
#include "protocol/base/strong.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/records_field.h"

namespace moldau::protocol {

class Reader {
 public:
  explicit Reader(Bytes frame) noexcept : begin_(frame.data()), at_(frame.data()), end_(frame.data() + frame.size()) {}

  [[nodiscard]] bool ok() const noexcept { return error_ == nullptr; }
  /// What was wrong first; null while ok().
  [[nodiscard]] const char* error() const noexcept { return error_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  /// Marks the frame as bad; `why` is a literal.
  void fail(const char* why) noexcept {
    if (error_ == nullptr) error_ = why;
    at_ = end_;
  }

  template <class T>
    requires std::is_integral_v<T>
  T integer() noexcept {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail("frame ends inside a number");
      return T{};
    }
    const T v = load_be<T>(at_);
    at_ += sizeof(T);
    return v;
  }
  /// Unsigned LEB128 of at most 5 bytes.
  std::uint32_t uvarint() noexcept {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) [[likely]]
      return static_cast<std::uint32_t>(*at_++);
    return uvarint_slow();
  }

  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void read(T& v) noexcept {
    v = integer<T>();
  }
  void read(bool& v) noexcept { v = integer<std::uint8_t>() != 0; }
  void read(double& v) noexcept {
    const auto bits = integer<std::uint64_t>();
    std::memcpy(&v, &bits, sizeof v);
  }
  void read(ErrorCode& v) noexcept { v = static_cast<ErrorCode>(integer<std::int16_t>()); }
  void read(Uuid& v) noexcept {
    v.high = integer<std::uint64_t>();
    v.low = integer<std::uint64_t>();
  }
  template <class Tag, class Rep>
  void read(Strong<Tag, Rep>& v) noexcept {
    v = Strong<Tag, Rep>(integer<Rep>());
  }

  void read(std::string_view& v, bool flex) noexcept;
  /// `nullable`: whether the version at hand allows null.
  void read(std::optional<std::string_view>& v, bool flex, bool nullable) noexcept;
  void read(Bytes& v, bool flex) noexcept;
  void read(std::optional<Bytes>& v, bool flex, bool nullable) noexcept;
  void read(Records& v, bool flex, bool nullable) noexcept;

  /// Number of elements, each of at least `min_element` bytes; -1 is null. 0 after a failure.
  std::int32_t array_size(bool flex, bool nullable, std::size_t min_element) noexcept;
  /// The byte in front of a nullable struct: whether it is there.
  bool struct_present() noexcept;

  /// Number of fields in a tagged section.
  std::uint32_t tag_count() noexcept;
  struct Tag {
    std::uint32_t tag = 0;
    std::uint32_t size = 0;
    std::size_t end = 0;  ///< position() behind the field.
  };
  Tag tag() noexcept;
  /// REQUIRES: the field was read or skipped. Fails when its size was not what it said.
  void end_tag(const Tag& t) noexcept {
    if (ok() && position() != t.end) fail("a tagged field has another size than it says");
  }
  void skip(std::size_t n) noexcept {
    if (remaining() < n)
      fail("frame ends early");
    else
      at_ += n;
  }
  /// Skips a whole tagged section.
  void skip_tags() noexcept {
    if (at_ != end_ && *at_ == std::byte{0}) [[likely]]
      ++at_;
    else
      skip_tags_slow();
  }
  /// The bytes not read yet, without taking them.
  [[nodiscard]] Bytes rest() const noexcept { return {at_, remaining()}; }

 private:
  std::uint32_t uvarint_slow() noexcept;
  void skip_tags_slow() noexcept;
  /// A length of int16 or int32, or compact: -1 is null, -2 failure.
  std::int64_t string_length(bool flex) noexcept;
  std::int64_t bytes_length(bool flex) noexcept;

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  const char* error_ = nullptr;
};

template <class T>
inline constexpr std::size_t kWireMinimum = sizeof(T);
template <>
inline constexpr std::size_t kWireMinimum<std::string_view> = 1;
template <>
inline constexpr std::size_t kWireMinimum<Bytes> = 1;

/// An array of primitives.
template <class T>
void read_array(Reader& r, Array<T>& out, bool flex, Arena& arena) {
  const std::int32_t n = r.array_size(flex, false, kWireMinimum<T>);
  out.reserve(arena, static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n && r.ok(); ++i) {
    if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, Bytes>)
      r.read(out.add(arena), flex);
    else
      r.read(out.add(arena));
  }
}
template <class T>
void read_array(Reader& r, std::optional<Array<T>>& out, bool flex, bool nullable, Arena& arena) {
  const std::int32_t n = r.array_size(flex, nullable, kWireMinimum<T>);
  if (n < 0) {
    out.reset();
    return;
  }
  Array<T>& a = out.emplace();
  a.reserve(arena, static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n && r.ok(); ++i) {
    if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, Bytes>)
      r.read(a.add(arena), flex);
    else
      r.read(a.add(arena));
  }
}

/// An array of structs; `min_element` is the smallest size of one on the wire.
template <class T>
void read_structs(Reader& r, Array<T>& out, bool flex, std::size_t min_element, std::int16_t version, Arena& arena) {
  const std::int32_t n = r.array_size(flex, false, min_element);
  out.reserve(arena, static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n && r.ok(); ++i) out.add(arena).decode(r, version, arena);
}
template <class T>
void read_structs(Reader& r, std::optional<Array<T>>& out, bool flex, bool nullable, std::size_t min_element, std::int16_t version, Arena& arena) {
  const std::int32_t n = r.array_size(flex, nullable, min_element);
  if (n < 0) {
    out.reset();
    return;
  }
  Array<T>& a = out.emplace();
  a.reserve(arena, static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n && r.ok(); ++i) a.add(arena).decode(r, version, arena);
}

}  // namespace moldau::protocol
