#include "storage/cleaner/batch_filter.h"

#include "../storage_fixture.h"
#include "protocol/base/random.h"
#include "storage/cleaner/cleaned_transactions.h"

namespace moldau::storage::test {
namespace {

using protocol::AnyBatch;
using protocol::RecordBatchView;
using protocol::RecordView;
using Kind = FilteredBatch::Kind;

struct ModelRecord {
  std::int64_t offset;
  std::int64_t timestamp;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  friend bool operator==(const ModelRecord&, const ModelRecord&) = default;
};

std::optional<std::string> text(const std::optional<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(as_string(*bytes));
}

ModelRecord model_of(const RecordView& record) {
  ModelRecord m{record.offset.value(), record.timestamp, text(record.key), text(record.value), {}};
  for (const auto& h : record.headers) m.headers.emplace_back(std::string(h.key), text(h.value));
  return m;
}

std::vector<ModelRecord> read_all(Bytes bytes) {
  std::vector<ModelRecord> records;
  auto deep = protocol::DeepRecords::open(AnyBatch(bytes));
  REQUIRE(deep);
  RecordView record;
  while (deep->next(record)) records.push_back(model_of(record));
  REQUIRE_FALSE(deep->failed());
  return records;
}

std::vector<std::byte> random_batch(Random& random) {
  protocol::RecordBatchOptions options;
  options.codec = static_cast<protocol::Codec>(random.below(5));
  options.base_offset = Offset(static_cast<std::int64_t>(random.below(1'000'000)));
  options.partition_leader_epoch = LeaderEpoch(static_cast<std::int32_t>(random.below(9)));
  if (random.below(2) == 0) {
    options.producer_id = ProducerId(static_cast<std::int64_t>(random.below(100)));
    options.producer_epoch = ProducerEpoch(3);
    options.base_sequence = static_cast<std::int32_t>(random.below(1'000'000));
    options.transactional = random.below(2) == 0;
  }
  if (random.below(4) == 0) {
    options.timestamp_type = protocol::TimestampType::log_append_time;
    options.log_append_time = kNow + 5;
  }
  if (random.below(4) == 0) options.delete_horizon_ms = kNow + 100'000;
  protocol::RecordBatchBuilder builder(options);
  auto offset = options.base_offset;
  const auto n = 1 + random.below(12);
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto key = "key" + std::to_string(random.below(6));
    const std::string value(random.below(300), 'x');
    std::vector<protocol::RecordHeader> headers;
    if (random.below(3) == 0) headers = {{"h", as_bytes("1")}, {"null", std::nullopt}};
    std::optional<Bytes> v;
    if (random.below(5) != 0) v = as_bytes(value);
    builder.append_with_offset(offset, kNow + static_cast<std::int64_t>(random.below(1000)), random.below(10) == 0 ? std::nullopt : std::optional(as_bytes(key)), v, headers);
    offset = offset + static_cast<std::int64_t>(1 + random.below(3));
  }
  auto built = builder.build(offset + 2);
  REQUIRE(built);
  return to_vector(*built);
}

}  // namespace

