#include "protocol/records/record_batch_builder.h"

#include <catch2/catch.hpp>

#include "protocol/records/any_batch.h"

using namespace moldau;
using namespace moldau::protocol;

TEST_CASE("RecordBatchBuilder: what goes in comes out", "[records]") {
  for (const auto codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    RecordBatchOptions o;
    o.codec = codec;
    o.base_offset = Offset(1000);
    o.producer_id = ProducerId(5);
    o.producer_epoch = ProducerEpoch(1);
    o.base_sequence = 0x7FFFFFFF;
    RecordBatchBuilder builder(o);
    const RecordHeader headers[] = {{"h", as_bytes("v")}, {"n", std::nullopt}};
    builder.append(100, as_bytes("k"), as_bytes("v"), headers);
    builder.append(90, std::nullopt, std::nullopt);
    const auto batch = builder.build();
    REQUIRE(batch.has_value());
    const auto view = RecordBatchView::open(batch->bytes());
    REQUIRE(view.has_value());
    REQUIRE(view->is_valid());
    REQUIRE(view->base_offset() == Offset(1000));
    REQUIRE(view->next_offset() == Offset(1002));
    REQUIRE(view->max_timestamp() == 100);
    REQUIRE(view->last_sequence() == 0);
    auto records = DeepRecords::open(AnyBatch(batch->bytes()));
    REQUIRE(records.has_value());
    RecordView r;
    REQUIRE(records->next(r));
    REQUIRE(as_string(*r.key) == "k");
    REQUIRE(r.headers.size() == 2);
    REQUIRE(r.headers.begin()->key == "h");
    REQUIRE(r.sequence == 0x7FFFFFFF);
    REQUIRE(records->next(r));
    REQUIRE_FALSE(r.key);
    REQUIRE_FALSE(r.value);
    REQUIRE(r.timestamp == 90);
    REQUIRE(r.sequence == 0);
    REQUIRE_FALSE(records->next(r));
    REQUIRE_FALSE(records->failed());
  }
}

TEST_CASE("RecordBatchBuilder: an empty batch that keeps its offsets", "[records]") {
  RecordBatchOptions o;
  o.base_offset = Offset(10);
  RecordBatchBuilder builder(o);
  const auto batch = builder.build(Offset(19));
  REQUIRE(batch.has_value());
  const RecordBatchView view(batch->bytes());
  REQUIRE(batch->size() == kBatchHeaderSize);
  REQUIRE(view.record_count() == 0);
  REQUIRE(view.last_offset() == Offset(19));
  REQUIRE(view.base_timestamp() == -1);
  REQUIRE(view.is_valid());
}

TEST_CASE("LegacySetBuilder: zstd does not exist there", "[records]") {
  LegacySetOptions o;
  o.codec = Codec::zstd;
  LegacySetBuilder builder(o);
  builder.append_with_offset(Offset(0), 1, as_bytes("k"), as_bytes("v"));
  ByteBuffer out;
  REQUIRE(builder.build(out).error().code == ErrorCode::unsupported_compression_type);
}

TEST_CASE("batch_header: append time", "[records]") {
  RecordBatchBuilder builder(RecordBatchOptions{});
  builder.append(100, as_bytes("k"), as_bytes("v"));
  auto batch = builder.build();
  REQUIRE(batch.has_value());
  batch_header::set_max_timestamp(batch->mutable_bytes(), TimestampType::log_append_time, 777);
  const auto view = RecordBatchView::open(batch->bytes());
  REQUIRE(view->is_valid());
  auto records = view->records();
  RecordView r;
  REQUIRE(records.next(r));
  REQUIRE(r.timestamp == 777);
}

TEST_CASE("ScratchBuffer: gives its memory back", "[records]") {
  const std::byte* first = nullptr;
  {
    ScratchBuffer s;
    s->resize(100000);
    first = s->data();
  }
  ScratchBuffer again;
  REQUIRE(again->data() == first);
  REQUIRE(again->empty());
}
