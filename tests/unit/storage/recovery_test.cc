#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

/// Ten batches of two records in small segments, closed by a kill (no close()).
void fill(LogHarness& h, int batches = 10) {
  h.config->segment_bytes = 600;
  h.config->index_interval_bytes = 50;
  h.create();
  for (int i = 0; i < batches; ++i) h.must_append({.records = 2, .timestamp = kNow + i, .value_size = 30, .producer_id = 8, .epoch = 0, .sequence = i * 2}, i / 4);
  h.drain();
}

std::string active_log(LogHarness& h) { return h.dir() + "/" + segment_file_name((*h.log->segments()).active()->base_offset().value(), ".log"); }

}  // namespace

TEST_CASE("Recovery: after a kill all that was written is there", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  REQUIRE(h.load());
  CHECK(h.log->log_end_offset() == Offset(20));
  CHECK(h.offsets_from(0) == range(0, 20));
  CHECK(h.log->epoch_for_offset(Offset(9)) == LeaderEpoch(1));
  REQUIRE(h.log->active_producers().size() == 1);
  CHECK(h.log->active_producers()[0].last_sequence == 19);
  CHECK((*h.log->offset_by_timestamp(kNow + 5))->offset == Offset(9));
  CHECK(h.must_append({.records = 1, .producer_id = 8, .epoch = 0, .sequence = 20}, 3).first_offset == Offset(20));
}

TEST_CASE("Recovery: a torn tail is cut at every byte of the last batch", "[storage]") {
  const auto last_size = make_batch({.records = 2, .value_size = 30, .producer_id = 8, .epoch = 0, .sequence = 18}).size();
  for (std::size_t cut = 1; cut <= last_size; ++cut) {
    SimDisk disk(1);
    LogHarness h(disk);
    fill(h);
    const auto path = active_log(h);
    {
      auto file = *disk.open(path, OpenMode::write);
      REQUIRE(file->truncate(*file->size() - cut));
    }
    REQUIRE(h.load());
    REQUIRE(h.log->log_end_offset() == Offset(18));
    REQUIRE(h.offsets_from(0) == range(0, 18));
    REQUIRE(h.log->active_producers()[0].last_sequence == 17);
    auto file = *disk.open(path, OpenMode::read);
    REQUIRE(*file->size() % last_size == 0);
    h.must_append({.records = 2, .producer_id = 8, .epoch = 0, .sequence = 18}, 3);
    REQUIRE(h.offsets_from(0) == range(0, 20));
  }
}

TEST_CASE("Recovery: a flipped bit anywhere in the last batch cuts it", "[storage]") {
  const auto last_size = make_batch({.records = 2, .value_size = 30, .producer_id = 8, .epoch = 0, .sequence = 18}).size();
  for (std::size_t at = 0; at < last_size; ++at) {
    SimDisk disk(1);
    LogHarness h(disk);
    fill(h);
    {
      auto file = *disk.open(active_log(h), OpenMode::write);
      std::byte b{};
      const auto position = *file->size() - last_size + at;
      REQUIRE(file->read_at(position, {&b, 1}));
      b ^= std::byte{0x10};
      REQUIRE(file->write_at(position, {&b, 1}));
    }
    REQUIRE(h.load());
    // Base offset and leader epoch lie outside the checksum: a wrong epoch is taken, a wrong offset only if it rises.
    const bool outside_crc = at < 8 || (at >= 12 && at < 16);
    if (!outside_crc) {
      REQUIRE(h.log->log_end_offset() == Offset(18));
    }
    const auto offsets = h.offsets_from(0);
    REQUIRE(std::vector(offsets.begin(), offsets.begin() + 18) == range(0, 18));
  }
}

