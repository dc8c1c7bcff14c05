#include "protocol/base/crc32c.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace moldau;

TEST_CASE("crc32c: known values", "[base]") {
  REQUIRE(crc32c({}) == 0);
  REQUIRE(crc32c(as_bytes("123456789")) == 0xE3069283);
  const std::vector<std::byte> zeros(32);  // RFC 3720 B.4
  REQUIRE(crc32c(zeros) == 0x8A9136AA);
  const std::vector<std::byte> ones(32, std::byte{0xff});
  REQUIRE(crc32c(ones) == 0x62A8AB43);
}

TEST_CASE("crc32c: hardware and portable agree on every length and alignment", "[base]") {
  std::mt19937 random(1);
  std::vector<std::byte> data(9000);
  for (auto& b : data) b = static_cast<std::byte>(random());
  for (std::size_t n = 0; n < data.size() - 8; n += n < 1200 ? 1 : 61) {
    const Bytes part = Bytes(data).subspan(n % 8, n);
    REQUIRE(crc32c(part, 42) == crc32c_portable(part, 42));
  }
}

TEST_CASE("crc32c: in pieces", "[base]") {
  const auto all = as_bytes("the quick brown fox jumps over the lazy dog");
  REQUIRE(crc32c(all.subspan(10), crc32c(all.first(10))) == crc32c(all));
}
