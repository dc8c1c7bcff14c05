#include "storage/log/segment_split.h"

#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

constexpr std::int64_t kBillion = 1'000'000'000;

/// One segment of a compacted log, as brokers before 2.0 made them: batches at these offsets.
std::vector<std::int64_t> write_overflowed(LogHarness& h, std::int64_t base, const std::vector<std::int64_t>& bases) {
  REQUIRE(h.disk.make_directory(h.dir(), true));
  std::vector<std::byte> bytes;
  std::vector<std::int64_t> offsets;
  for (const auto offset : bases) {
    const auto sequence = static_cast<std::int32_t>(offsets.size());
    const auto batch = make_batch(
        {.records = 2, .timestamp = kNow + offset / 1000, .producer_id = 7, .epoch = 0, .sequence = sequence, .base_offset = offset, .leader_epoch = 4});
    bytes.insert(bytes.end(), batch.begin(), batch.end());
    offsets.push_back(offset);
    offsets.push_back(offset + 1);
  }
  auto file = *h.disk.open(h.dir() + "/" + segment_file_name(base, ".log"), OpenMode::create);
  REQUIRE(file->write_at(0, bytes));
  REQUIRE(file->sync());
  for (const char* suffix : {".index", ".timeindex"}) REQUIRE(h.disk.open(h.dir() + "/" + segment_file_name(base, suffix), OpenMode::create));
  REQUIRE(h.disk.sync_directory(h.dir()));
  return offsets;
}

void check_no_leftovers(LogHarness& h) {
  for (const auto& e : *h.disk.list(h.dir())) {
    CAPTURE(e.name);
    CHECK(e.name.find(".cleaned") == std::string::npos);
    CHECK(e.name.find(".swap") == std::string::npos);
    CHECK(e.name.find(".corrupt") == std::string::npos);
  }
}

}  // namespace

TEST_CASE("Recovery: a segment whose offsets overflow is split (KAFKA-6264)", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  SECTION("in the middle and at the end") {
    const auto expected = write_overflowed(h, 0, {5, 100, 2 * kBillion, 3 * kBillion, 4 * kBillion, 9 * kBillion});
    REQUIRE(h.load());
    CHECK(h.offsets_from(0) == expected);
    const std::vector<Offset> bases{Offset(0), Offset(3 * kBillion), Offset(9 * kBillion)};
    CHECK(h.log->segments()->bases() == bases);
    CHECK(h.log->log_end_offset() == Offset(9 * kBillion + 2));
    CHECK(h.log->latest_epoch() == LeaderEpoch(4));
    CHECK(h.must_append({}, 5).first_offset == Offset(9 * kBillion + 2));
  }
  SECTION("already the first batch") {
    const auto expected = write_overflowed(h, 0, {3 * kBillion, 4 * kBillion});
    REQUIRE(h.load());
    CHECK(h.offsets_from(3 * kBillion) == expected);
    CHECK(h.log->log_start_offset() == Offset(3 * kBillion));
  }
  SECTION("after a clean stop, when its index cannot be used") {
    const auto expected = write_overflowed(h, 0, {5, 3 * kBillion});
    REQUIRE(disk.remove(h.dir() + "/" + segment_file_name(0, ".index")));
    REQUIRE(h.load({.clean = true}));
    CHECK(h.offsets_from(0) == expected);
  }
  SECTION("loading again changes nothing") {
    const auto expected = write_overflowed(h, 0, {5, 3 * kBillion});
    REQUIRE(h.load());
    h.close();
    REQUIRE(h.load({.clean = true}));
    CHECK(h.offsets_from(0) == expected);
    CHECK(h.log->segment_count() == 2);
  }
  check_no_leftovers(h);
}

TEST_CASE("Recovery: a power loss at any moment of a split loses nothing", "[storage][sim]") {
  const std::vector<std::int64_t> layouts[] = {{5, 100, 3 * kBillion, 6 * kBillion}, {3 * kBillion, 6 * kBillion}};
  for (const auto& layout : layouts) {
    for (std::uint64_t steps = 1;; ++steps) {
      CAPTURE(steps, layout.front());
      SimDisk disk(steps);
      LogHarness h(disk);
      h.config->cleanup_compact = true;
      const auto expected = write_overflowed(h, 0, layout);
      REQUIRE(disk.sync_directory("/d"));
      REQUIRE(disk.sync_directory("/"));
      disk.stop_at(disk.mutations() + steps);
      const bool whole = h.load().has_value();
      h.log.reset();
      h.drain();
      disk.crash();
      auto again = std::make_unique<LogHarness>(disk);
      again->config->cleanup_compact = true;
      REQUIRE(again->load());
      REQUIRE(again->offsets_from(layout.front()) == expected);
      check_no_leftovers(*again);
      if (whole) break;
    }
  }
}
