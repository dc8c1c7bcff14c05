// Retention: what timestamps do to it.
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "protocol/base/log.h"
#include "storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

/// What the storage category logs while it lives.
class LogLines {
 public:
  LogLines() : sink_(std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)) { logger(LogCategory::storage).sinks().push_back(sink_); }
  ~LogLines() { std::erase(logger(LogCategory::storage).sinks(), sink_); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;
  [[nodiscard]] std::size_t count(const std::string& part) const {
    std::size_t n = 0;
    const auto all = text_.str();
    for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++n;
    return n;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::sinks::sink> sink_;
};

constexpr std::int64_t kHour = 3'600'000;

}  // namespace

TEST_CASE("Retention: a segment that a timestamp in the future keeps is named, once", "[storage]") {
  ManualClock disk_clock;
  SimDisk disk(1, &disk_clock);
  LogHarness h(disk);
  h.config->segment_bytes = 200;
  h.config->retention_ms = 10 * kHour;
  h.create();
  const auto pass = [&](std::int64_t hours) {
    h.clock.advance(Millis(hours * kHour));
    disk_clock.advance(Millis(hours * kHour));
  };
  const auto retain = [&] {
    h.log->update_high_watermark(h.log->log_end_offset());
    auto removed = h.run(h.log->delete_old_segments());
    REQUIRE(removed);
    return *removed;
  };
  LogLines lines;

  SECTION("as soon as it is far in the future") {
    h.must_append({.timestamp = kNow + 1000 * kHour, .value_size = 100});
    h.must_append({.timestamp = kNow, .value_size = 100});
    CHECK(retain() == 0);
    CHECK(retain() == 0);
    CHECK(lines.count("t-0: retention.ms keeps the segment at 0 and all behind it") == 1);
    CHECK(lines.count("and still is for 3600000 s") == 1);
  }
  SECTION("when it would be gone otherwise") {
    h.must_append({.timestamp = kNow + kHour / 2, .value_size = 100});
    h.must_append({.timestamp = kNow, .value_size = 100});
    CHECK(retain() == 0);
    pass(10);
    CHECK(retain() == 0);
    CHECK(lines.count("retention.ms keeps") == 0);
    h.clock.advance(Millis(kHour / 4));
    disk_clock.advance(Millis(kHour / 4));
    CHECK(retain() == 0);
    CHECK(retain() == 0);
    CHECK(lines.count("retention.ms keeps the segment at 0") == 1);
    CHECK(lines.count("still is") == 0);
    pass(1);
    CHECK(retain() == 2);
    CHECK(h.log->log_start_offset() == Offset(2));
  }
  SECTION("clocks that differ a little are no reason to speak") {
    h.must_append({.timestamp = kNow + 500, .value_size = 100});
    CHECK(retain() == 0);
    pass(9);
    CHECK(retain() == 0);
    CHECK(lines.count("retention.ms keeps") == 0);
  }
}

TEST_CASE("Retention: new settings count at the next round; -1 keeps all", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 200;
  h.config->retention_ms = -1;
  h.config->retention_bytes = -1;
  h.create();
  for (int i = 0; i < 6; ++i) h.must_append({.timestamp = kNow - 100 * kHour, .value_size = 100});
  h.log->update_high_watermark(h.log->log_end_offset());
  REQUIRE(h.log->segment_count() == 6);
  CHECK(*h.run(h.log->delete_old_segments()) == 0);

  auto changed = std::make_shared<config::LogConfig>(*h.config);
  SECTION("retention.bytes") {
    changed->retention_bytes = h.log->size_bytes() / 2;
    h.log->update_config(changed);
    CHECK(*h.run(h.log->delete_old_segments()) == 3);
    CHECK(h.log->log_start_offset() == Offset(3));
  }
  SECTION("retention.ms") {
    changed->retention_ms = 200 * kHour;
    h.log->update_config(changed);
    CHECK(*h.run(h.log->delete_old_segments()) == 0);
    changed = std::make_shared<config::LogConfig>(*changed);
    changed->retention_ms = kHour;
    h.log->update_config(changed);
    CHECK(*h.run(h.log->delete_old_segments()) == 6);
    CHECK(h.log->log_start_offset() == Offset(6));
  }
  SECTION("cleanup.policy without delete") {
    changed->retention_ms = kHour;
    changed->cleanup_delete = false;
    changed->cleanup_compact = true;
    h.log->update_config(changed);
    CHECK(*h.run(h.log->delete_old_segments()) == 0);
  }
}
