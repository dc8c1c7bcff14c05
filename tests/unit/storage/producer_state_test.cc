#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

BatchSpec from(std::int64_t pid, std::int16_t epoch, std::int32_t sequence, std::int32_t records = 1, bool transactional = false) {
  return {.records = records, .producer_id = pid, .epoch = epoch, .sequence = sequence, .transactional = transactional};
}

ErrorCode refused(LogHarness& h, const BatchSpec& spec) {
  auto r = h.append(make_batch(spec));
  return r ? ErrorCode::none : r.error().code;
}

}  // namespace

TEST_CASE("Producers: sequences, epochs and duplicates as in Kafka 3.9", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  // An unknown producer may begin anywhere.
  CHECK(refused(h, from(1, 0, 50, 10)) == ErrorCode::none);
  CHECK(refused(h, from(1, 0, 61)) == ErrorCode::out_of_order_sequence_number);
  CHECK(refused(h, from(1, 0, 60)) == ErrorCode::none);
  CHECK(refused(h, from(1, 1, 5)) == ErrorCode::out_of_order_sequence_number);
  CHECK(refused(h, from(1, 1, 0)) == ErrorCode::none);
  CHECK(refused(h, from(1, 0, 61)) == ErrorCode::invalid_producer_epoch);
  // Five batches are remembered.
  for (int i = 1; i <= 6; ++i) CHECK(refused(h, from(1, 1, i)) == ErrorCode::none);
  const auto end = h.log->log_end_offset();
  auto duplicate = h.append(make_batch(from(1, 1, 2)));
  REQUIRE(duplicate);
  CHECK(duplicate->duplicate);
  CHECK(duplicate->first_offset == end - 5);
  CHECK(refused(h, from(1, 1, 1)) == ErrorCode::out_of_order_sequence_number);
  CHECK(h.log->log_end_offset() == end);
  // Sequences wrap.
  CHECK(refused(h, from(2, 0, INT32_MAX - 1, 4)) == ErrorCode::none);
  CHECK(refused(h, from(2, 0, 2)) == ErrorCode::none);
  CHECK(refused(h, from(2, 0, 4)) == ErrorCode::out_of_order_sequence_number);
  auto wrapped = h.append(make_batch(from(2, 0, INT32_MAX - 1, 4)));
  REQUIRE(wrapped);
  CHECK(wrapped->duplicate);
}