TEST_CASE("filter_batch: keeps what it is told to, and says the rest as before", "[storage][cleaner][property]") {
  auto random = make_seeded_random(11);
  int unchanged = 0, rewritten = 0, dropped = 0, emptied = 0;
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    const auto bytes = random_batch(*random);
    const AnyBatch batch{Bytes(bytes)};
    const auto before = batch.v2();
    const auto keep_share = random->below(4);
    std::vector<ModelRecord> expected;
    bool tombstone = false;
    std::vector<bool> keep;
    for (const auto& r : read_all(bytes)) {
      keep.push_back(keep_share == 3 || random->below(3) < keep_share);
      if (!keep.back()) continue;
      expected.push_back(r);
      tombstone = tombstone || !r.value;
    }
    BatchRules rules;
    rules.keep_when_empty = random->below(2) == 0;
    rules.now_ms = kNow;
    rules.delete_retention_ms = 777;
    std::size_t at = 0;
    auto out = filter_batch(batch, rules, [&](const RecordView&) { return keep[at++]; });
    REQUIRE(out);
    REQUIRE(out->records_read == static_cast<std::int32_t>(keep.size()));
    REQUIRE(out->records_kept == static_cast<std::int32_t>(expected.size()));
    const bool horizon_due = tombstone && !before.delete_horizon_ms();
    if (expected.empty() && !rules.keep_when_empty) {
      REQUIRE(out->kind == Kind::dropped);
      ++dropped;
      continue;
    }
    REQUIRE(out->last_offset == before.last_offset());
    if (expected.size() == keep.size() && !horizon_due) {
      REQUIRE(out->kind == Kind::unchanged);
      REQUIRE(out->max_timestamp == before.max_timestamp());
      ++unchanged;
      continue;
    }
    REQUIRE(out->kind == Kind::rewritten);
    const AnyBatch result(out->bytes.bytes());
    REQUIRE(result.is_valid());
    const auto after = result.v2();
    REQUIRE(after.is_complete());
    CHECK(after.base_offset() == before.base_offset());
    CHECK(after.last_offset() == before.last_offset());
    CHECK(after.partition_leader_epoch() == before.partition_leader_epoch());
    CHECK(after.producer_id() == before.producer_id());
    CHECK(after.producer_epoch() == before.producer_epoch());
    CHECK(after.base_sequence() == before.base_sequence());
    CHECK(after.last_sequence() == before.last_sequence());
    CHECK(after.is_transactional() == before.is_transactional());
    CHECK(after.timestamp_type() == before.timestamp_type());
    REQUIRE(read_all(out->bytes.bytes()) == expected);
    if (expected.empty()) {
      CHECK(out->bytes.size() == protocol::kBatchHeaderSize);
      CHECK(after.record_count() == 0);
      CHECK(after.base_timestamp() == -1);
      CHECK(after.max_timestamp() == before.max_timestamp());
      CHECK_FALSE(after.delete_horizon_ms().has_value());
      CHECK(after.codec() == protocol::Codec::none);
      ++emptied;
    } else {
      CHECK(after.codec() == before.codec());
      CHECK(after.delete_horizon_ms() == (horizon_due ? std::optional<std::int64_t>(kNow + 777) : before.delete_horizon_ms()));
      ++rewritten;
    }
  }
  CHECK(unchanged > 100);
  CHECK(rewritten > 100);
  CHECK(dropped > 100);
  CHECK(emptied > 100);
}