TEST_CASE("Recovery: zeros behind the last batch are cut, more than a torn batch is kept aside", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  const auto path = active_log(h);
  const auto aside = [&] {
    int n = 0;
    for (const auto& e : *disk.list(h.dir())) n += e.name.find(".corrupt-") != std::string::npos ? 1 : 0;
    return n;
  };
  SECTION("zeros") {
    auto file = *disk.open(path, OpenMode::write);
    REQUIRE(file->truncate(*file->size() + 5000));
    REQUIRE(h.load());
    CHECK(h.log->log_end_offset() == Offset(20));
    CHECK(aside() == 0);
  }
  SECTION("a broken batch in the first segment: what follows leaves the log but not the disk") {
    const auto first = h.dir() + "/" + segment_file_name(0, ".log");
    auto file = *disk.open(first, OpenMode::write);
    std::byte b{};
    REQUIRE(file->read_at(100, {&b, 1}));
    b ^= std::byte{1};
    REQUIRE(file->write_at(100, {&b, 1}));
    const auto segments = h.log->segment_count();
    REQUIRE(h.load());
    CHECK(h.log->log_end_offset() == Offset(0));
    CHECK(h.log->segment_count() == 1);
    CHECK(aside() == static_cast<int>(segments));
    h.must_append({}, 9);
    CHECK(h.offsets_from(0) == range(0, 1));
  }
}

TEST_CASE("Recovery: only from the recovery point on", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  const auto recovery_point = h.log->recovery_point();
  REQUIRE(recovery_point > Offset(4));
  // A bad byte below the recovery point is not looked at (fetchers find it by its checksum).
  auto file = *disk.open(h.dir() + "/" + segment_file_name(0, ".log"), OpenMode::write);
  std::byte b{1};
  REQUIRE(file->write_at(100, {&b, 1}));
  REQUIRE(h.load({.recovery_point = recovery_point}));
  CHECK(h.log->log_end_offset() == Offset(20));
  CHECK(h.log->recovery_point() == recovery_point);
}

TEST_CASE("Recovery: every index, snapshot and epoch file may be missing or broken", "[storage]") {
  for (const bool clean : {true, false}) {
    for (const char* suffix : {".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint"}) {
      for (const int damage : {0, 1, 2, 3}) {
        CAPTURE(clean, suffix, damage);
        SimDisk disk(1);
        LogHarness h(disk);
        fill(h);
        if (clean) h.close();
        for (const auto& e : *disk.list(h.dir())) {
          if (!std::string_view(e.name).ends_with(suffix)) continue;
          const auto path = h.dir() + "/" + e.name;
          auto f = *disk.open(path, OpenMode::write);
          const auto size = *f->size();
          switch (damage) {
            case 0: REQUIRE(disk.remove(path)); break;
            case 1: REQUIRE(f->truncate(size > 0 ? size - 1 : 0)); break;
            case 2: {
              const std::vector<std::byte> garbage(static_cast<std::size_t>(std::min<std::uint64_t>(size, 4096)), std::byte{0xA5});
              REQUIRE(f->write_at(0, garbage));
              break;
            }
            default: {
              const std::vector<std::byte> more(24, std::byte{0x7F});
              REQUIRE(f->write_at(size, more));
            }
          }
        }
        REQUIRE(h.load({.clean = clean}));
        REQUIRE(h.log->log_end_offset() == Offset(20));
        REQUIRE(h.offsets_from(0) == range(0, 20));
        for (int i = 0; i < 20; ++i) REQUIRE(h.offsets_from(i).front() == i);
        REQUIRE(h.log->epoch_for_offset(Offset(9)) == LeaderEpoch(1));
        REQUIRE((*h.log->offset_by_timestamp(kNow + 5))->offset == Offset(9));
        if (std::string_view(suffix) != ".snapshot") {
          REQUIRE(h.log->active_producers().size() == 1);
          REQUIRE(h.log->active_producers()[0].last_sequence == 19);
        }
      }
    }
  }
}

