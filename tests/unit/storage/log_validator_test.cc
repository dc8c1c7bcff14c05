// LogValidator and down-conversion against what Apache Kafka's own classes answered (tests/conformance/records).
#include "storage/log/log_validator.h"

#include <catch2/catch.hpp>

#include "protocol/records/control_record.h"
#include "protocol/records/record_batch_builder.h"
#include "storage/log/record_conversion.h"
#include "tests/unit/records/golden.h"

using namespace moldau;
using namespace moldau::storage;
using protocol::Codec;
using protocol::RecordBatchView;

namespace {

const TopicPartition kPartition{"t", 0};

config::LogConfig config_of(const test::GoldenCase& c) {
  static const std::map<std::string, config::CompressionSetting> targets = {
      {"producer", config::CompressionSetting::producer}, {"none", config::CompressionSetting::uncompressed}, {"gzip", config::CompressionSetting::gzip},
      {"snappy", config::CompressionSetting::snappy},     {"lz4", config::CompressionSetting::lz4},           {"zstd", config::CompressionSetting::zstd}};
  config::LogConfig config;
  config.compression_type = targets.at(c.options.at("target"));
  config.cleanup_compact = c.number("compacted") != 0;
  config.message_timestamp_type = c.options.at("type") == "append" ? config::TimestampType::log_append_time : config::TimestampType::create_time;
  config.message_timestamp_before_max_ms = c.number("before");
  config.message_timestamp_after_max_ms = c.number("after");
  return config;
}

PrepareOptions options_for(AppendOrigin origin) {
  PrepareOptions o;
  o.origin = origin;
  o.partition = kPartition;
  return o;
}

// A client's batch, as RecordBatchBuilder makes it.
test::Buffer batch_of(const protocol::RecordBatchOptions& o, int records = 3) {
  protocol::RecordBatchBuilder builder(o);
  for (int i = 0; i < records; ++i) builder.append(1000 + i, as_bytes("key"), as_bytes("value"));
  const auto built = builder.build();
  const Bytes b = built->bytes();
  return {b.begin(), b.end()};
}

PrepareResult prepare(test::Buffer& bytes, const config::LogConfig& config = {}, AppendOrigin origin = AppendOrigin::client) {
  return prepare_append(bytes, config, 2000, options_for(origin));
}

}  // namespace

TEST_CASE("LogValidator: answers as Apache Kafka does", "[storage]") {
  int cases = 0;
  for (const auto& c : test::golden()) {
    if (c.kind != "validate") continue;
    INFO(c.name << " -> " << c.options.at("target"));
    ++cases;
    const auto config = config_of(c);
    test::Buffer bytes = c.input;
    const auto origin = c.options.at("origin") == "client" ? AppendOrigin::client : AppendOrigin::coordinator;
    auto prepared = prepare_append(bytes, config, c.number("now"), options_for(origin));
    if (c.failed) {
      REQUIRE_FALSE(prepared.has_value());
      REQUIRE(static_cast<int>(prepared.error().code) == c.error_code);
      REQUIRE(prepared.error().message == c.error_message);
      std::vector<std::string> errors;
      for (const auto& e : prepared.error().record_errors) errors.push_back(fmt::format("{} {}", e.batch_index, e.message));
      REQUIRE(errors == c.record_errors);
      continue;
    }
    if (!prepared.has_value()) FAIL(prepared.error().message);
    assign_offsets(*prepared, Offset(c.number("offset")), LeaderEpoch(static_cast<std::int32_t>(c.number("leader_epoch"))), c.number("now"));
    auto ours = test::describe(prepared->bytes());
    REQUIRE(ours.size() == c.lines.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      // Compressed sizes may differ by library version.
      auto theirs = c.lines[i];
      for (auto* line : {&ours[i], &theirs}) {
        const auto at = line->find(" size=");
        if (at != std::string::npos && line->find("codec=none") == std::string::npos) line->erase(at, line->find(' ', at + 1) - at);
      }
      REQUIRE(ours[i] == theirs);
    }
    if (prepared->batch().codec() == Codec::none || !prepared->owns_bytes())
      REQUIRE(std::equal(c.output.begin(), c.output.end(), prepared->bytes().begin(), prepared->bytes().end()));
    REQUIRE(std::to_string(prepared->max_timestamp()) == c.result.at("max_timestamp"));
    REQUIRE((prepared->owns_bytes() ? "1" : "0") == c.result.at("changed"));
    REQUIRE(std::to_string(prepared->stats().records_converted) == c.result.at("converted"));
    REQUIRE(prepared->batch().is_valid());
  }
  REQUIRE(cases > 80);
}

