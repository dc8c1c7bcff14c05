#include "storage/cleaner/cleaner.h"

#include <atomic>
#include <thread>

#include "compaction_fixture.h"

namespace moldau::storage::test {
namespace {

/// Twenty keys, each written several times, over a dozen segments.
void fill(CompactionHarness& h, int rounds = 10) {
  for (int round = 0; round < rounds; ++round)
    for (int k = 0; k < 20; ++k) h.put("key" + std::to_string(k), "value" + std::to_string(round) + std::string(20, 'x'));
}

}  // namespace

TEST_CASE("Cleaner: the last record of each key stays, with its offset; the segments become few", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  fill(h);
  h.settle();
  const auto before = h.table();
  const auto segments = h.log->segment_count();
  const auto end = h.log->log_end_offset();
  REQUIRE(segments > 10);
  auto outcome = h.clean(h.dirty());
  REQUIRE(outcome);
  CHECK_FALSE(outcome->aborted);
  CHECK(outcome->next_dirty == end);
  CHECK(outcome->stats.records_read == 200);
  CHECK(outcome->stats.records_written == 20);
  CHECK(h.table() == before);
  CHECK(h.records().size() == 20);
  CHECK(h.log->log_end_offset() == end);
  CHECK_FALSE(h.has_leftovers());
  // The next pass writes what is left into as few segments as it fits.
  fill(h, 1);
  h.settle();
  REQUIRE(h.clean(h.dirty(end)));
  CHECK(h.log->segment_count() < segments / 2);
  CHECK(h.records().size() == 20);
  // It is the same after a stop, and after a crash.
  const auto after = h.records();
  h.close();
  REQUIRE(h.load({.clean = true}));
  CHECK(h.records() == after);
  REQUIRE(h.load());
  CHECK(h.records() == after);
  for (std::int64_t o = 0; o < h.log->log_end_offset().value(); o += 7) {
    const auto rest = h.records(o);
    for (const auto& r : rest) REQUIRE(r.offset >= o);
  }
}

TEST_CASE("Cleaner: with a small map it takes several passes, to the same end", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  for (int i = 0; i < 300; ++i) h.put("key" + std::to_string(i * 7 % 100), std::to_string(i));
  h.settle();
  const auto before = h.table();
  h.map_bytes = 20 * SkimpyOffsetMap::kSlotBytes;
  CHECK(h.clean_all() > 5);
  CHECK(h.table() == before);
  // What one pass could not know of is done by a second one over all.
  h.map_bytes = std::size_t{1} << 20;
  CHECK(h.clean_all() == 1);
  CHECK(h.table() == before);
  CHECK(h.records().size() == 100);
}

TEST_CASE("Cleaner: a tombstone stays until its horizon, and hides its key", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.config->delete_retention_ms = 1000;
  h.create();
  h.put("a", "1");
  h.put("b", "1");
  h.put("a", std::nullopt);
  h.settle();
  REQUIRE(h.clean(h.dirty()));
  REQUIRE(h.records().size() == 2);
  CHECK_FALSE(h.table()["a"].value.has_value());
  CHECK(h.table()["a"].timestamp == kNow);
  h.clock.advance(Millis(999));
  h.put("c", "1");
  h.settle();
  REQUIRE(h.clean(h.dirty(Offset(3))));
  CHECK(h.records().size() == 3);
  h.clock.advance(Millis(1));
  h.put("d", "1");
  h.settle();
  REQUIRE(h.clean(h.dirty(Offset(4))));
  CHECK(h.records().size() == 3);
  CHECK_FALSE(h.table().contains("a"));
}

TEST_CASE("Cleaner: tombstones of the old formats go by the times of the files", "[storage][cleaner]") {
  ManualClock file_time;
  SimDisk disk(1, &file_time);
  CompactionHarness h(disk);
  h.config->delete_retention_ms = 1000;
  h.config->segment_bytes = 90;  // no two segments become one
  h.create();
  protocol::ByteBuffer set;
  protocol::LegacySetBuilder builder({.magic = 1, .base_offset = Offset(0)});
  builder.append_with_offset(Offset(0), kNow, as_bytes("a"), as_bytes("1"));
  builder.append_with_offset(Offset(1), kNow, as_bytes("a"), std::nullopt);
  builder.append_with_offset(Offset(2), kNow, as_bytes("b"), as_bytes("1"));
  REQUIRE(builder.build(set));
  REQUIRE(h.replicate(to_vector(set)));
  h.settle();
  REQUIRE(h.clean(h.dirty()));
  CHECK(h.records().size() == 2);
  file_time.advance(Millis(2000));
  h.put("c", "1");
  h.settle();
  REQUIRE(h.clean(h.dirty(Offset(3))));
  // The segment is younger than the last clean one's time less delete.retention.ms: itself.
  CHECK(h.table().contains("a"));
  h.put("d", "1");
  h.settle();
  REQUIRE(h.clean(h.dirty(Offset(4))));
  CHECK_FALSE(h.table().contains("a"));
  CHECK(h.records().size() == 3);
}

TEST_CASE("Cleaner: records without a key go, those of other codecs are rewritten in theirs", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  h.config->cleanup_compact = false;  // as when the policy was changed later
  for (int codec = 0; codec <= 4; ++codec)
    h.put(KeyedBatch{.records = {{"same", "x"}, {std::nullopt, "y"}, {"only" + std::to_string(codec), std::string(100, 'z')}}, .codec = static_cast<protocol::Codec>(codec)});
  h.config->cleanup_compact = true;
  h.settle();
  auto outcome = h.clean(h.dirty());
  REQUIRE(outcome);
  CHECK(outcome->stats.records_without_key == 5);
  CHECK(h.records().size() == 6);
  CHECK(h.table()["same"].offset == 12);
  int codecs = 0;
  auto info = *h.log->read(Offset(0), 1 << 20, FetchIsolation::log_end, true);
  const auto bytes = h.slice_bytes(info);
  for (const auto& batch : protocol::BatchRange(bytes)) CHECK(static_cast<int>(batch.codec()) == codecs++);
  CHECK(codecs == 5);
}

TEST_CASE("Cleaner: a producer's last batch stays as an empty one; after a restart its sequence goes on", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  h.put(KeyedBatch{.records = {{"a", "1"}}, .producer_id = 7, .epoch = 0, .sequence = 0});
  h.put(KeyedBatch{.records = {{"b", "1"}}, .producer_id = 7, .epoch = 0, .sequence = 1});
  h.put("a", "2");
  h.put("b", "2");
  h.settle();
  REQUIRE(h.clean(h.dirty()));
  CHECK(h.records().size() == 2);
  h.close();
  // Without its snapshots the state comes from the batches alone.
  for (const auto& name : h.names())
    if (name.ends_with(".snapshot")) REQUIRE(disk.remove(h.dir() + "/" + name));
  REQUIRE(h.load());
  REQUIRE(h.log->active_producers().size() == 1);
  CHECK(h.log->active_producers()[0].last_sequence == 1);
  h.put(KeyedBatch{.records = {{"c", "1"}}, .producer_id = 7, .epoch = 0, .sequence = 2});
}

TEST_CASE("Cleaner: aborted data goes at once, its marker in later passes; the transaction index follows", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.config->delete_retention_ms = 1000;
  h.create();
  h.put("a", "kept");
  h.put(KeyedBatch{.records = {{"a", "aborted"}}, .producer_id = 1, .epoch = 0, .sequence = 0, .transactional = true});
  h.put(KeyedBatch{.records = {{"b", "committed"}}, .producer_id = 2, .epoch = 0, .sequence = 0, .transactional = true});
  h.mark(1, 0, false);
  h.mark(2, 0, true);
  // Later epochs, so that nothing above is a producer's last.
  h.put(KeyedBatch{.records = {{"x", "1"}}, .producer_id = 1, .epoch = 1, .sequence = 0});
  h.put(KeyedBatch{.records = {{"y", "1"}}, .producer_id = 2, .epoch = 1, .sequence = 0});
  h.settle();
  const auto markers = [&] {
    int n = 0;
    auto info = *h.log->read(Offset(0), 1 << 20, FetchIsolation::log_end, true);
    const auto bytes = h.slice_bytes(info);
    for (const auto& batch : protocol::BatchRange(bytes)) n += batch.is_control_batch() && batch.count() == 1 ? 1 : 0;
    return n;
  };
  REQUIRE(h.clean(h.dirty()));
  CHECK(h.table()["a"].value == "kept");
  CHECK(h.table()["b"].value == "committed");
  CHECK(markers() == 2);
  const auto aborted = h.log->read(Offset(0), 1 << 20, FetchIsolation::txn_committed, true)->aborted;
  REQUIRE(aborted.size() == 1);
  CHECK(aborted[0].producer_id == ProducerId(1));
  // The pass after gives the abort marker its horizon, the one after the horizon drops it. The commit marker stays with its data.
  REQUIRE(h.clean(h.dirty()));
  CHECK(markers() == 2);
  CHECK(h.log->read(Offset(0), 1 << 20, FetchIsolation::txn_committed, true)->aborted.empty());
  h.clock.advance(Millis(1000));
  REQUIRE(h.clean(h.dirty()));
  CHECK(markers() == 1);
  CHECK(h.table()["b"].value == "committed");
}

TEST_CASE("Cleaner: random records, transactions, rolls and passes leave the last committed value of each key", "[storage][cleaner][property]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    auto random = make_seeded_random(seed);
    SimDisk disk(seed);
    CompactionHarness h(disk);
    h.config->delete_retention_ms = 100'000;
    h.config->segment_bytes = static_cast<std::int32_t>(400 + random->below(3000));
    h.create();
    std::map<std::string, std::optional<std::string>> model;  // committed: the last value, null for a tombstone
    struct Producer {
      std::int16_t epoch = 0;
      std::int32_t sequence = 0;
      bool open = false;
      std::map<std::string, std::optional<std::string>> pending;
    };
    std::map<std::int64_t, Producer> producers;
    // With a last writer of each key at a time: a key belongs to one producer, so that the order of commits does not matter to the model.
    const auto random_records = [&](std::int64_t owner, std::map<std::string, std::optional<std::string>>& into) {
      std::vector<KeyValue> list;
      for (std::uint64_t i = 1 + random->below(4); i > 0; --i) {
        KeyValue r{"p" + std::to_string(owner) + "k" + std::to_string(random->below(6)), std::nullopt};
        if (random->below(6) != 0) r.value = std::to_string(random->next() % 100000) + std::string(random->below(60), 'v');
        into[*r.key] = r.value;
        list.push_back(r);
      }
      return list;
    };
    Offset first_dirty{0};
    for (int step = 0; step < 250; ++step) {
      const auto codec = static_cast<protocol::Codec>(random->below(5));
      switch (random->below(10)) {
        case 0:
        case 1:
        case 2: h.put(KeyedBatch{.records = random_records(0, model), .timestamp = h.clock.wall_ms(), .codec = codec}); break;
        case 3:
        case 4: {
          auto& p = producers[1];
          auto records = random_records(1, model);
          const auto n = static_cast<std::int32_t>(records.size());
          h.put(KeyedBatch{.records = std::move(records), .timestamp = h.clock.wall_ms(), .producer_id = 1, .epoch = 0, .sequence = p.sequence, .codec = codec});
          p.sequence += n;
          break;
        }
        case 5:
        case 6: {
          const auto id = static_cast<std::int64_t>(2 + random->below(3));
          auto& p = producers[id];
          auto records = random_records(id, p.pending);
          const auto n = static_cast<std::int32_t>(records.size());
          h.put(KeyedBatch{.records = std::move(records), .timestamp = h.clock.wall_ms(), .producer_id = id, .epoch = p.epoch, .sequence = p.sequence, .transactional = true, .codec = codec});
          p.sequence += n;
          p.open = true;
          break;
        }
        case 7: {
          const auto id = static_cast<std::int64_t>(2 + random->below(3));
          auto& p = producers[id];
          if (!p.open) break;
          const bool commit = random->below(2) == 0;
          h.mark(id, p.epoch, commit);
          if (commit)
            for (const auto& [k, v] : p.pending) model[k] = v;
          p.pending.clear();
          p.open = false;
          break;
        }
        case 8: h.clock.advance(Millis(random->below(50'000))); break;
        default: {
          h.log->update_high_watermark(h.log->log_end_offset());
          if (random->below(2) == 0) REQUIRE(h.run(h.log->roll_now()));
          if (random->below(8) == 0) {
            h.close();
            REQUIRE(h.load({.clean = random->below(2) == 0}));
            h.log->update_high_watermark(h.log->log_end_offset());
          }
          CompactionView view;
          const auto offsets = h.log->offsets();
          view.log_end = offsets.log_end;
          view.last_stable = offsets.last_stable;
          view.max_lag_ms = std::numeric_limits<std::int64_t>::max();
          const auto segments = h.log->segments();
          for (const auto& s : *segments) view.segments.push_back({s->base_offset(), s->size()});
          const auto range = *cleanable_range(view, first_dirty);
          if (range.cleanable_bytes == 0) break;
          h.map_bytes = SkimpyOffsetMap::kSlotBytes * (3 + random->below(200));
          auto outcome = h.clean(LogToClean{h.log, range.first_dirty, range.first_uncleanable});
          if (!outcome) FAIL(outcome.error().message);
          REQUIRE_FALSE(outcome->aborted);
          REQUIRE(outcome->next_dirty > first_dirty);
          first_dirty = outcome->next_dirty;
        }
      }
    }
    for (auto& [id, p] : producers) {
      if (!p.open) continue;
      h.mark(id, p.epoch, true);
      for (const auto& [k, v] : p.pending) model[k] = v;
    }
    h.settle();
    h.map_bytes = 1 << 20;
    h.clean_all(first_dirty);
    h.clean_all();
    const auto check = [&] {
      const auto table = h.table();
      for (const auto& [key, value] : model) {
        const auto it = table.find(key);
        CAPTURE(key);
        if (!value) {
          REQUIRE((it == table.end() || !it->second.value));  // a tombstone, while it lasts
        } else {
          REQUIRE(it != table.end());
          REQUIRE(it->second.value == value);
        }
      }
      for (const auto& [key, record] : table) REQUIRE((!record.value || model.contains(key)));
      REQUIRE(h.records().size() == table.size());
    };
    check();
    const auto sequences = h.log->active_producers();
    h.close();
    for (const auto& name : h.names())
      if (name.ends_with(".snapshot")) REQUIRE(disk.remove(h.dir() + "/" + name));
    REQUIRE(h.load());
    check();
    for (const auto& was : sequences) {
      bool found = false;
      for (const auto& is : h.log->active_producers())
        if (is.producer_id == was.producer_id) {
          found = true;
          CHECK(is.last_sequence == was.last_sequence);
          CHECK(is.producer_epoch == was.producer_epoch);
        }
      CHECK(found);
    }
  }
}

TEST_CASE("Cleaner: given up at any batch it leaves the log as it was", "[storage][cleaner]") {
  for (int calls = 0;; ++calls) {
    CAPTURE(calls);
    SimDisk disk(1);
    CompactionHarness h(disk);
    h.create();
    fill(h, 3);
    h.settle();
    const auto before = h.table();
    int left = calls;
    auto outcome = h.clean(h.dirty(), [&](std::size_t) { return left-- > 0; });
    REQUIRE(outcome);
    CHECK(h.table() == before);
    REQUIRE_FALSE(h.has_leftovers());
    if (!outcome->aborted) {
      CHECK(calls > 50);
      break;
    }
    REQUIRE(outcome->next_dirty == Offset(0));
    h.clean_all();
    CHECK(h.table() == before);
    if (calls > 20) calls += 9;
  }
}

TEST_CASE("Cleaner: truncation, retention, closing and a change of the policy end the pass", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.config->retention_bytes = 1;
  h.create();
  fill(h, 4);
  h.settle();
  boost::asio::io_context other;
  const auto elsewhere = [&other](auto work) {
    boost::asio::co_spawn(other, std::move(work), boost::asio::detached);
    other.restart();
    other.run();
  };
  int calls = 0;
  std::function<void()> meddle;
  const auto pace = [&](std::size_t) {
    if (++calls == 100) meddle();
    return true;
  };
  SECTION("truncation") {
    meddle = [&] { elsewhere([&]() -> Awaitable<void> { REQUIRE(co_await h.log->truncate_to(Offset(30))); }); };
    REQUIRE(h.clean(h.dirty(), pace)->aborted);
    CHECK(h.log->log_end_offset() == Offset(30));
    CHECK(h.records().back().offset == 29);
    CHECK(h.log->take_lowest_truncation() == Offset(30));
    CHECK_FALSE(h.log->take_lowest_truncation().has_value());
  }
  SECTION("retention") {
    h.config->cleanup_delete = true;
    meddle = [&] { elsewhere([&]() -> Awaitable<void> { REQUIRE(co_await h.log->delete_old_segments()); }); };
    REQUIRE(h.clean(h.dirty(), pace)->aborted);
    CHECK(h.log->log_start_offset() == Offset(70));
    CHECK(h.records(70).size() == 10);
  }
  SECTION("closing") {
    meddle = [&] { h.log->try_seal(); };
    REQUIRE(h.clean(h.dirty(), pace)->aborted);
    REQUIRE(h.log->close(true));
  }
  SECTION("policy") {
    meddle = [&] {
      auto changed = std::make_shared<config::LogConfig>(*h.config);
      changed->cleanup_compact = false;
      h.log->update_config(changed);
    };
    REQUIRE(h.clean(h.dirty(), pace)->aborted);
    CHECK(h.table().size() == 20);
  }
  CHECK_FALSE(h.has_leftovers());
}

TEST_CASE("Cleaner: a log that was truncated since it was chosen is left alone", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  fill(h, 4);
  h.settle();
  const auto chosen = h.dirty();
  REQUIRE(h.run(h.log->truncate_to(Offset(30))));
  const auto before = h.records();
  REQUIRE(h.clean(chosen)->aborted);
  CHECK(h.records() == before);
  // The active segment is never replaced.
  const auto active = h.log->segments()->active();
  auto cleaned = *h.log->make_cleaned_segment(active->base_offset());
  REQUIRE(cleaned->create_file());
  CHECK_FALSE(*h.run(h.log->replace_segments(cleaned, {active}, h.log->truncation_count())));
  CHECK(h.records() == before);
}

TEST_CASE("Cleaner: a broken batch is an error that names its place; the log stays as it was", "[storage][cleaner]") {
  SimDisk disk(1);
  CompactionHarness h(disk);
  h.create();
  fill(h, 4);
  h.settle();
  auto file = *disk.open(h.dir() + "/" + segment_file_name((*h.log->segments())[1]->base_offset().value(), ".log"), OpenMode::write);
  std::byte b{};
  REQUIRE(file->read_at(80, {&b, 1}));
  b ^= std::byte{1};
  REQUIRE(file->write_at(80, {&b, 1}));
  const auto outcome = h.clean(h.dirty());
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::corrupt_message);
  CHECK(outcome.error().message.find("position 0") != std::string::npos);
  CHECK_FALSE(h.has_leftovers());
}

TEST_CASE("Cleaner: a crash at any write leaves the old segments or the new ones", "[storage][cleaner][sim]") {
  for (const bool power_loss : {true, false}) {
    for (std::uint64_t writes = 0;; ++writes) {
      CAPTURE(power_loss, writes);
      SimDisk disk(writes + 1);
      std::map<std::string, SeenRecord> before;
      Offset end, recovery_point;
      bool finished = false;
      {
        CompactionHarness h(disk);
        h.config->segment_bytes = 500;
        h.create();
        REQUIRE(disk.sync_directory("/"));
        fill(h, 4);
        h.put(KeyedBatch{.records = {{"key1", "aborted"}}, .producer_id = 1, .epoch = 0, .sequence = 0, .transactional = true});
        h.mark(1, 0, false);
        h.put("key3", "last");
        h.settle();
        h.put("tail", "1");
        REQUIRE(h.log->flush_blocking());
        REQUIRE(h.clean(LogToClean{h.log, Offset(0), Offset(40)}));  // so that there is a clean part too
        before = h.table();
        before.erase("key1");  // what is seen of it depends on whether the aborted record is still there
        end = h.log->log_end_offset();
        recovery_point = h.log->recovery_point();
        disk.stop_at(disk.mutations() + writes);
        const auto outcome = h.clean(h.dirty(Offset(40)));
        finished = outcome.has_value() && !outcome->aborted;
      }
      if (power_loss) {
        disk.crash();
      } else {
        disk.stop_at(UINT64_MAX);
      }
      CompactionHarness h(disk);
      h.config->segment_bytes = 500;
      auto loaded = h.load({.recovery_point = recovery_point});
      if (!loaded) FAIL(loaded.error().message);
      const auto check = [&] {
        REQUIRE(h.log->log_end_offset() == end);
        auto table = h.table();
        table.erase("key1");
        REQUIRE(table == before);
        REQUIRE_FALSE(h.has_leftovers());
      };
      check();
      h.log->update_high_watermark(end);
      h.clean_all();
      check();
      h.close();
      REQUIRE(h.load({.clean = true}));
      check();
      if (finished) {
        CHECK(writes > 30);
        break;
      }
    }
  }
}

TEST_CASE("Cleaner: readers see whole, right batches while segments are replaced under them", "[storage][cleaner]") {
  TempDir temp;
  CompactionHarness h(posix_disk(), temp.path());
  h.config->file_delete_delay_ms = 0;
  h.create();
  fill(h, 30);
  h.settle();
  const auto before = h.table();
  std::atomic<bool> stop{false};
  std::atomic<int> bad{0}, reads{0};
  const auto read = [&](std::uint64_t seed) {
    auto random = make_seeded_random(seed);
    std::vector<std::byte> bytes;
    const auto end = h.log->log_end_offset();
    while (!stop) {
      const auto start = Offset(static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(end.value()))));
      auto info = h.log->read(start, 500, FetchIsolation::log_end, true);
      if (!info) {
        ++bad;
        continue;
      }
      bytes.resize(info->slice.size);
      if (bytes.empty()) continue;
      auto got = info->slice.file->read_at(info->slice.position, bytes);
      if (!got || *got != bytes.size()) ++bad;
      const auto first = protocol::AnyBatch(bytes);
      if (!first.is_valid() || first.last_offset() < start) ++bad;
      if (random->below(4) == 0) h.log->release_descriptors();
      ++reads;
    }
  };
  std::thread one(read, 1), two(read, 2);
  for (int i = 0; i < 150; ++i) {
    auto outcome = h.clean(h.dirty());
    if (!outcome) FAIL(outcome.error().message);
    for (auto& segment : std::exchange(h.deletion->segments, {})) REQUIRE(segment->remove_files());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop = true;
  one.join();
  two.join();
  CHECK(bad == 0);
  CHECK(reads > 100);
  CHECK(h.table() == before);
}

}  // namespace moldau::storage::test