TEST_CASE("Producers: transactions bound the last stable offset", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  h.must_append({.records = 2});
  h.must_append(from(1, 0, 0, 2, true));   // 2, 3
  h.must_append(from(2, 0, 0, 1, true));   // 4
  CHECK(refused(h, from(1, 0, 2)) == ErrorCode::invalid_txn_state);
  h.log->update_high_watermark(Offset(5));
  CHECK(h.log->last_stable_offset() == Offset(2));
  CHECK(h.offsets_from(0, FetchIsolation::txn_committed) == range(0, 2));
  // Abort 1 at 5: its first offset stays unstable until the marker is replicated.
  REQUIRE(h.append(make_marker(1, 0, false, 3), AppendOrigin::coordinator));
  CHECK(h.log->last_stable_offset() == Offset(2));
  h.log->update_high_watermark(Offset(6));
  CHECK(h.log->last_stable_offset() == Offset(4));
  // Commit 2 at 6.
  REQUIRE(h.append(make_marker(2, 0, true, 3), AppendOrigin::coordinator));
  h.log->update_high_watermark(Offset(7));
  CHECK(h.log->last_stable_offset() == Offset(7));
  h.must_append({});
  h.log->update_high_watermark(Offset(8));

  auto info = h.log->read(Offset(0), 10'000, FetchIsolation::txn_committed, true);
  REQUIRE(info);
  REQUIRE(info->aborted.size() == 1);
  CHECK(info->aborted[0].producer_id == ProducerId(1));
  CHECK(info->aborted[0].first_offset == Offset(2));
  CHECK(info->aborted[0].last_offset == Offset(5));
  CHECK(h.log->read(Offset(6), 10'000, FetchIsolation::txn_committed, true)->aborted.empty());
  CHECK(h.log->read(Offset(0), 10'000, FetchIsolation::high_watermark, true)->aborted.empty());

  // An older coordinator, an older epoch.
  CHECK(h.append(make_marker(1, 0, true, 2), AppendOrigin::coordinator).error().code == ErrorCode::transaction_coordinator_fenced);
  REQUIRE(h.append(make_marker(1, 1, true, 3), AppendOrigin::coordinator));
  CHECK(h.append(make_marker(1, 0, true, 3), AppendOrigin::coordinator).error().code == ErrorCode::invalid_producer_epoch);

  for (const bool clean : {true, false}) {
    const auto end = h.log->log_end_offset();
    if (clean) h.close();
    REQUIRE(h.load({.clean = clean}));
    h.log->update_high_watermark(end);
    CHECK(h.log->last_stable_offset() == end);
    auto again = h.log->read(Offset(0), 10'000, FetchIsolation::txn_committed, true);
    REQUIRE(again->aborted.size() == 1);
    CHECK(again->aborted[0].last_stable_offset == Offset(4));
  }
  // An open transaction survives a restart.
  const auto open_at = h.log->log_end_offset();
  h.must_append(from(7, 0, 0, 1, true));
  h.close();
  REQUIRE(h.load({.clean = true}));
  h.log->update_high_watermark(h.log->log_end_offset());
  CHECK(h.log->last_stable_offset() == open_at);
  const auto producers = h.log->active_producers();
  const auto it = std::find_if(producers.begin(), producers.end(), [](const auto& p) { return p.producer_id == ProducerId(7); });
  REQUIRE(it != producers.end());
  CHECK(it->current_txn_start == open_at);
}

TEST_CASE("Producers: replicated batches are taken with any epoch and sequence", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  auto a = from(1, 5, 100);
  a.leader_epoch = 0;
  REQUIRE(h.replicate(make_batch(a)));
  auto b = from(1, 4, 7);
  b.base_offset = 1;
  b.leader_epoch = 0;
  REQUIRE(h.replicate(make_batch(b)));
  CHECK(h.log->active_producers()[0].producer_epoch == ProducerEpoch(4));
}

TEST_CASE("Producers: idle ones expire, open transactions never", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  h.create();
  const auto now = h.clock.wall_ms();
  auto old = from(1, 0, 0);
  old.timestamp = now;
  h.must_append(old);
  auto open = from(2, 0, 0, 1, true);
  open.timestamp = now;
  h.must_append(open);
  CHECK(h.log->expire_producers() == 0);
  h.clock.advance(std::chrono::hours(24));
  CHECK(h.log->expire_producers() == 1);
  REQUIRE(h.log->active_producers().size() == 1);
  CHECK(h.log->active_producers()[0].producer_id == ProducerId(2));
}

TEST_CASE("Producer snapshots: format, and what is refused", "[storage]") {
  ProducerStateEntry a;
  a.id = ProducerId(17);
  a.epoch = ProducerEpoch(3);
  a.coordinator_epoch = 9;
  a.current_txn_first_offset = Offset(40);
  a.add_batch(ProducerEpoch(3), BatchMetadata{12, 4, Offset(44), 1234});
  ProducerStateEntry b;
  b.id = ProducerId(18);
  b.epoch = ProducerEpoch(0);
  b.last_timestamp = 5;
  const auto bytes = encode_producer_snapshot({a, b});
  CHECK(bytes.size() == 102);
  auto read = decode_producer_snapshot(bytes);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].current_txn_first_offset == Offset(40));
  CHECK((*read)[0].batches.back().first_sequence() == 8);
  CHECK((*read)[0].batches.back().first_offset() == Offset(40));
  CHECK((*read)[1].batches.empty());
  CHECK((*read)[1].last_timestamp == 5);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    CHECK_FALSE(decode_producer_snapshot(broken));
    CHECK_FALSE(decode_producer_snapshot(bytes.substr(0, i)));
  }
}

TEST_CASE("LeaderEpochFileCache: assignment, truncation, look-up", "[storage]") {
  LeaderEpochFileCache cache;
  CHECK(cache.assign(LeaderEpoch(2), Offset(0)));
  CHECK_FALSE(cache.assign(LeaderEpoch(2), Offset(5)));
  CHECK(cache.assign(LeaderEpoch(4), Offset(10)));
  CHECK(cache.assign(LeaderEpoch(7), Offset(20)));
  CHECK(cache.end_offset_for(LeaderEpoch(7), Offset(30)) == std::pair(LeaderEpoch(7), Offset(30)));
  CHECK(cache.end_offset_for(LeaderEpoch(4), Offset(30)) == std::pair(LeaderEpoch(4), Offset(20)));
  CHECK(cache.end_offset_for(LeaderEpoch(5), Offset(30)) == std::pair(LeaderEpoch(4), Offset(20)));
  CHECK(cache.end_offset_for(LeaderEpoch(1), Offset(30)) == std::pair(LeaderEpoch(1), Offset(0)));
  CHECK(cache.end_offset_for(LeaderEpoch(8), Offset(30)) == std::pair(kNoLeaderEpoch, kNoOffset));
  CHECK(cache.end_offset_for(kNoLeaderEpoch, Offset(30)) == std::pair(kNoLeaderEpoch, kNoOffset));
  CHECK(cache.epoch_for(Offset(9)) == LeaderEpoch(2));
  // A contradiction: what it overrides goes.
  CHECK(cache.assign(LeaderEpoch(8), Offset(15)));
  CHECK(cache.entries() == std::vector<EpochEntry>{{LeaderEpoch(2), Offset(0)}, {LeaderEpoch(4), Offset(10)}, {LeaderEpoch(8), Offset(15)}});
  CHECK(cache.truncate_from_start(Offset(12)));
  CHECK_FALSE(cache.truncate_from_start(Offset(12)));
  CHECK(cache.entries() == std::vector<EpochEntry>{{LeaderEpoch(4), Offset(12)}, {LeaderEpoch(8), Offset(15)}});
  CHECK(cache.truncate_from_end(Offset(15)));
  const auto text = LeaderEpochFileCache::format(cache.entries());
  CHECK(text == "0\n1\n4 12\n");
  CHECK(*LeaderEpochFileCache::parse(text) == cache.entries());
  CHECK(LeaderEpochFileCache::parse("")->empty());
  CHECK(LeaderEpochFileCache::parse("0\n0\n")->empty());
  for (const char* bad : {"1\n0\n", "0\nx\n", "0\n2\n1 1\n", "0\n1\n1\n", "0\n2\n5 1\n4 2\n", "\n", "0", "0\n-1\n", "0\n1\n-1 5\n"}) CHECK_FALSE(LeaderEpochFileCache::parse(bad));
}
