// Whatever the bytes are, reading them ends with records or an error value.
#include "tests/unit/records/golden.h"

#include <catch2/catch.hpp>

#include <random>

using namespace moldau;
using namespace moldau::protocol;

namespace {

// Reads everything there is to read; returns the number of records.
int read_all(Bytes data) {
  int n = 0;
  BatchCursor cursor(data);
  while (const auto batch = cursor.next()) {
    (void)batch->ensure_valid();
    (void)batch->max_timestamp();
    (void)batch->base_offset();
    auto records = DeepRecords::open(*batch, 1 << 20);
    if (!records) continue;
    RecordView r;
    while (records->next(r)) {
      ++n;
      for (const auto& h : r.headers) n += h.key.empty() ? 0 : 0;
    }
    if (batch->is_v2() && !batch->is_compressed()) {
      RecordScan scan;
      REQUIRE(scan_records(batch->v2().payload(), batch->v2().record_context(), scan) == !records->failed());
    }
  }
  return n;
}

}  // namespace

TEST_CASE("hostile: truncation at every byte", "[records]") {
  for (const auto& c : test::golden()) {
    if (c.kind != "vector" || c.input.size() > 2000) continue;
    INFO(c.name);
    for (std::size_t n = 0; n < c.input.size(); ++n) {
      // A copy of its own, so that a sanitizer sees every step too far.
      const test::Buffer cut(c.input.begin(), c.input.begin() + static_cast<std::ptrdiff_t>(n));
      read_all(cut);
      BatchCursor cursor{Bytes(cut)};
      while (cursor.next()) {
      }
      REQUIRE_FALSE(cursor.error());
      // The same with a length that says the cut batch is whole.
      if (n > kBatchPrefixSize) {
        test::Buffer fitted = cut;
        store_be(fitted.data() + 8, static_cast<std::int32_t>(n - kLogOverhead));
        read_all(fitted);
      }
    }
  }
}

TEST_CASE("hostile: every bit flipped", "[records]") {
  for (const auto& c : test::golden()) {
    if (c.kind != "vector" || c.input.size() > 700) continue;
    INFO(c.name);
    test::Buffer copy = c.input;
    for (std::size_t bit = 0; bit < copy.size() * 8; ++bit) {
      copy[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      read_all(copy);
      copy[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    }
  }
}

TEST_CASE("hostile: random damage of bigger batches", "[records]") {
  std::mt19937 random(7);
  for (const auto& c : test::golden()) {
    if (c.kind != "vector" || c.input.size() <= 700) continue;
    for (int round = 0; round < 60; ++round) {
      test::Buffer copy = c.input;
      const int edits = 1 + static_cast<int>(random() % 8);
      for (int i = 0; i < edits; ++i) copy[random() % copy.size()] = static_cast<std::byte>(random());
      read_all(copy);
    }
  }
}

TEST_CASE("hostile: a flipped bit behind the checksum is found", "[records]") {
  for (const auto& c : test::golden()) {
    if (c.kind != "vector" || c.name != "v2-none-create") continue;
    test::Buffer copy = c.input;
    for (std::size_t at = batch_field::attributes; at < copy.size(); ++at) {
      copy[at] ^= std::byte{0x10};
      REQUIRE_FALSE(AnyBatch(copy).is_valid());
      copy[at] ^= std::byte{0x10};
    }
    // Base offset and leader epoch lie outside.
    batch_header::set_base_offset(copy, Offset(123456789));
    batch_header::set_partition_leader_epoch(copy, LeaderEpoch(77));
    REQUIRE(AnyBatch(copy).is_valid());
    REQUIRE(AnyBatch(copy).last_offset() == Offset(123456793));
  }
}

TEST_CASE("hostile: sizes and magics that cannot be", "[records]") {
  test::Buffer data(100);
  const auto error_of = [&](std::int32_t size, std::int8_t magic) {
    store_be(data.data() + 8, size);
    store_be(data.data() + 16, magic);
    BatchCursor cursor{Bytes(data)};
    REQUIRE_FALSE(cursor.next());
    return cursor.error() ? to_string(cursor.error()->code) : std::string_view("partial");
  };
  REQUIRE(error_of(0, 0) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(-1, 2) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(48, 2) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(21, 1) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(60, 3) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(60, -1) == "CORRUPT_MESSAGE");
  REQUIRE(error_of(std::numeric_limits<std::int32_t>::max(), 2) == "partial");
}
