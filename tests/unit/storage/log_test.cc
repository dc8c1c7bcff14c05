#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

TEST_CASE("Log: appends get offsets in order and are read back", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  CHECK(h.must_append({.records = 3}).first_offset == Offset(0));
  CHECK(h.must_append({.records = 2}).first_offset == Offset(3));
  CHECK(h.log->log_end_offset() == Offset(5));
  CHECK(h.offsets_from(0) == range(0, 5));
  CHECK(h.offsets_from(4) == range(4, 5));
  CHECK(h.log->latest_epoch() == LeaderEpoch(0));
  // From the middle of a batch: the slice starts with the batch.
  auto info = h.log->read(Offset(1), 1000, FetchIsolation::log_end, true);
  REQUIRE(info);
  CHECK(info->slice.position == 0);
  CHECK(info->slice.hot);
}

TEST_CASE("Log: reads stop at the isolation's bound and refuse offsets outside", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  for (int i = 0; i < 40; ++i) h.must_append({.records = 2});
  CHECK(h.offsets_from(0, FetchIsolation::high_watermark).empty());
  h.log->update_high_watermark(Offset(6));
  CHECK(h.offsets_from(0, FetchIsolation::high_watermark) == range(0, 6));
  h.log->update_high_watermark(Offset(76));
  CHECK(h.offsets_from(70, FetchIsolation::high_watermark) == range(70, 76));
  CHECK(h.log->read(Offset(81), 100, FetchIsolation::log_end, true).error().code == ErrorCode::offset_out_of_range);
  CHECK(h.log->read(Offset(80), 100, FetchIsolation::log_end, true)->slice.size == 0);
  CHECK(h.log->read(Offset(79), 100, FetchIsolation::high_watermark, true)->slice.size == 0);
  REQUIRE(*h.log->maybe_increment_log_start_offset(Offset(10)));
  CHECK(h.log->read(Offset(9), 100, FetchIsolation::log_end, true).error().code == ErrorCode::offset_out_of_range);
  CHECK(h.log->maybe_increment_log_start_offset(Offset(77)).error().code == ErrorCode::offset_out_of_range);
  CHECK_FALSE(*h.log->maybe_increment_log_start_offset(Offset(5)));
}

TEST_CASE("Log: max_bytes cuts, min_one_batch does not let a batch starve", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  const auto size = make_batch({.value_size = 500}).size();
  for (int i = 0; i < 3; ++i) h.must_append({.value_size = 500});
  auto small = h.log->read(Offset(0), 10, FetchIsolation::log_end, true);
  CHECK(small->slice.size == size);
  CHECK_FALSE(small->first_entry_incomplete);
  auto cut = h.log->read(Offset(0), 10, FetchIsolation::log_end, false);
  CHECK(cut->slice.size == 10);
  CHECK(cut->first_entry_incomplete);
  CHECK(h.log->read(Offset(1), static_cast<std::int32_t>(size + 5), FetchIsolation::log_end, true)->slice.size == size + 5);
  CHECK(h.log->read(Offset(1), 0, FetchIsolation::log_end, false)->slice.size == 0);
}

TEST_CASE("Log: rolls by size and reads over segments", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 1000;
  h.config->index_interval_bytes = 100;
  h.create();
  for (int i = 0; i < 50; ++i) h.must_append({.records = 2, .value_size = 50});
  CHECK(h.log->segment_count() > 5);
  CHECK(h.offsets_from(0) == range(0, 100));
  for (int start = 0; start < 100; ++start) CHECK(h.offsets_from(start).front() == start);
  // Rolled segments are durable and have snapshots of producers at their base.
  h.drain();
  CHECK(h.log->recovery_point() == (*h.log->segments()).active()->base_offset());
  for (std::size_t i = 1; i < h.log->segment_count(); ++i) {
    const auto base = (*h.log->segments())[i]->base_offset();
    CHECK((*disk.stat(h.dir() + "/" + segment_file_name(base.value(), ".snapshot"))).has_value());
    CHECK((*disk.stat(h.dir() + "/" + segment_file_name((*h.log->segments())[i - 1]->base_offset().value(), ".timeindex")))->size % 12 == 0);
  }
  const auto active = (*h.log->segments()).active()->base_offset();
  CHECK((*disk.stat(h.dir() + "/" + segment_file_name(active.value(), ".index")))->size == 10485760);
  CHECK((*disk.stat(h.dir() + "/" + segment_file_name(active.value(), ".timeindex")))->size == 10485756);
}