TEST_CASE("filter_batch: a marker that has outlived its data gets a horizon, 80 bytes instead of 78", "[storage][cleaner]") {
  const auto marker = make_marker(9, 2, false);
  REQUIRE(marker.size() == 78);
  BatchRules rules;
  rules.now_ms = kNow + 500;
  rules.delete_retention_ms = 60'000;
  const auto all = [](const RecordView&) { return true; };
  CHECK(filter_batch(AnyBatch(marker), rules, all)->kind == Kind::unchanged);
  rules.marker_of_empty_txn = true;
  const auto out = *filter_batch(AnyBatch(marker), rules, all);
  REQUIRE(out.kind == Kind::rewritten);
  const RecordBatchView after(out.bytes.bytes());
  CHECK(after.is_valid());
  CHECK(after.attributes() == 0x70);
  CHECK(after.delete_horizon_ms() == kNow + 500 + 60'000);
  CHECK(after.max_timestamp() == kNow);
  CHECK(out.bytes.size() == 80);
  rules.discard_all = true;
  CHECK(filter_batch(AnyBatch(out.bytes.bytes()), rules, all)->kind == Kind::dropped);
  rules.keep_when_empty = true;
  const auto kept = *filter_batch(AnyBatch(out.bytes.bytes()), rules, all);
  REQUIRE(kept.kind == Kind::rewritten);
  CHECK(RecordBatchView(kept.bytes.bytes()).attributes() == 0x30);
  CHECK(RecordBatchView(kept.bytes.bytes()).producer_epoch() == ProducerEpoch(2));
}

TEST_CASE("filter_batch: message sets of the old formats are rewritten in theirs", "[storage][cleaner]") {
  for (const std::int8_t magic : {std::int8_t{0}, std::int8_t{1}}) {
    for (const auto codec : {protocol::Codec::none, protocol::Codec::gzip, protocol::Codec::lz4}) {
      CAPTURE(static_cast<int>(magic), static_cast<int>(codec));
      protocol::LegacySetBuilder builder({.magic = magic, .codec = codec, .base_offset = Offset(50)});
      const int n = codec == protocol::Codec::none ? 1 : 4;
      for (int i = 0; i < n; ++i) {
        const auto key = "k" + std::to_string(i);
        builder.append_with_offset(Offset(50 + i), kNow + i, as_bytes(key), as_bytes("v"));
      }
      protocol::ByteBuffer set;
      REQUIRE(builder.build(set));
      BatchRules rules;
      rules.keep_when_empty = true;
      const auto all = *filter_batch(AnyBatch(set.bytes()), rules, [](const RecordView&) { return true; });
      CHECK(all.kind == Kind::unchanged);
      const auto none = *filter_batch(AnyBatch(set.bytes()), rules, [](const RecordView&) { return false; });
      CHECK(none.kind == Kind::dropped);
      if (n == 1) continue;
      const auto odd = *filter_batch(AnyBatch(set.bytes()), rules, [](const RecordView& r) { return r.offset.value() % 2 == 1; });
      REQUIRE(odd.kind == Kind::rewritten);
      CHECK(AnyBatch(odd.bytes.bytes()).is_valid());
      const auto records = read_all(odd.bytes.bytes());
      REQUIRE(records.size() == 2);
      CHECK(records[0].offset == 51);
      CHECK(records[1].offset == 53);
      CHECK(records[1].key == "k3");
      CHECK(odd.last_offset == Offset(53));
    }
  }
}

TEST_CASE("CleanedTransactions: data of aborted transactions, and markers that nobody needs", "[storage][cleaner]") {
  const auto data = [](std::int64_t producer, std::int64_t offset) {
    return make_batch({.producer_id = producer, .epoch = 0, .sequence = 0, .transactional = true, .base_offset = offset});
  };
  const auto marker = [](std::int64_t producer, bool commit, std::int64_t offset) {
    auto bytes = make_marker(producer, 0, commit);
    protocol::batch_header::set_base_offset(bytes, Offset(offset));
    return bytes;
  };
  CleanedTransactions txns;
  const std::vector<AbortedTxn> aborted{{ProducerId(1), Offset(0), Offset(5), Offset(6)}, {ProducerId(2), Offset(2), Offset(7), Offset(8)}};
  txns.add_aborted(aborted);
  CHECK(txns.on_data_batch(AnyBatch(data(1, 0))));
  CHECK_FALSE(txns.on_data_batch(AnyBatch(data(3, 1))));
  CHECK_FALSE(txns.on_data_batch(AnyBatch(make_batch({.base_offset = 4}))));
  txns.add_aborted(aborted);  // as the next segment's index tells of them again
  CHECK_FALSE(*txns.on_control_batch(AnyBatch(marker(1, false, 5))));
  CHECK_FALSE(*txns.on_control_batch(AnyBatch(marker(3, true, 6))));
  CHECK(*txns.on_control_batch(AnyBatch(marker(2, false, 7))));
  const auto retained = txns.take_retained();
  REQUIRE(retained.size() == 1);
  CHECK(retained[0].producer_id == ProducerId(1));
  CHECK(txns.take_retained().empty());
  CHECK(*txns.on_control_batch(AnyBatch(marker(4, true, 9))));
  CHECK_FALSE(txns.on_data_batch(AnyBatch(data(4, 10))));
}

}  // namespace moldau::storage::test
