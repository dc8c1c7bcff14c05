#include "protocol/records/compression/compression.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "protocol/records/compression/xxhash32.h"

using namespace moldau;
using namespace moldau::protocol;

namespace {

constexpr Codec kCodecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

std::string sample(std::size_t size, bool compressible) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string s(size, 'x');
  for (std::size_t i = 0; i < size; ++i) s[i] = compressible ? static_cast<char>('a' + random() % 3) : static_cast<char>(random());
  return s;
}

ByteBuffer compressed(Codec codec, std::string_view text, int level = kDefaultLevel, std::int8_t magic = 2) {
  ByteBuffer out;
  REQUIRE(compress({codec, level, magic}, as_bytes(text), out).has_value());
  return out;
}

Result<std::string> expanded(Codec codec, Bytes in, std::size_t max = 1 << 26, std::int8_t magic = 2) {
  ByteBuffer out;
  if (auto s = decompress(codec, in, out, max, magic); !s) return s.error();
  return std::string(as_string(out.bytes()));
}

std::vector<std::byte> copy_of(Bytes b) { return {b.begin(), b.end()}; }

}  // namespace

TEST_CASE("compression: round trips", "[records]") {
  for (const auto codec : kCodecs) {
    for (const std::size_t size : {0UL, 1UL, 100UL, 32767UL, 32768UL, 65536UL, 65537UL, 400000UL, 5000000UL}) {
      for (const bool easy : {true, false}) {
        const auto text = sample(size, easy);
        const auto packed = compressed(codec, text);
        INFO(to_string(codec) << " " << size);
        const auto back = expanded(codec, packed.bytes());
        REQUIRE(back.has_value());
        REQUIRE(*back == text);
        // The bound is exact.
        REQUIRE(expanded(codec, packed.bytes(), size).has_value());
        if (size > 0) REQUIRE(expanded(codec, packed.bytes(), size - 1).error().code == ErrorCode::message_too_large);
      }
    }
  }
}

TEST_CASE("compression: levels", "[records]") {
  const auto text = sample(100000, true);
  for (const int level : {-1, 0, 1, 6, 9}) REQUIRE(*expanded(Codec::gzip, compressed(Codec::gzip, text, level).bytes()) == text);
  for (const int level : {1, 9, 12, 17}) REQUIRE(*expanded(Codec::lz4, compressed(Codec::lz4, text, level).bytes()) == text);
  for (const int level : {-5, 1, 3, 19, 22}) REQUIRE(*expanded(Codec::zstd, compressed(Codec::zstd, text, level).bytes()) == text);
  REQUIRE(compressed(Codec::gzip, text, 9).size() < compressed(Codec::gzip, text, 1).size());
}

TEST_CASE("compression: frame headers are Kafka's", "[records]") {
  const auto hex = [](const ByteBuffer& b, std::size_t n) {
    std::string s;
    for (std::size_t i = 0; i < n; ++i) {
      constexpr char digits[] = "0123456789abcdef";
      const auto v = std::to_integer<unsigned>(b.data()[i]);
      s += digits[v >> 4];
      s += digits[v & 15];
    }
    return s;
  };
  const auto text = sample(1000, true);
  REQUIRE(hex(compressed(Codec::gzip, text), 10) == "1f8b08000000000000ff");
  REQUIRE(hex(compressed(Codec::snappy, text), 16) == "82534e41505059000000000100000001");
  REQUIRE(hex(compressed(Codec::lz4, text), 7) == "04224d18604082");
  const auto zstd = compressed(Codec::zstd, text);
  REQUIRE(hex(zstd, 4) == "28b52ffd");
  REQUIRE((std::to_integer<unsigned>(zstd.data()[4]) & 0xC4U) == 0);  // neither content size nor checksum
}

TEST_CASE("compression: lz4 of magic 0 has the old header checksum, and reading it ignores the checksum", "[records]") {
  const auto text = sample(1000, true);
  const auto old = compressed(Codec::lz4, text, kDefaultLevel, 0);
  REQUIRE(std::to_integer<unsigned>(old.data()[6]) != 0x82);
  REQUIRE(*expanded(Codec::lz4, old.bytes(), 1 << 20, 0) == text);
  REQUIRE(expanded(Codec::lz4, old.bytes(), 1 << 20, 1).error().code == ErrorCode::unknown_server_error);
}

TEST_CASE("compression: lz4 frames of other writers", "[records]") {
  const auto text = sample(1000, true);
  const auto plain = compressed(Codec::lz4, text);
  const auto with_flags = [&](unsigned flg, unsigned bd) {
    auto frame = copy_of(plain.bytes());
    frame[4] = static_cast<std::byte>(flg);
    frame[5] = static_cast<std::byte>(bd);
    frame[6] = static_cast<std::byte>(xxhash32(Bytes(frame).subspan(4, 2)) >> 8);
    return frame;
  };
  REQUIRE(*expanded(Codec::lz4, with_flags(0x60, 0x70)) == text);                  // 4 MiB blocks
  REQUIRE(*expanded(Codec::lz4, with_flags(0x64, 0x40)) == text);                  // content checksum is not looked at
  REQUIRE_FALSE(expanded(Codec::lz4, with_flags(0x40, 0x40)).has_value());                     // linked blocks
  REQUIRE_FALSE(expanded(Codec::lz4, with_flags(0x60, 0x30)).has_value());                     // block size code 3
  REQUIRE_FALSE(expanded(Codec::lz4, with_flags(0x61, 0x40)).has_value());                     // dictionary
  auto sized = copy_of(plain.bytes());  // content size field
  sized[4] = std::byte{0x68};
  sized.insert(sized.begin() + 6, 8, std::byte{9});
  sized[14] = static_cast<std::byte>(xxhash32(Bytes(sized).subspan(4, 10)) >> 8);
  REQUIRE(*expanded(Codec::lz4, sized) == text);
  auto twice = copy_of(plain.bytes());  // only the first frame is read
  twice.insert(twice.end(), plain.bytes().begin(), plain.bytes().end());
  REQUIRE(*expanded(Codec::lz4, twice) == text);
}

