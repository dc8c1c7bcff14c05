#include "protocol/wire/reader.h"

namespace moldau::protocol {

std::uint32_t Reader::uvarint_slow() noexcept {
  std::uint32_t v = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at_ == end_) {
      fail("frame ends inside a varint");
      return 0;
    }
    const auto b = static_cast<std::uint8_t>(*at_++);
    v |= static_cast<std::uint32_t>(b & 0x7f) << shift;
    if (b < 0x80) {
      if (shift == 28 && b > 0x0f) break;  // more than 32 bits
      return v;
    }
  }
  fail("varint too long");
  return 0;
}

std::int64_t Reader::string_length(bool flex) noexcept {
  const std::int64_t n = flex ? static_cast<std::int64_t>(uvarint()) - 1 : integer<std::int16_t>();
  if (!ok()) return -2;
  if (n < -1 || n > 0x7fff) {
    fail("string of an impossible length");
    return -2;
  }
  if (n > static_cast<std::int64_t>(remaining())) {
    fail("string longer than the frame");
    return -2;
  }
  return n;
}

std::int64_t Reader::bytes_length(bool flex) noexcept {
  const std::int64_t n = flex ? static_cast<std::int64_t>(uvarint()) - 1 : integer<std::int32_t>();
  if (!ok()) return -2;
  if (n < -1) {
    fail("negative length");
    return -2;
  }
  if (n > static_cast<std::int64_t>(remaining())) {
    fail("bytes longer than the frame");
    return -2;
  }
  return n;
}

void Reader::read(std::string_view& v, bool flex) noexcept {
  const std::int64_t n = string_length(flex);
  if (n == -1) fail("null where a string must be");
  if (n < 0) {
    v = {};
    return;
  }
  v = {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(n)};
  at_ += n;
}

void Reader::read(std::optional<std::string_view>& v, bool flex, bool nullable) noexcept {
  const std::int64_t n = string_length(flex);
  if (n < 0) {
    if (n == -1 && !nullable) fail("null where a string must be");
    v.reset();
    return;
  }
  v.emplace(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(n));
  at_ += n;
}

void Reader::read(Bytes& v, bool flex) noexcept {
  const std::int64_t n = bytes_length(flex);
  if (n == -1) fail("null where bytes must be");
  if (n < 0) {
    v = {};
    return;
  }
  v = {at_, static_cast<std::size_t>(n)};
  at_ += n;
}

void Reader::read(std::optional<Bytes>& v, bool flex, bool nullable) noexcept {
  const std::int64_t n = bytes_length(flex);
  if (n < 0) {
    if (n == -1 && !nullable) fail("null where bytes must be");
    v.reset();
    return;
  }
  v.emplace(at_, static_cast<std::size_t>(n));
  at_ += n;
}

void Reader::read(Records& v, bool flex, bool nullable) noexcept {
  const std::int64_t n = bytes_length(flex);
  v = {};
  if (n < 0) {
    if (n == -1 && !nullable) fail("null where records must be");
    v.null = n == -1;
    return;
  }
  v.bytes = {at_, static_cast<std::size_t>(n)};
  at_ += n;
}

std::int32_t Reader::array_size(bool flex, bool nullable, std::size_t min_element) noexcept {
  const std::int64_t n = flex ? static_cast<std::int64_t>(uvarint()) - 1 : integer<std::int32_t>();
  if (!ok()) return 0;
  if (n < 0) {
    if (nullable) return -1;  // any negative length, as Kafka's generated classes read it
    fail(n == -1 ? "null where an array must be" : "array of a negative size");
    return 0;
  }
  if (static_cast<std::uint64_t>(n) * min_element > remaining()) {
    fail("array longer than the frame");
    return 0;
  }
  return static_cast<std::int32_t>(n);
}

bool Reader::struct_present() noexcept { return integer<std::int8_t>() >= 0 && ok(); }

std::uint32_t Reader::tag_count() noexcept {
  const std::uint32_t n = uvarint();
  if (n > remaining() / 2) {
    fail("more tagged fields than the frame holds");
    return 0;
  }
  return n;
}

Reader::Tag Reader::tag() noexcept {
  Tag t;
  t.tag = uvarint();
  t.size = uvarint();
  if (t.size > remaining()) {
    fail("tagged field longer than the frame");
    return {};
  }
  t.end = position() + t.size;
  return t;
}

void Reader::skip_tags_slow() noexcept {
  for (std::uint32_t n = tag_count(); n > 0 && ok(); --n) skip(tag().size);
}

}  // namespace moldau::protocol
