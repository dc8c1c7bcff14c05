#include "tests/unit/storage/storage_fixture.h"

#include "config/metric_handles.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

TEST_CASE("Log: with flush.messages=1 what was acknowledged survives a power loss, at any write", "[storage][sim]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimDisk disk(seed);
    std::int64_t acknowledged = 0;
    {
      LogHarness h(disk);
      REQUIRE(disk.sync_directory("/"));  // the log directory is there since long
      h.config->flush_messages = 1;
      h.config->segment_bytes = 3000;
      h.config->index_interval_bytes = 200;
      h.create();
      REQUIRE(h.must_append({}).last_offset == Offset(0));
      acknowledged = 1;
      disk.stop_at(disk.mutations() + seed * 7);
      for (int i = 0; i < 60; ++i) {
        BatchSpec spec;
        spec.value_size = 300;
        const auto r = h.append(make_batch(spec));
        if (!r) break;
        acknowledged = r->last_offset.value() + 1;
      }
    }
    disk.crash();
    LogHarness h(disk);
    REQUIRE(h.load());
    CHECK(h.log->log_end_offset() >= Offset(acknowledged));
    const auto there = h.offsets_from(0);
    CHECK(static_cast<std::int64_t>(there.size()) >= acknowledged);
    CHECK(there == range(0, static_cast<std::int64_t>(there.size())));
  }
}

TEST_CASE("Log: a sync that failed is never asked again", "[storage]") {
  for (const char* what : {".log", ".index", "leader-epoch-checkpoint", ".snapshot", "/d/t-0"}) {
    SimDisk disk(3);
    LogHarness h(disk);
    h.config->segment_bytes = 2000;
    h.create();
    BatchSpec spec;
    spec.value_size = 900;
    spec.producer_id = 1;
    spec.epoch = 0;
    for (spec.sequence = 0; spec.sequence < 1; ++spec.sequence) h.must_append(spec);
    disk.inject(SimDisk::Operation::sync, what, 0, 1);
    // Rolls, and has the closed segment synced in the background.
    for (; spec.sequence < 3; ++spec.sequence) (void)h.append(make_batch(spec));
    h.drain();
    CAPTURE(what);
    const auto durable = h.log->recovery_point();
    if (h.dir_state->online()) {
      // Nothing of this kind was synced yet.
      CHECK_FALSE(h.run(h.log->flush(h.log->log_end_offset())));
    }
    CHECK_FALSE(h.dir_state->online());
    // The disk takes syncs again, and tells nothing of what it has lost.
    CHECK_FALSE(h.log->flush_blocking());
    CHECK_FALSE(h.run(h.log->flush(h.log->log_end_offset())));
    CHECK(h.log->recovery_point() == durable);
    CHECK_FALSE(h.append(make_batch({})));
  }
}

TEST_CASE("Log: between a failed sync and the end of its directory nobody else syncs", "[storage]") {
  SimDisk disk(3);
  LogHarness h(disk);
  h.create();
  h.must_append({});
  disk.inject(SimDisk::Operation::sync, ".log", 0, 1);
  // flush_blocking() leaves it to its caller to tell the directory.
  REQUIRE_FALSE(h.log->flush_blocking());
  REQUIRE(h.dir_state->online());
  CHECK_FALSE(h.log->flush_blocking());
  CHECK(h.log->recovery_point() == Offset(0));
  CHECK_FALSE(h.run(h.log->flush(Offset(1))));
  CHECK_FALSE(h.dir_state->online());
}

TEST_CASE("Log: flush.messages counts what is not durable", "[storage]") {
  SimDisk disk(3);
  LogHarness h(disk);
  h.config->flush_messages = 10;
  h.create();
  for (int i = 0; i < 9; ++i) h.must_append({});
  CHECK(h.log->recovery_point() == Offset(0));
  h.must_append({});
  CHECK(h.log->recovery_point() == Offset(10));
  BatchSpec many;
  many.records = 25;
  h.must_append(many);
  CHECK(h.log->recovery_point() == Offset(35));
}

TEST_CASE("Log: what a start found counts only once it is as durable as flush.messages asks", "[storage]") {
  SimDisk disk(3);
  LogHarness h(disk);
  h.create();
  for (int i = 0; i < 5; ++i) h.must_append({});
  REQUIRE(h.load());  // after a kill -9: in the page cache alone
  REQUIRE(h.log->settle());
  CHECK(h.log->recovery_point() == Offset(0));
  h.config->flush_messages = 1;
  REQUIRE(h.load());
  const auto syncs = disk.mutations();
  REQUIRE(h.log->settle());
  CHECK(h.log->recovery_point() == Offset(5));
  CHECK(disk.mutations() > syncs);
}
