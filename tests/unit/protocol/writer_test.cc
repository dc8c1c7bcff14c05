#include "protocol/wire/writer.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "protocol/messages/fetch.h"
#include "protocol/wire/headers.h"
#include "protocol/wire/reader.h"

namespace moldau::protocol {
namespace {

std::string hex(Bytes b) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte c : b) {
    out += kDigits[static_cast<unsigned>(c) >> 4];
    out += kDigits[static_cast<unsigned>(c) & 15];
  }
  return out;
}

TEST_CASE("Writer: varints and their sizes", "[protocol]") {
  for (const std::uint32_t v : {0U, 1U, 127U, 128U, 16383U, 16384U, 0x7fffffffU, 0xffffffffU}) {
    ByteBuffer out;
    Writer w(out);
    w.uvarint(v);
    CHECK(out.size() == uvarint_size(v));
    Reader r(out.bytes());
    CHECK(r.uvarint() == v);
    CHECK(r.ok());
  }
}

TEST_CASE("Writer: strings and bytes in both encodings", "[protocol]") {
  ByteBuffer out;
  Writer w(out);
  w.string("ab", false);
  w.string("ab", true);
  w.string(std::nullopt, false, true);
  w.string(std::nullopt, true, true);
  w.string(std::nullopt, false, false);
  w.string(std::nullopt, true, false);
  w.blob(as_bytes("x"), false);
  w.blob(std::nullopt, true, true);
  w.blob(std::nullopt, false, true);
  CHECK(hex(out.bytes()) == "00026162" "036162" "ffff" "00" "0000" "01" "0000000178" "00" "ffffffff");
  CHECK(w.ok());
}

TEST_CASE("Writer: a string that is too long is reported, and no length overflows", "[protocol]") {
  ByteBuffer out;
  Writer w(out);
  const std::string huge(40000, 'x');
  w.string(huge, false);
  CHECK_FALSE(w.ok());
  CHECK(out.size() == 2 + 32767);
}

TEST_CASE("ByteBuffer: grows, keeps its content, is reused", "[protocol]") {
  ByteBuffer out;
  for (int i = 0; i < 1000; ++i) out.append(as_bytes("0123456789"));
  CHECK(out.size() == 10000);
  CHECK(as_string(out.bytes().subspan(9990)) == "0123456789");
  const std::size_t capacity = out.capacity();
  out.clear();
  out.append(as_bytes("x"));
  CHECK(out.capacity() == capacity);
}

TEST_CASE("Writer: records outside are noted as splices behind their length", "[protocol]") {
  Arena arena;
  FetchResponse answer;
  auto& topic = answer.responses.add(arena);
  topic.topic = "t";
  auto& first = topic.partitions.add(arena);
  first.records = Records::make_external(0, 1000);
  auto& second = topic.partitions.add(arena);
  second.partition_index = 1;
  second.records = Records(as_bytes("inline"));
  for (const std::int16_t version : std::vector<std::int16_t>{4, 11, 12}) {
    ByteBuffer out;
    Writer w(out);
    encode_response_frame(w, version, 7, answer);
    REQUIRE(w.splices().size() == 1);
    const Writer::Splice splice = w.splices()[0];
    CHECK(splice.index == 0);
    CHECK(splice.size == 1000);
    CHECK(answer.encoded_size(version) == out.size() + 1000 - 4 - response_header_size(api_info(ApiKey::fetch), version));
    // The frame's length counts the payload; with it spliced in, the whole is a valid answer.
    CHECK(load_be<std::int32_t>(out.data()) == static_cast<std::int32_t>(out.size() + 1000 - 4));
    std::string whole(as_string(out.bytes()));
    whole.insert(splice.position, std::string(1000, 'r'));
    Reader r(as_bytes(whole).subspan(4));
    REQUIRE(decode_response_header(r, api_info(ApiKey::fetch), version).value() == 7);
    FetchResponse back;
    REQUIRE(back.decode(r, version, arena).has_value());
    CHECK(r.remaining() == 0);
    CHECK(as_string(back.responses[0].partitions[0].records.bytes) == std::string(1000, 'r'));
    CHECK(as_string(back.responses[0].partitions[1].records.bytes) == "inline");
  }
}

}  // namespace
}  // namespace moldau::protocol
