#include "storage/cleaner/cleanable_range.h"

#include <catch2/catch.hpp>
#include <limits>

#include "storage/cleaner/io_throttle.h"
#include "storage/cleaner/segment_groups.h"

using namespace moldau;
using namespace moldau::storage;
using namespace std::chrono_literals;

namespace {

constexpr auto kForever = std::numeric_limits<std::int64_t>::max();

/// Segments of 100 bytes at 0, 10, 20, ...; the last one is active.
CompactionView log_of(std::size_t segments, std::int64_t end) {
  CompactionView view;
  for (std::size_t i = 0; i < segments; ++i) view.segments.push_back({Offset(static_cast<std::int64_t>(i) * 10), 100});
  view.log_end = view.last_stable = Offset(end);
  view.max_lag_ms = kForever;
  view.now_ms = 1000;
  view.largest_timestamp = [](std::size_t i) -> Result<std::int64_t> { return static_cast<std::int64_t>(i) * 100 + 99; };
  view.first_batch_timestamp = [](std::size_t i) -> Result<std::int64_t> { return static_cast<std::int64_t>(i) * 100; };
  return view;
}

}  // namespace

TEST_CASE("cleanable_range: from the checkpoint to the active segment", "[storage][cleaner]") {
  auto log = log_of(4, 35);
  auto fresh = *cleanable_range(log, std::nullopt);
  CHECK(fresh.first_dirty == Offset(0));
  CHECK(fresh.first_uncleanable == Offset(30));
  CHECK(fresh.clean_bytes == 0);
  CHECK(fresh.cleanable_bytes == 300);
  CHECK(fresh.dirty_ratio() == 1);
  CHECK(fresh.due(0.5));

  auto later = *cleanable_range(log, Offset(20));
  CHECK(later.clean_bytes == 200);
  CHECK(later.cleanable_bytes == 100);
  CHECK(later.dirty_ratio() == Approx(1.0 / 3));
  CHECK_FALSE(later.due(0.5));
  CHECK(later.due(0.1));

  auto done = *cleanable_range(log, Offset(30));
  CHECK(done.cleanable_bytes == 0);
  CHECK_FALSE(done.due(0.0));
  // Within a segment: it counts as clean and as dirty.
  auto within = *cleanable_range(log, Offset(25));
  CHECK(within.clean_bytes == 300);
  CHECK(within.cleanable_bytes == 100);
}

TEST_CASE("cleanable_range: not beyond the last stable offset and the compaction lag", "[storage][cleaner]") {
  auto log = log_of(4, 35);
  log.last_stable = Offset(14);
  CHECK(cleanable_range(log, std::nullopt)->first_uncleanable == Offset(10));
  log.last_stable = Offset(20);
  CHECK(cleanable_range(log, std::nullopt)->first_uncleanable == Offset(20));
  log.last_stable = Offset(35);
  log.min_lag_ms = 850;  // segment 1 ends at 199 > 150
  CHECK(cleanable_range(log, std::nullopt)->first_uncleanable == Offset(10));
  log.min_lag_ms = 2000;
  auto none = *cleanable_range(log, std::nullopt);
  CHECK(none.first_uncleanable == Offset(0));
  CHECK(none.cleanable_bytes == 0);
  CHECK_FALSE(none.due(0));
}

TEST_CASE("cleanable_range: max.compaction.lag.ms makes it due whatever its ratio", "[storage][cleaner]") {
  auto log = log_of(4, 35);
  log.max_lag_ms = 700;  // segment 2 began at 200 < 300
  const auto range = *cleanable_range(log, Offset(20));
  CHECK(range.compaction_delay_ms == 100);
  CHECK(range.due(0.99));
  log.max_lag_ms = 800;
  CHECK(cleanable_range(log, Offset(20))->compaction_delay_ms == 0);
}

TEST_CASE("cleanable_range: a checkpoint outside of the log starts from the log start", "[storage][cleaner]") {
  auto log = log_of(4, 35);
  log.log_start = Offset(12);
  auto below = *cleanable_range(log, Offset(5));
  CHECK(below.checkpoint_invalid);
  CHECK(below.first_dirty == Offset(12));
  auto above = *cleanable_range(log, Offset(36));
  CHECK(above.checkpoint_invalid);
  CHECK(above.first_dirty == Offset(12));
  CHECK_FALSE(cleanable_range(log, Offset(35))->checkpoint_invalid);
}

TEST_CASE("group_segments: by size, by index size and by offsets that fit", "[storage][cleaner]") {
  using Groups = std::vector<std::pair<std::size_t, std::size_t>>;
  const GroupLimits limits{100, 50, Offset(1000)};
  CHECK(group_segments({}, limits).empty());
  CHECK(group_segments({{Offset(0), 40, 1, 1}, {Offset(10), 40, 1, 1}, {Offset(20), 40, 1, 1}}, limits) == Groups{{0, 2}, {2, 3}});
  CHECK(group_segments({{Offset(0), 400, 1, 1}, {Offset(10), 40, 1, 1}}, limits) == Groups{{0, 1}, {1, 2}});
  CHECK(group_segments({{Offset(0), 10, 30, 1}, {Offset(10), 10, 30, 1}, {Offset(20), 10, 1, 50}}, limits) == Groups{{0, 1}, {1, 2}, {2, 3}});
  constexpr std::int64_t k31 = std::int64_t{1} << 31;
  const GroupLimits wide{1000, 1000, Offset(2 * k31)};
  CHECK(group_segments({{Offset(0), 10, 1, 1}, {Offset(5), 10, 1, 1}, {Offset(k31), 10, 1, 1}}, wide) == Groups{{0, 2}, {2, 3}});
  CHECK(group_segments({{Offset(0), 10, 1, 1}, {Offset(5), 10, 1, 1}, {Offset(k31 + 1), 10, 1, 1}}, wide) == Groups{{0, 1}, {1, 2}, {2, 3}});
  CHECK(group_segments({{Offset(0), 0, 0, 0}, {Offset(k31 * 3), 0, 0, 0}}, wide) == Groups{{0, 2}});
}

TEST_CASE("IoThrottle: says how long to wait", "[storage][cleaner]") {
  SteadyTime now{};
  IoThrottle unlimited(std::numeric_limits<double>::max(), now);
  CHECK(unlimited.take(1e12, now) == 0ms);
  IoThrottle throttle(1000, now);
  CHECK(throttle.take(500, now) == 500ms);
  now += 500ms;
  CHECK(throttle.take(100, now) == 100ms);
  now += 10s;
  CHECK(throttle.take(300, now) == 0ms);
  CHECK(throttle.take(10, now) == 10ms);
  throttle.set_rate(std::numeric_limits<double>::max());
  CHECK(throttle.take(1e9, now) == 0ms);
}