TEST_CASE("compression: gzip members and what follows them", "[records]") {
  const auto a = compressed(Codec::gzip, "first ");
  const auto b = compressed(Codec::gzip, "second");
  auto both = copy_of(a.bytes());
  both.insert(both.end(), b.bytes().begin(), b.bytes().end());
  REQUIRE(*expanded(Codec::gzip, both) == "first second");
  auto garbage = both;
  for (const char c : std::string_view("garbage")) garbage.push_back(static_cast<std::byte>(c));
  REQUIRE(*expanded(Codec::gzip, garbage) == "first second");
  garbage = both;
  garbage.push_back(std::byte{0x1f});
  REQUIRE(*expanded(Codec::gzip, garbage) == "first second");
  auto bad_crc = copy_of(a.bytes());
  bad_crc[bad_crc.size() - 8] ^= std::byte{1};
  REQUIRE(expanded(Codec::gzip, bad_crc).error().code == ErrorCode::unknown_server_error);
  const auto cut = a.bytes().first(a.size() - 3);
  REQUIRE(expanded(Codec::gzip, cut).error().code == ErrorCode::invalid_record);
  // Optional header fields: extra, name, comment, header CRC.
  auto named = copy_of(a.bytes());
  named[3] = std::byte{0x1E};
  const unsigned char fields[] = {2, 0, 9, 9, 'n', 0, 'c', 0, 7, 7};
  named.insert(named.begin() + 10, reinterpret_cast<const std::byte*>(fields), reinterpret_cast<const std::byte*>(fields) + sizeof fields);
  REQUIRE(*expanded(Codec::gzip, named) == "first ");
}

TEST_CASE("compression: snappy raw and xerial", "[records]") {
  const auto text = sample(1000, true);
  const auto xerial = compressed(Codec::snappy, text);
  const Bytes raw = xerial.bytes().subspan(20);  // the one block behind header and length
  REQUIRE(*expanded(Codec::snappy, raw) == text);
  auto twice = copy_of(xerial.bytes());
  twice.insert(twice.end(), xerial.bytes().begin(), xerial.bytes().end());
  REQUIRE(*expanded(Codec::snappy, twice) == text + text);
  REQUIRE_FALSE(expanded(Codec::snappy, {}).has_value());
  REQUIRE_FALSE(expanded(Codec::snappy, xerial.bytes().first(100)).has_value());
}

TEST_CASE("compression: zstd frames one behind the other", "[records]") {
  const auto a = compressed(Codec::zstd, "first ");
  const auto big = sample(6'000'000, true);
  const auto b = compressed(Codec::zstd, big);
  auto both = copy_of(a.bytes());
  both.insert(both.end(), b.bytes().begin(), b.bytes().end());
  REQUIRE(*expanded(Codec::zstd, both) == "first " + big);
  both.resize(both.size() - 5);
  REQUIRE_FALSE(expanded(Codec::zstd, both).has_value());
}

TEST_CASE("compression: bombs end at the bound", "[records]") {
  const std::string zeros(64 << 20, '\0');
  for (const auto codec : kCodecs) {
    if (codec == Codec::none) continue;
    const auto bomb = compressed(codec, zeros);
    INFO(to_string(codec));
    const auto result = expanded(codec, bomb.bytes(), 1 << 20);
    REQUIRE_FALSE(result.has_value());
    REQUIRE(result.error().code == ErrorCode::message_too_large);
  }
  // A raw snappy block that announces 4 GiB.
  const unsigned char lie[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
  REQUIRE_FALSE(expanded(Codec::snappy, Bytes(reinterpret_cast<const std::byte*>(lie), sizeof lie), std::size_t{1} << 33).has_value());
}

TEST_CASE("compression: truncated and damaged streams", "[records]") {
  std::mt19937 random(3);
  const auto text = sample(2000, true);
  for (const auto codec : kCodecs) {
    if (codec == Codec::none) continue;
    const auto packed = compressed(codec, text);
    for (std::size_t n = 0; n < packed.size(); ++n) {
      const auto cut = copy_of(packed.bytes().first(n));
      const auto result = expanded(codec, cut);
      if (result) REQUIRE(result->size() < text.size());
    }
    for (int i = 0; i < 2000; ++i) {
      auto bad = copy_of(packed.bytes());
      for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<std::byte>(random());
      (void)expanded(codec, bad, 1 << 20);
    }
  }
}