TEST_CASE("down_convert: as Apache Kafka does", "[storage]") {
  int cases = 0;
  for (const auto& c : test::golden()) {
    if (c.kind != "convert") continue;
    INFO(c.name << " to " << c.options.at("magic") << " from " << c.options.at("offset"));
    ++cases;
    const auto converted = down_convert(c.input, static_cast<std::int8_t>(c.number("magic")), Offset(c.number("offset")));
    if (c.failed) {
      REQUIRE_FALSE(converted.has_value());
      REQUIRE(static_cast<int>(converted.error().code) == c.error_code);
      continue;
    }
    REQUIRE(converted.has_value());
    REQUIRE(std::to_string(converted->stats.records_converted) == c.result.at("converted"));
    auto ours = test::describe(converted->bytes.bytes());
    REQUIRE(ours.size() == c.lines.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      auto theirs = c.lines[i];
      for (auto* line : {&ours[i], &theirs}) {
        const auto at = line->find(" size=");
        if (at != std::string::npos && line->find("codec=gzip") != std::string::npos) line->erase(at, line->find(' ', at + 1) - at);
      }
      REQUIRE(ours[i] == theirs);
    }
  }
  REQUIRE(cases == 13);
}

TEST_CASE("pad_to_announced: a partial entry that clients skip", "[storage]") {
  protocol::ByteBuffer b;
  b.append(as_bytes("0123456789"));
  pad_to_announced(b, 110);
  REQUIRE(b.size() == 110);
  REQUIRE(load_be<std::int64_t>(b.data() + 10) == -1);
  REQUIRE(load_be<std::int32_t>(b.data() + 18) == 101);
  protocol::BatchCursor cursor(b.bytes().subspan(10));
  REQUIRE_FALSE(cursor.next().has_value());
  REQUIRE(cursor.partial());
  pad_to_announced(b, 113);
  REQUIRE(b.size() == 113);
}

TEST_CASE("LogValidator: sizes", "[storage]") {
  auto bytes = batch_of({});
  config::LogConfig config;
  config.max_message_bytes = static_cast<std::int32_t>(bytes.size());
  REQUIRE(prepare(bytes, config).has_value());
  --config.max_message_bytes;
  REQUIRE(prepare(bytes, config).error().code == ErrorCode::message_too_large);
  config = {};
  config.segment_bytes = static_cast<std::int32_t>(bytes.size()) - 1;
  REQUIRE(prepare(bytes, config).error().code == ErrorCode::record_list_too_large);
}

TEST_CASE("LogValidator: corruption and what cannot be", "[storage]") {
  const auto good = batch_of({});
  for (std::size_t at = protocol::batch_field::crc; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= std::byte{1};
    REQUIRE(prepare(bad).error().code == ErrorCode::corrupt_message);
  }
  auto bytes = good;
  store_be(bytes.data(), std::int64_t{5});
  REQUIRE(prepare(bytes).error().code == ErrorCode::invalid_record);

  bytes = good;
  bytes[22] = std::byte{6};  // an unknown codec
  protocol::batch_header::update_checksum(bytes);
  REQUIRE(prepare(bytes).error().code == ErrorCode::unknown_server_error);

  bytes = good;
  bytes.resize(bytes.size() - 1);  // an incomplete set is no error, and appends nothing
  auto cut = prepare(bytes);
  REQUIRE(cut.has_value());
  REQUIRE(cut->empty());
}

TEST_CASE("LogValidator: a decompression bomb is refused", "[storage]") {
  protocol::RecordBatchOptions o;
  o.codec = Codec::zstd;
  protocol::RecordBatchBuilder builder(o);
  const test::Buffer zeros(200 << 20);
  builder.append(1, as_bytes("k"), Bytes(zeros));
  const auto built = builder.build();
  REQUIRE(built.has_value());
  REQUIRE(built->size() < 100000);
  test::Buffer bytes(built->bytes().begin(), built->bytes().end());
  REQUIRE(prepare(bytes).error().code == ErrorCode::message_too_large);
}

TEST_CASE("LogValidator: wrong offset deltas of an uncompressed batch are corrected", "[storage]") {
  protocol::RecordBatchOptions o;
  o.producer_id = ProducerId(9);
  o.producer_epoch = ProducerEpoch(1);
  o.base_sequence = 4;
  protocol::RecordBatchBuilder builder(o);
  builder.append_with_offset(Offset(0), 5, as_bytes("a"), as_bytes("1"));
  builder.append_with_offset(Offset(7), 6, as_bytes("b"), as_bytes("2"));
  const auto built = builder.build(Offset(1));
  test::Buffer bytes(built->bytes().begin(), built->bytes().end());
  auto prepared = prepare(bytes);
  REQUIRE(prepared.has_value());
  assign_offsets(*prepared, Offset(100), LeaderEpoch(1), 0);
  auto records = prepared->batch().records();
  protocol::RecordView r;
  REQUIRE(records.next(r));
  REQUIRE(records.next(r));
  REQUIRE(r.offset == Offset(101));
  REQUIRE(r.sequence == 5);
}

