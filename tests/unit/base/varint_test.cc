#include "protocol/base/varint.h"

#include <catch2/catch.hpp>

#include <array>
#include <limits>

using namespace moldau;

TEST_CASE("varint: round trips and sizes", "[base]") {
  std::array<std::byte, 10> buffer{};
  for (const std::int64_t v : {0L, 1L, -1L, 63L, 64L, -64L, -65L, 8191L, 8192L, 2147483647L, -2147483648L, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    const auto* end = write_varlong(buffer.data(), v);
    REQUIRE(static_cast<std::size_t>(end - buffer.data()) == varlong_size(v));
    std::int64_t back = 0;
    REQUIRE(read_varlong(buffer.data(), end, back) == end);
    REQUIRE(back == v);
    for (const auto* cut = buffer.data(); cut != end; ++cut) REQUIRE(read_varlong(buffer.data(), cut, back) == nullptr);
    if (v < std::numeric_limits<std::int32_t>::min() || v > std::numeric_limits<std::int32_t>::max()) continue;
    std::int32_t small = 0;
    REQUIRE(varint_size(static_cast<std::int32_t>(v)) == varlong_size(v));
    REQUIRE(read_varint(buffer.data(), end, small) == end);
    REQUIRE(small == v);
  }
}

TEST_CASE("varint: too long", "[base]") {
  std::array<std::byte, 11> ones{};
  ones.fill(std::byte{0x80});
  std::uint32_t v = 0;
  std::int64_t l = 0;
  REQUIRE(read_unsigned_varint(ones.data(), ones.data() + ones.size(), v) == nullptr);
  REQUIRE(read_varlong(ones.data(), ones.data() + ones.size(), l) == nullptr);
}