TEST_CASE("Log: rolls by event time, not for idle segments", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_ms = 1000;
  h.create();
  h.must_append({.timestamp = 5000});
  h.clock.advance(Millis(100'000));
  h.must_append({.timestamp = 6000});
  CHECK(h.log->segment_count() == 1);
  h.must_append({.timestamp = 6001});
  CHECK(h.log->segment_count() == 2);
}

TEST_CASE("Log: clean stop and start keep everything and scan nothing", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 2000;
  h.config->index_interval_bytes = 100;
  h.create();
  REQUIRE(h.log->assign_topic_id(Uuid{7, 9}));
  for (int i = 0; i < 60; ++i) h.must_append({.records = 2, .timestamp = kNow + i * 10, .value_size = 40, .producer_id = 5, .epoch = 0, .sequence = i * 2}, i / 20);
  const auto segments = h.log->segment_count();
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.log->segment_count() == segments);
  CHECK(h.log->log_end_offset() == Offset(120));
  CHECK(h.log->recovery_point() == Offset(120));
  CHECK(h.log->topic_id() == Uuid{7, 9});
  CHECK(h.offsets_from(0) == range(0, 120));
  CHECK(h.log->end_offset_for_epoch(LeaderEpoch(1)) == std::pair(LeaderEpoch(1), Offset(80)));
  CHECK(h.log->end_offset_for_epoch(LeaderEpoch(2)) == std::pair(LeaderEpoch(2), Offset(120)));
  CHECK(h.log->end_offset_for_epoch(LeaderEpoch(3)) == std::pair(kNoLeaderEpoch, kNoOffset));
  REQUIRE(h.log->active_producers().size() == 1);
  CHECK(h.log->active_producers()[0].last_sequence == 119);
  // The duplicate of the last batch is still known, the next one goes on.
  CHECK(h.must_append({.records = 2, .producer_id = 5, .epoch = 0, .sequence = 118}, 2).duplicate);
  CHECK(h.must_append({.records = 2, .producer_id = 5, .epoch = 0, .sequence = 120}, 2).first_offset == Offset(120));
  CHECK(h.offsets_from(0) == range(0, 122));
}

TEST_CASE("Log: topic id is written before the first record and must not change", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  const Uuid id{1, 2};
  REQUIRE(h.log->assign_topic_id(id));
  REQUIRE(h.log->assign_topic_id(id));
  CHECK(h.log->assign_topic_id(Uuid{3, 4}).error().code == ErrorCode::inconsistent_topic_id);
  h.must_append({});
  const auto text = read_whole(disk, h.dir() + "/partition.metadata");
  REQUIRE(text);
  CHECK(**text == "version: 0\ntopic_id: " + id.to_string());
  CHECK((*text)->size() == 43);
}

TEST_CASE("Log: looks up offsets by time", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 1500;
  h.config->index_interval_bytes = 100;
  h.create();
  CHECK_FALSE(h.log->offset_by_timestamp(5)->has_value());
  CHECK_FALSE(h.log->offset_by_timestamp(-3)->has_value());
  for (int i = 0; i < 50; ++i) h.must_append({.records = 2, .timestamp = 1000 + i * 10, .value_size = 50}, 4);
  CHECK((*h.log->offset_by_timestamp(0))->offset == Offset(0));
  CHECK((*h.log->offset_by_timestamp(1001))->offset == Offset(1));
  CHECK((*h.log->offset_by_timestamp(1002))->offset == Offset(2));
  CHECK((*h.log->offset_by_timestamp(1245))->offset == Offset(50));
  CHECK((*h.log->offset_by_timestamp(1245))->timestamp == 1250);
  CHECK((*h.log->offset_by_timestamp(1245))->leader_epoch == LeaderEpoch(4));
  CHECK_FALSE(h.log->offset_by_timestamp(1492)->has_value());
  CHECK((*h.log->offset_by_timestamp(-1))->offset == Offset(100));
  CHECK((*h.log->offset_by_timestamp(-2))->offset == Offset(0));
  CHECK((*h.log->offset_by_timestamp(-3))->offset == Offset(99));
  h.log->update_high_watermark(Offset(100));
  REQUIRE(h.log->maybe_increment_log_start_offset(Offset(31)));
  CHECK((*h.log->offset_by_timestamp(0))->offset == Offset(31));
  CHECK((*h.log->offset_by_timestamp(-2))->offset == Offset(31));
  // Out of order: the largest timestamp lies in the middle.
  h.must_append({.timestamp = 9000}, 4);
  h.must_append({.timestamp = 2000}, 4);
  CHECK((*h.log->offset_by_timestamp(-3))->offset == Offset(100));
  CHECK((*h.log->offset_by_timestamp(1600))->offset == Offset(100));
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK((*h.log->offset_by_timestamp(-3))->offset == Offset(100));
  CHECK((*h.log->offset_by_timestamp(1245))->offset == Offset(50));
}

TEST_CASE("Log: legacy offsets before a time are segment bases, newest first", "[storage]") {
  ManualClock clock;
  SimDisk disk(1, &clock);
  LogHarness h(disk);
  h.config->segment_bytes = 200;
  h.create();
  for (int i = 0; i < 4; ++i) h.must_append({.value_size = 60});
  const auto bases = h.log->segments()->bases();
  auto all = h.log->legacy_offsets_before(-1, 10);
  REQUIRE(all);
  CHECK(all->front() == Offset(4));
  CHECK(all->size() == bases.size() + 1);
  CHECK(all->back() == Offset(0));
  CHECK(*h.log->legacy_offsets_before(-2, 5) == std::vector{Offset(0)});
  CHECK(h.log->legacy_offsets_before(1, 5)->empty());
  CHECK(h.log->legacy_offsets_before(-1, 2)->size() == 2);
}

TEST_CASE("Log: truncates whole batches, indexes, epochs and producers", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 1200;
  h.config->index_interval_bytes = 100;
  h.create();
  for (int i = 0; i < 40; ++i)
    h.must_append({.records = 2, .timestamp = kNow + i, .value_size = 40, .producer_id = 3, .epoch = 0, .sequence = i * 2}, i / 10);
  h.log->update_high_watermark(Offset(80));
  CHECK_FALSE(*h.run(h.log->truncate_to(Offset(80))));
  for (const int target : {61, 40, 39, 20, 7, 0}) {
    REQUIRE(h.run(h.log->truncate_to(Offset(target))));
    CHECK(h.log->log_end_offset() == Offset(target));
    CHECK(h.log->high_watermark() <= Offset(target));
    CHECK(h.offsets_from(0) == range(0, target / 2 * 2));
    CHECK(h.log->epoch_for_offset(Offset(100)) == LeaderEpoch(target == 0 ? -1 : (target - 1) / 20));
    const auto producers = h.log->active_producers();
    if (target >= 2) {
      REQUIRE(producers.size() == 1);
      CHECK(producers[0].last_sequence == target / 2 * 2 - 1);
    } else {
      CHECK(producers.empty());
    }
    if (target % 2 == 0) continue;
    // A follower goes on from the leader at the target.
    auto bytes = make_batch({.records = 1, .timestamp = kNow, .producer_id = 3, .epoch = 0, .sequence = target - 1, .base_offset = target, .leader_epoch = 9});
    REQUIRE(h.replicate(bytes));
    CHECK(h.log->log_end_offset() == Offset(target + 1));
    CHECK(h.log->latest_epoch() == LeaderEpoch(9));
  }
  h.drain();
  CHECK_FALSE(h.deletion->segments.empty());
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.log->log_end_offset() == Offset(0));
}