TEST_CASE("LogValidator: LogAppendTime is patched when offsets are", "[storage]") {
  config::LogConfig config;
  config.message_timestamp_type = config::TimestampType::log_append_time;
  for (const auto codec : {Codec::none, Codec::lz4}) {
    protocol::RecordBatchOptions o;
    o.codec = codec;
    auto bytes = batch_of(o);
    auto prepared = prepare(bytes, config);
    REQUIRE(prepared.has_value());
    REQUIRE(prepared->log_append_time() == -1);
    assign_offsets(*prepared, Offset(10), LeaderEpoch(3), 4242);
    REQUIRE(prepared->log_append_time() == 4242);
    REQUIRE(prepared->max_timestamp() == 4242);
    REQUIRE(prepared->batch().is_valid());
    REQUIRE(prepared->batch().last_offset() == Offset(12));
    REQUIRE(prepared->batch().partition_leader_epoch() == LeaderEpoch(3));
  }
}

TEST_CASE("validate_produce_records: by request version", "[storage]") {
  auto one = batch_of({});
  auto two = one;
  two.insert(two.end(), one.begin(), one.end());
  REQUIRE(validate_produce_records(3, one).has_value());
  REQUIRE(validate_produce_records(9, {}).error().code == ErrorCode::invalid_record);
  REQUIRE(validate_produce_records(2, {}).has_value());
  REQUIRE(validate_produce_records(9, two).error().code == ErrorCode::invalid_record);
  REQUIRE(validate_produce_records(2, two).has_value());
  protocol::RecordBatchOptions o;
  o.codec = Codec::zstd;
  const auto zstd = batch_of(o);
  REQUIRE(validate_produce_records(6, zstd).error().code == ErrorCode::unsupported_compression_type);
  REQUIRE(validate_produce_records(7, zstd).has_value());
  protocol::LegacySetBuilder legacy{protocol::LegacySetOptions{}};
  legacy.append_with_offset(Offset(0), 1, as_bytes("k"), as_bytes("v"));
  protocol::ByteBuffer old;
  REQUIRE(legacy.build(old).has_value());
  REQUIRE(validate_produce_records(3, old.bytes()).error().code == ErrorCode::invalid_record);
  REQUIRE(validate_produce_records(2, old.bytes()).has_value());
}

TEST_CASE("analyze_records: followers", "[storage]") {
  auto a = batch_of({});
  auto b = batch_of({});
  protocol::batch_header::set_base_offset(a, Offset(10));
  protocol::batch_header::set_partition_leader_epoch(a, LeaderEpoch(1));
  protocol::batch_header::set_base_offset(b, Offset(13));
  protocol::batch_header::set_partition_leader_epoch(b, LeaderEpoch(2));
  test::Buffer both = a;
  both.insert(both.end(), b.begin(), b.end());
  both.resize(both.size() + 20);  // and the start of another, cut by the fetch size
  store_be(both.data() + a.size() + b.size() + 8, std::int32_t{100});
  both[a.size() + b.size() + 16] = std::byte{2};
  AnalyzeOptions o;
  o.origin = AppendOrigin::replication;
  o.ignore_record_size = true;
  o.partition = kPartition;
  auto found = analyze_records(both, o);
  REQUIRE(found.has_value());
  REQUIRE(found->first_offset == Offset(10));
  REQUIRE(found->last_offset == Offset(15));
  REQUIRE(found->last_leader_epoch == LeaderEpoch(2));
  REQUIRE(found->valid_bytes == a.size() + b.size());
  REQUIRE(found->offsets_monotonic);
  o.leader_epoch = LeaderEpoch(1);
  REQUIRE(analyze_records(both, o)->last_offset == Offset(12));
}

TEST_CASE("estimate_cost: small plain batches stay, big compressed ones go", "[storage]") {
  const config::LogConfig config;
  REQUIRE(estimate_cost(batch_of({}), config) < std::chrono::microseconds(100));
  auto big = batch_of({});
  big.resize(1 << 20);
  REQUIRE(estimate_cost(big, config) < std::chrono::microseconds(1000));
  big[22] = std::byte{1};
  REQUIRE(estimate_cost(big, config) > std::chrono::microseconds(1000));
  REQUIRE(estimate_cost({}, config) < std::chrono::microseconds(100));
}
