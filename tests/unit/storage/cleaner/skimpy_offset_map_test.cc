#include "storage/cleaner/skimpy_offset_map.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "protocol/base/random.h"

using namespace moldau;
using namespace moldau::storage;

namespace {

constexpr HashSecret kSecret{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

}  // namespace

TEST_CASE("KeyDigest: the reference vectors of SipHash-2-4-128", "[storage][cleaner]") {
  // From the reference implementation (vectors_sip128): key 00..0f, inputs of 0, 1, ... bytes; two words, little-endian.
  CHECK(digest_of({}, kSecret) == KeyDigest{0xe6a825ba047f81a3ULL, 0x930255c71472f66dULL});
  const std::byte zero{0};
  CHECK(digest_of({&zero, 1}, kSecret) == KeyDigest{0x44af996bd8c187daULL, 0x45fc229b11597634ULL});
  const auto other = digest_of(as_bytes("a"), {1, 2});
  CHECK(other != digest_of(as_bytes("b"), {1, 2}));
  CHECK(other != digest_of(as_bytes("a"), {1, 3}));
}

TEST_CASE("SkimpyOffsetMap: holds the last offset of each key, as a map does", "[storage][cleaner]") {
  auto random = make_seeded_random(7);
  SkimpyOffsetMap map({.memory_bytes = std::size_t{64} << 20}, kSecret);
  std::map<std::string, std::int64_t> model;
  for (std::int64_t offset = 0; offset < 200'000; ++offset) {
    const auto key = "k" + std::to_string(random->below(50'000));
    REQUIRE(map.put(as_bytes(key), Offset(offset)));
    model[key] = offset;
  }
  CHECK(map.size() == model.size());
  CHECK(map.latest_offset() == Offset(199'999));
  for (const auto& [key, offset] : model) REQUIRE(map.find(as_bytes(key)) == Offset(offset));
  CHECK_FALSE(map.find(as_bytes("absent")).has_value());
  CHECK(map.memory_bytes() < std::size_t{8} << 20);
  map.clear();
  CHECK(map.size() == 0);
  CHECK(map.memory_bytes() == 0);
  CHECK(map.latest_offset() == kNoOffset);
  CHECK_FALSE(map.find(as_bytes("k1")).has_value());
}

TEST_CASE("SkimpyOffsetMap: is full within its memory and its load factor, and still takes keys that it holds", "[storage][cleaner]") {
  for (const std::size_t slots : {std::size_t{2}, std::size_t{100}, std::size_t{5000}, std::size_t{1'500'000}}) {
    CAPTURE(slots);
    SkimpyOffsetMap map({.memory_bytes = slots * SkimpyOffsetMap::kSlotBytes, .load_factor = 0.9}, kSecret);
    std::int64_t offset = 0;
    while (map.put(as_bytes(std::to_string(offset)), Offset(offset))) REQUIRE(++offset <= static_cast<std::int64_t>(slots));
    CHECK(map.latest_offset() == Offset(offset - 1));
    CHECK(static_cast<double>(map.size()) <= 0.9 * static_cast<double>(slots));
    CHECK(static_cast<double>(map.size()) >= 0.87 * static_cast<double>(slots) - 2);
    CHECK(map.memory_bytes() <= slots * SkimpyOffsetMap::kSlotBytes);
    CHECK(map.put(as_bytes("0"), Offset(offset + 5)));
    CHECK(map.find(as_bytes("0")) == Offset(offset + 5));
    CHECK_FALSE(map.find(as_bytes("absent")).has_value());
  }
}