TEST_CASE("Log: truncates fully and starts anew", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  for (int i = 0; i < 5; ++i) h.must_append({.records = 2});
  REQUIRE(h.run(h.log->truncate_fully_and_start_at(Offset(100))));
  CHECK(h.log->offsets().log_start == Offset(100));
  CHECK(h.log->offsets().log_end == Offset(100));
  CHECK(h.log->offsets().high_watermark == Offset(100));
  // A first batch below the end of an empty log starts it again there.
  REQUIRE(h.replicate(make_batch({.records = 20, .base_offset = 90, .leader_epoch = 1})));
  CHECK(h.log->log_start_offset() == Offset(90));
  CHECK(h.offsets_from(90) == range(90, 110));
  CHECK_FALSE(h.replicate(make_batch({.records = 1, .base_offset = 50, .leader_epoch = 1})));
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.log->log_start_offset() == Offset(90));
  CHECK(h.offsets_from(90) == range(90, 110));
}

TEST_CASE("Log: followers append byte for byte and allow gaps", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  auto bytes = make_batch({.records = 2, .base_offset = 5, .leader_epoch = 3});
  const auto second = make_batch({.records = 1, .base_offset = 9, .leader_epoch = 4});
  bytes.insert(bytes.end(), second.begin(), second.end());
  const auto original = bytes;
  auto info = h.replicate(bytes);
  REQUIRE(info);
  CHECK(info->first_offset == Offset(5));
  CHECK(info->last_offset == Offset(9));
  CHECK(h.log->log_end_offset() == Offset(10));
  auto read = h.log->read(Offset(0), 100'000, FetchIsolation::log_end, true);
  CHECK(h.slice_bytes(*read) == original);
  CHECK(h.log->end_offset_for_epoch(LeaderEpoch(3)) == std::pair(LeaderEpoch(3), Offset(9)));
  CHECK(h.offsets_from(7) == std::vector<std::int64_t>{9});
}

TEST_CASE("Log: retention by size, by time and by log start", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->segment_bytes = 300;
  h.config->retention_ms = -1;
  h.create();
  const auto now = h.clock.wall_ms();
  for (int i = 0; i < 20; ++i) h.must_append({.timestamp = now - 100'000 + i * 1000, .value_size = 50});
  const auto segments = h.log->segment_count();
  REQUIRE(segments > 6);
  CHECK(*h.run(h.log->delete_old_segments()) == 0);
  h.log->update_high_watermark(Offset(20));

  SECTION("size") {
    h.config->retention_bytes = h.log->size_bytes() / 2;
    const auto removed = *h.run(h.log->delete_old_segments());
    CHECK(removed > 2);
    CHECK(h.log->size_bytes() >= h.config->retention_bytes);
    CHECK(h.log->segment_count() == segments - removed);
    CHECK(h.log->log_start_offset() == (*h.log->segments())[0]->base_offset());
    CHECK(h.deletion->segments.size() == removed);
    CHECK((*disk.stat(h.dir() + "/00000000000000000000.log.deleted")).has_value());
  }
  SECTION("time removes all and rolls a new segment") {
    h.config->retention_ms = 1000;
    CHECK(*h.run(h.log->delete_old_segments()) == segments);
    CHECK(h.log->segment_count() == 1);
    CHECK(h.log->log_start_offset() == Offset(20));
    CHECK(h.log->log_end_offset() == Offset(20));
    h.must_append({.timestamp = now});
    CHECK(h.offsets_from(20) == range(20, 21));
    h.close();
    REQUIRE(h.load({.clean = true}));
    CHECK(h.log->log_start_offset() == Offset(20));
  }
  SECTION("nothing beyond the high watermark") {
    h.config->retention_ms = 1000;
    h.log->update_high_watermark(Offset(5));
    REQUIRE(*h.run(h.log->delete_old_segments()) > 0);
    CHECK(h.log->log_start_offset() <= Offset(5));
  }
  SECTION("log start, compacted topics too") {
    h.config->cleanup_delete = false;
    h.config->cleanup_compact = true;
    REQUIRE(*h.log->maybe_increment_log_start_offset(Offset(11)));
    CHECK(*h.run(h.log->delete_old_segments()) > 0);
    CHECK(h.log->log_start_offset() == Offset(11));
    CHECK((*h.log->segments())[0]->base_offset() <= Offset(11));
  }
}

TEST_CASE("Log: a failing disk takes its directory offline, with all that waits", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  std::string failed;
  h.dir_state->set_handler([&](const std::string& dir) { failed = dir; });
  h.must_append({});
  disk.inject(SimDisk::Operation::write, ".log");
  CHECK(h.append(make_batch({})).error().code == ErrorCode::kafka_storage_error);
  CHECK(failed == "/d");
  CHECK(h.append(make_batch({})).error().code == ErrorCode::kafka_storage_error);
  CHECK(h.log->read(Offset(0), 100, FetchIsolation::log_end, true).error().code == ErrorCode::kafka_storage_error);
  CHECK(h.log->log_end_offset() == Offset(1));
}

TEST_CASE("Log: flush.messages=1 syncs before it answers, one sync for all that wait", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->flush_messages = 1;
  h.create();
  h.must_append({.records = 3});
  CHECK(h.log->recovery_point() == Offset(3));
  // Many at once.
  std::vector<std::vector<std::byte>> batches;
  for (int i = 0; i < 50; ++i) batches.push_back(make_batch({}));
  int done = 0;
  const auto before = disk.mutations();
  for (auto& batch : batches)
    boost::asio::co_spawn(
        h.io,
        [&]() -> Awaitable<void> {
          LeaderAppend a{batch, LeaderEpoch(0), AppendOrigin::client, 11};
          auto r = co_await h.log->append_as_leader(a);
          CHECK(r);
          CHECK(h.log->recovery_point() > r->last_offset);
          ++done;
        },
        boost::asio::detached);
  h.drain();
  CHECK(done == 50);
  CHECK(disk.mutations() - before < 60);
  // A failed sync fails the append.
  disk.inject(SimDisk::Operation::sync, ".log");
  CHECK(h.append(make_batch({})).error().code == ErrorCode::kafka_storage_error);
  CHECK_FALSE(h.dir_state->online());
}

TEST_CASE("Log: appends of many threads keep one order", "[storage]") {
  TempDir temp;
  LogHarness h(posix_disk(), temp.path());
  h.config->segment_bytes = 20'000;
  h.create();
  boost::asio::thread_pool pool(4);
  std::mutex mutex;
  std::vector<std::int64_t> bases;
  for (int t = 0; t < 8; ++t)
    boost::asio::co_spawn(
        pool,
        [&]() -> Awaitable<void> {
          for (int i = 0; i < 200; ++i) {
            auto bytes = make_batch({.records = 2});
            LeaderAppend a{bytes, LeaderEpoch(0), AppendOrigin::client, 11};
            auto r = co_await h.log->append_as_leader(a);
            if (!r) co_return;
            (void)h.log->read(r->first_offset, 1000, FetchIsolation::log_end, true);
            const std::lock_guard lock(mutex);
            bases.push_back(r->first_offset.value());
          }
        },
        boost::asio::detached);
  pool.join();
  h.drain();
  REQUIRE(bases.size() == 1600);
  std::sort(bases.begin(), bases.end());
  for (std::size_t i = 0; i < bases.size(); ++i) CHECK(bases[i] == static_cast<std::int64_t>(i) * 2);
  CHECK(h.offsets_from(0) == range(0, 3200));
}

TEST_CASE("Log: readers meet truncation, roll and retention unharmed", "[storage]") {
  TempDir temp;
  LogHarness h(posix_disk(), temp.path());
  h.config->segment_bytes = 3000;
  h.config->index_interval_bytes = 100;
  h.config->retention_bytes = 12'000;
  h.config->retention_ms = -1;
  h.create();
  boost::asio::thread_pool pool(3);
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  for (int t = 0; t < 2; ++t)
    boost::asio::post(pool, [&, t] {
      for (std::int64_t i = t; !stop; i += 7) {
        const auto offsets = h.log->offsets();
        const auto span = offsets.log_end - offsets.log_start;
        const auto at = offsets.log_start + (span > 0 ? i % span : 0);
        auto info = h.log->read(at, 500, FetchIsolation::log_end, true);
        if (!info && info.error().code != ErrorCode::offset_out_of_range) std::abort();
        (void)h.log->offset_by_timestamp(kNow + i % 100);
        ++reads;
      }
    });
  for (int i = 0; i < 1500; ++i) {
    h.must_append({.records = 2, .timestamp = kNow + i % 100, .value_size = 50});
    h.log->update_high_watermark(h.log->log_end_offset());
    if (i % 50 == 49) REQUIRE(h.run(h.log->truncate_to(h.log->log_end_offset() - 21)));
    if (i % 100 == 99) {
      REQUIRE(h.run(h.log->delete_old_segments()));
      // As file.delete.delay.ms=0 does it.
      for (const auto& s : h.deletion->segments) REQUIRE(s->remove_files());
      h.deletion->segments.clear();
    }
  }
  stop = true;
  pool.join();
  CHECK(reads > 0);
  CHECK(h.dir_state->online());
}

TEST_CASE("Log: few descriptors are enough for many segments", "[storage]") {
  TempDir temp;
  LogHarness h(posix_disk(), temp.path(), 16);
  h.config->segment_bytes = 300;
  h.create();
  for (int i = 0; i < 200; ++i) h.must_append({.value_size = 50});
  REQUIRE(h.log->segment_count() > 60);
  CHECK(h.offsets_from(0) == range(0, 200));
  CHECK(h.cache.open_count() <= 16);
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.offsets_from(0) == range(0, 200));
}

TEST_CASE("Log: LogAppendTime, compressed batches and refusals", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.config->message_timestamp_type = config::TimestampType::log_append_time;
  h.create();
  auto info = h.must_append({.records = 3, .timestamp = 5, .codec = protocol::Codec::lz4});
  CHECK(info.log_append_time == h.clock.wall_ms());
  CHECK((*h.log->offset_by_timestamp(h.clock.wall_ms()))->offset == Offset(0));
  auto bad = make_batch({.records = 3});
  bad[70] ^= std::byte{1};
  CHECK(h.append(bad).error().code == ErrorCode::corrupt_message);
  CHECK(h.log->log_end_offset() == Offset(3));
  CHECK(h.dir_state->online());
}
