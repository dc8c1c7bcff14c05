// What a log knows of a producer's batches after a crash.
#include "storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

constexpr int kBatches = 12;

BatchSpec batch(int number, std::int64_t producer = 8) {
  return {.records = 2, .timestamp = kNow + number, .value_size = 30, .producer_id = producer, .epoch = 0, .sequence = number * 2};
}

/// Batches of one producer, each in a segment of its own, so that the newest snapshot covers all but the last of them.
void fill(LogHarness& h) {
  h.config->segment_bytes = 150;
  h.create();
  for (int i = 0; i < kBatches; ++i) h.must_append(batch(i));
  h.drain();
  REQUIRE(h.log->segment_count() == kBatches);
}

void expect_known(LogHarness& h, int number) {
  INFO("batch " << number);
  const auto again = h.must_append(batch(number));
  CHECK(again.duplicate);
  CHECK(again.first_offset == Offset(number * 2));
}

}  // namespace

TEST_CASE("Recovery: the last five batches of a producer are known, whatever the snapshot says", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  SECTION("killed") { REQUIRE(h.load({.recovery_point = Offset(kBatches * 2)})); }
  SECTION("killed, recovered from its start") { REQUIRE(h.load()); }
  SECTION("killed, and the last batch is cut off") {
    REQUIRE((*disk.open(h.dir() + "/" + segment_file_name(22, ".log"), OpenMode::write))->truncate(20));
    REQUIRE(h.load({.recovery_point = Offset(20)}));
    REQUIRE(h.log->log_end_offset() == Offset(22));
    for (int i = 6; i < 11; ++i) expect_known(h, i);
    CHECK_FALSE(h.must_append(batch(11)).duplicate);
    return;
  }
  SECTION("truncated, as a follower is") {
    REQUIRE(h.run(h.log->truncate_to(Offset(22))));
    for (int i = 6; i < 11; ++i) expect_known(h, i);
    CHECK_FALSE(h.must_append(batch(11)).duplicate);
    return;
  }
  for (int i = 7; i < kBatches; ++i) expect_known(h, i);
  const auto old = h.append(make_batch(batch(5)));
  REQUIRE_FALSE(old);
  CHECK(old.error().code == ErrorCode::out_of_order_sequence_number);
  CHECK_FALSE(h.must_append(batch(kBatches)).duplicate);
  expect_known(h, kBatches);
}

TEST_CASE("Recovery: batches of another epoch, of others and markers are not taken for a producer's own", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 150;
  h.create();
  h.must_append({.records = 1, .producer_id = 8, .epoch = 0, .sequence = 0});
  h.must_append({.records = 1, .producer_id = 9, .epoch = 0, .sequence = 0});
  h.must_append({.records = 1, .producer_id = 8, .epoch = 1, .sequence = 0});
  h.must_append({.records = 1, .producer_id = 8, .epoch = 1, .sequence = 1});
  h.must_append({.records = 1});
  h.must_append({.records = 1});
  h.drain();
  REQUIRE(h.load({.recovery_point = h.log->log_end_offset()}));
  // Sequence 0 of epoch 1 is the one at offset 2, not the one at offset 0.
  const auto again = h.must_append({.records = 1, .producer_id = 8, .epoch = 1, .sequence = 0});
  CHECK(again.duplicate);
  CHECK(again.first_offset == Offset(2));
  CHECK_FALSE(h.must_append({.records = 1, .producer_id = 8, .epoch = 1, .sequence = 2}).duplicate);
}

TEST_CASE("Log: after a truncation no transaction that ended is unstable", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  h.must_append({.records = 2, .producer_id = 8, .epoch = 0, .sequence = 0, .transactional = true});
  REQUIRE(h.append(make_marker(8, 0, true), AppendOrigin::coordinator));
  h.must_append({.records = 3});
  h.log->update_high_watermark(Offset(4));
  REQUIRE(h.log->last_stable_offset() == Offset(4));
  REQUIRE(h.run(h.log->truncate_to(Offset(4))));
  CHECK(h.log->last_stable_offset() == Offset(4));
  CHECK_FALSE(h.log->maybe_increment_high_watermark(Offset(4)));
  CHECK(h.log->last_stable_offset() == Offset(4));
}