TEST_CASE("Recovery: leftovers of deletion and compaction", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  const auto bases = h.log->segments()->bases();
  REQUIRE(bases.size() > 2);
  const auto write = [&](const std::string& name, Bytes bytes) {
    auto f = *disk.open(h.dir() + "/" + name, OpenMode::truncate);
    REQUIRE(f->write_at(0, bytes));
  };
  write(segment_file_name(0, ".log.deleted"), {});
  write(segment_file_name(500, ".index"), {});
  SECTION("half-written output of the cleaner goes") {
    write(segment_file_name(0, ".log.cleaned"), make_batch({.base_offset = 0}));
    write(segment_file_name(bases[1].value(), ".log.swap"), make_batch({.base_offset = 0}));
    REQUIRE(h.load({.clean = true}));
    CHECK(h.offsets_from(0) == range(0, 20));
  }
  SECTION("a complete swap takes the place of what it was made from") {
    // Segments 0 and 1 were compacted to one batch: offset 1 and the last of segment 1.
    const auto last = bases[2].value() - 1;
    auto compacted = make_batch({.base_offset = 1});
    const auto tail = make_batch({.base_offset = last, .leader_epoch = 1});
    compacted.insert(compacted.end(), tail.begin(), tail.end());
    write(segment_file_name(0, ".log.swap"), compacted);
    REQUIRE(h.load({.clean = true}));
    auto expected = std::vector<std::int64_t>{1, last};
    for (auto o = bases[2].value(); o < 20; ++o) expected.push_back(o);
    CHECK(h.offsets_from(0) == expected);
    CHECK(h.log->segment_count() == bases.size() - 1);
  }
  for (const auto& e : *disk.list(h.dir())) {
    CHECK(e.name.find(".deleted") == std::string::npos);
    CHECK(e.name.find(".cleaned") == std::string::npos);
    CHECK(e.name.find(".swap") == std::string::npos);
    CHECK(e.name.find("00000000000000000500") == std::string::npos);
  }
}

TEST_CASE("Recovery: log start checkpoint above the log end", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  REQUIRE(h.load({.clean = true, .log_start = Offset(50)}));
  CHECK(h.log->log_start_offset() == Offset(50));
  CHECK(h.log->log_end_offset() == Offset(50));
  h.must_append({}, 9);
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.offsets_from(50) == range(50, 51));
}

TEST_CASE("Recovery: whatever a power loss leaves, synced records stay and the log goes on", "[storage][sim]") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    SimDisk disk(seed);
    auto random = make_seeded_random(seed);
    Offset durable{0};
    std::int64_t next = 0;
    {
      LogHarness h(disk);
      h.config->segment_bytes = 800;
      h.config->index_interval_bytes = 60;
      h.create();
      REQUIRE(disk.sync_directory("/"));
      REQUIRE(h.log->assign_topic_id(Uuid{1, seed}));
      const auto stop = disk.mutations() + 20 + random->below(150);
      disk.stop_at(stop);
      for (int i = 0; i < 80; ++i) {
        auto bytes = make_batch({.records = 1 + static_cast<std::int32_t>(random->below(3)),
                                 .value_size = random->below(200),
                                 .producer_id = 4,
                                 .epoch = 0,
                                 .sequence = static_cast<std::int32_t>(next)});
        auto r = h.append(bytes, AppendOrigin::client, i / 10);
        if (!r) break;
        next = r->last_offset.value() + 1;
        if (random->below(4) == 0) (void)h.run(h.log->flush(h.log->log_end_offset()));
        durable = h.log->recovery_point();
      }
      durable = h.log->recovery_point();
    }
    disk.crash();
    LogHarness h(disk);
    h.config->segment_bytes = 800;
    h.config->index_interval_bytes = 60;
    if (!(*disk.stat(h.dir())).has_value()) {
      REQUIRE(durable == Offset(0));
      continue;
    }
    const auto recovery_point = Offset(static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(durable.value()) + 1)));
    const auto loaded = h.load({.recovery_point = recovery_point});
    if (!loaded) FAIL(loaded.error().message);
    REQUIRE(h.log->log_end_offset() >= durable);
    const auto end = h.log->log_end_offset().value();
    REQUIRE(h.offsets_from(0) == range(0, end));
    if (end > 0) {
      REQUIRE(h.log->active_producers().size() == 1);
      REQUIRE(h.log->active_producers()[0].last_sequence == end - 1);
    }
    if (durable > Offset(0)) REQUIRE(h.log->topic_id() == Uuid{1, seed});
    // It takes the next record and survives a clean stop.
    h.must_append({.producer_id = 4, .epoch = 0, .sequence = static_cast<std::int32_t>(end)}, 100);
    h.close();
    REQUIRE(h.load({.clean = true}));
    REQUIRE(h.offsets_from(0) == range(0, end + 1));
  }
}
