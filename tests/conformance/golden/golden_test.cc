// Bytes written by Apache Kafka's own generated classes (GoldenVectors.java) are decoded and encoded again to the same
// bytes, for every message in every version.

#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/messages/message_table.h"

namespace moldau::protocol {
namespace {

struct Vector {
  std::string name;
  std::int16_t version = 0;
  std::vector<std::byte> bytes;
};

std::vector<Vector> load(const std::string& file) {
  gzFile in = gzopen(file.c_str(), "rb");
  if (in == nullptr) throw std::runtime_error("cannot read " + file);
  std::vector<Vector> out;
  const auto take = [&](void* p, std::size_t n) { return gzread(in, p, static_cast<unsigned>(n)) == static_cast<int>(n); };
  std::byte number[4];
  while (take(number, 2)) {
    Vector v;
    v.name.resize(load_be<std::uint16_t>(number));
    bool good = take(v.name.data(), v.name.size()) && take(number, 2);
    v.version = load_be<std::int16_t>(number);
    good = good && take(number, 4);
    v.bytes.resize(good ? load_be<std::uint32_t>(number) : 0);
    if (!good || !take(v.bytes.data(), v.bytes.size())) throw std::runtime_error(file + " is cut off");
    out.push_back(std::move(v));
  }
  gzclose(in);
  return out;
}

std::string hex(Bytes b) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte c : b.first(std::min<std::size_t>(b.size(), 400))) {
    out += kDigits[static_cast<unsigned>(c) >> 4];
    out += kDigits[static_cast<unsigned>(c) & 15];
  }
  return out;
}

/// Why a vector is none of ours; null when it is.
const char* out_of_window(const std::string& release, const Vector& v) {
  if (release == "3.9.2" && v.name.find("Share") != std::string::npos && v.name.find("ShareGroupPartitionMetadata") != 0)
    return "share groups were early access in 3.9, with other fields";
  if (v.name.find("InitProducerId") == 0 && v.version == 6) return "unstable in 4.2";
  return nullptr;
}

void check_release(const std::string& release) {
  const auto vectors = load(std::string(MOLDAU_SOURCE_DIR) + "/tests/conformance/golden/kafka-" + release + ".gz");
  REQUIRE(vectors.size() > 3000);
  std::map<std::string, std::set<std::int16_t>> seen;
  std::size_t wrong = 0;
  for (const Vector& v : vectors) {
    std::string name = v.name;
    if (name.find("ListClientMetricsResources") == 0) name = "ListConfigResources" + name.substr(26);  // renamed in 4.1, the same bytes
    const MessageEntry* entry = find_message(name);
    if (out_of_window(release, v) != nullptr) continue;
    INFO(release << " " << v.name << " version " << v.version << ": " << hex(v.bytes));
    REQUIRE(entry != nullptr);
    seen[name].insert(v.version);
    ByteBuffer out;
    const auto result = entry->round_trip(v.bytes, v.version, out);
    INFO((result ? result->text : result.error().message));
    INFO("encoded as " << hex(out.bytes()));
    const bool good = result && result->consumed == v.bytes.size() && result->encoded_size == out.size() && result->equal_to_itself && result->encodable &&
                      std::ranges::equal(out.bytes(), v.bytes);
    CHECK(good);
    if (!good && ++wrong > 20) FAIL("too many differences");
  }
  CHECK(seen.size() > 180);
}

TEST_CASE("Messages: bytes of Apache Kafka 3.9.2 come back the same", "[conformance][messages]") { check_release("3.9.2"); }

TEST_CASE("Messages: bytes of Apache Kafka 4.2.0 come back the same", "[conformance][messages]") { check_release("4.2.0"); }

TEST_CASE("Messages: no cut of Apache Kafka's bytes is taken for a whole message", "[conformance][messages]") {
  std::size_t accepted = 0;
  std::size_t number = 0;
  for (const Vector& v : load(std::string(MOLDAU_SOURCE_DIR) + "/tests/conformance/golden/kafka-4.2.0.gz")) {
    const MessageEntry* entry = find_message(v.name);
    if (entry == nullptr || out_of_window("4.2.0", v) != nullptr || v.bytes.size() > 200 || ++number % 3 != 0) continue;
    for (std::size_t n = 0; n < v.bytes.size(); ++n) {
      ByteBuffer out;
      const std::vector<std::byte> cut(v.bytes.begin(), v.bytes.begin() + static_cast<std::ptrdiff_t>(n));  // its own memory, for the sanitizer
      if (entry->round_trip(cut, v.version, out)) ++accepted;
    }
  }
  CHECK(number > 3000);
  CHECK(accepted == 0);
}

TEST_CASE("Messages: every message and version has golden bytes", "[conformance][messages]") {
  std::set<std::pair<std::string, std::int16_t>> seen;
  for (const char* release : {"3.9.2", "4.2.0"})
    for (const Vector& v : load(std::string(MOLDAU_SOURCE_DIR) + "/tests/conformance/golden/kafka-" + release + ".gz"))
      if (out_of_window(release, v) == nullptr) seen.emplace(v.name, v.version);
  for (const MessageEntry& m : all_messages())
    for (std::int16_t v = m.min_version; v <= m.max_version; ++v) {
      INFO(m.name << " version " << v);
      CHECK(seen.contains({std::string(m.name), v}));
    }
}

}  // namespace
}  // namespace moldau::protocol
