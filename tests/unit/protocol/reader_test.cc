#include "protocol/wire/reader.h"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <vector>

namespace moldau::protocol {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST_CASE("Reader: integers are big-endian", "[protocol]") {
  const auto frame = bytes({0x01, 0xff, 0xfe, 0x00, 0x00, 0x01, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 1});
  Reader r(frame);
  CHECK(r.integer<std::int8_t>() == 1);
  CHECK(r.integer<std::int16_t>() == -2);
  CHECK(r.integer<std::int32_t>() == 256);
  CHECK(r.integer<std::int64_t>() == INT64_MIN + 1);
  CHECK(r.ok());
  CHECK(r.remaining() == 0);
}

TEST_CASE("Reader: the first failure sticks and later reads give nothing", "[protocol]") {
  const auto frame = bytes({0x01});
  Reader r(frame);
  CHECK(r.integer<std::int32_t>() == 0);
  CHECK_FALSE(r.ok());
  CHECK(r.error() == std::string("frame ends inside a number"));
  CHECK(r.integer<std::int8_t>() == 0);
  std::string_view text = "before";
  r.read(text, false);
  CHECK(text.empty());
  CHECK(r.array_size(true, true, 1) == 0);
  CHECK(r.error() == std::string("frame ends inside a number"));
}

TEST_CASE("Reader: varints up to 32 bits, not longer", "[protocol]") {
  const auto good = bytes({0x00, 0x7f, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f});
  Reader r(good);
  CHECK(r.uvarint() == 0);
  CHECK(r.uvarint() == 127);
  CHECK(r.uvarint() == 128);
  CHECK(r.uvarint() == 0xffffffffU);
  CHECK(r.ok());
  for (const auto& frame : {bytes({0xff, 0xff, 0xff, 0xff, 0x10}), bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x01}), bytes({0x80}), bytes({})}) {
    Reader bad(frame);
    CHECK(bad.uvarint() == 0);
    CHECK_FALSE(bad.ok());
  }
}

TEST_CASE("Reader: strings in both encodings, with null where allowed", "[protocol]") {
  const auto frame = bytes({0, 2, 'h', 'i', 3, 'y', 'o', 0xff, 0xff, 0, 0, 0, 1});
  Reader r(frame);
  std::string_view text;
  std::optional<std::string_view> maybe = "x";
  r.read(text, false);
  CHECK(text == "hi");
  r.read(text, true);
  CHECK(text == "yo");
  r.read(maybe, false, true);
  CHECK_FALSE(maybe);
  maybe = "x";
  r.read(maybe, true, true);
  CHECK_FALSE(maybe);
  r.read(maybe, false, true);
  CHECK(maybe == std::string_view(""));
  r.read(maybe, true, true);
  CHECK(maybe == std::string_view(""));
  CHECK(r.ok());
}

TEST_CASE("Reader: refuses lengths that cannot be", "[protocol]") {
  std::string_view text;
  std::optional<std::string_view> maybe;
  SECTION("longer than the frame") {
    const auto frame = bytes({0, 3, 'h', 'i'});
    Reader r(frame);
    r.read(text, false);
    CHECK_FALSE(r.ok());
  }
  SECTION("negative") {
    const auto frame = bytes({0xff, 0xfe, 'h', 'i'});
    Reader r(frame);
    r.read(maybe, false, true);
    CHECK_FALSE(r.ok());
  }
  SECTION("null in a version without null") {
    const auto frame = bytes({0xff, 0xff});
    Reader r(frame);
    r.read(maybe, false, false);
    CHECK_FALSE(r.ok());
  }
  SECTION("a compact string over 32767 bytes") {
    std::vector<std::byte> frame(40000);
    frame[0] = std::byte{0x81};
    frame[1] = std::byte{0x80};
    frame[2] = std::byte{0x02};
    Reader r(frame);
    r.read(text, true);
    CHECK_FALSE(r.ok());
  }
  SECTION("bytes of 2 GiB") {
    const auto frame = bytes({0x7f, 0xff, 0xff, 0xff, 1, 2, 3});
    Reader r(frame);
    Bytes b;
    r.read(b, false);
    CHECK_FALSE(r.ok());
    CHECK(b.empty());
  }
}

TEST_CASE("Reader: an array's length is checked before memory is taken", "[protocol]") {
  Arena arena;
  arena.allocate(1, 1);
  const std::size_t held = arena.held();
  const auto frame = bytes({0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1});
  Reader r(frame);
  Array<std::int64_t> out;
  read_array(r, out, false, arena);
  CHECK_FALSE(r.ok());
  CHECK(out.empty());
  CHECK(arena.held() == held);

  // Any negative length is null where null may be, as in Kafka's generated classes, and an error elsewhere.
  const auto negative = bytes({0xff, 0xff, 0xff, 0xfe});
  Reader n(negative);
  std::optional<Array<std::int64_t>> maybe;
  read_array(n, maybe, false, true, arena);
  CHECK(n.ok());
  CHECK_FALSE(maybe.has_value());
  Reader m(negative);
  Array<std::int64_t> never;
  read_array(m, never, false, arena);
  CHECK_FALSE(m.ok());
}

TEST_CASE("Reader: arrays of numbers and of strings", "[protocol]") {
  Arena arena;
  const auto frame = bytes({0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8, 3, 2, 'a', 1, 0});
  Reader r(frame);
  Array<std::int32_t> numbers;
  read_array(r, numbers, false, arena);
  REQUIRE(numbers.size() == 2);
  CHECK(numbers[1] == 8);
  Array<std::string_view> words;
  read_array(r, words, true, arena);
  REQUIRE(words.size() == 2);
  CHECK(words[0] == "a");
  CHECK(words[1].empty());
  std::optional<Array<std::int32_t>> none = Array<std::int32_t>{};
  read_array(r, none, true, true, arena);
  CHECK_FALSE(none);
  CHECK(r.ok());
}

TEST_CASE("Reader: unknown tagged fields are skipped, wrong sizes are not", "[protocol]") {
  const auto good = bytes({2, 0, 1, 9, 200, 1, 2, 7, 7});
  Reader r(good);
  r.skip_tags();
  CHECK(r.ok());
  CHECK(r.remaining() == 0);
  for (const auto& frame : {bytes({1, 0, 5, 1}), bytes({0xff, 0xff, 0xff, 0xff, 0x0f}), bytes({3, 0, 0})}) {
    Reader bad(frame);
    bad.skip_tags();
    CHECK_FALSE(bad.ok());
  }
}

}  // namespace
}  // namespace moldau::protocol
