#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/records/control_record.h"
#include "server/tools/complaints.h"
#include "server/tools/dump_files.h"
#include "server/tools/java_text.h"
#include "server/tools/record_decoder.h"
#include "server/tools/segment_reader.h"

namespace moldau::server::tools {
namespace {

constexpr std::array kCodecNames = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::array kControlTypes = {"ABORT", "COMMIT", "LEADER_CHANGE", "SNAPSHOT_HEADER", "SNAPSHOT_FOOTER", "KRAFT_VERSION", "KRAFT_VOTERS"};
constexpr std::size_t kControlTypeAt = 2;  // behind the version in a control record's key

const char* timestamp_type(const protocol::AnyBatch& batch) {
  if (batch.magic() == 0) return "NoTimestampType";
  return batch.timestamp_type() == protocol::TimestampType::log_append_time ? "LogAppendTime" : "CreateTime";
}

/// The checksum that an entry of magic 0 or 1 carries.
std::uint32_t legacy_checksum(const protocol::AnyBatch& batch) { return load_be<std::uint32_t>(batch.bytes().data() + protocol::kLogOverhead); }

/// The checksum of a message inside a compressed one: its fields lie behind it at fixed distances. Nothing for a message without key and value.
std::optional<std::uint32_t> inner_checksum(const protocol::RecordView& record) {
  const std::size_t before_key = record.magic == 0 ? 10 : 18;  // checksum, magic, attributes, timestamp of magic 1, length of the key
  if (record.key) return load_be<std::uint32_t>(record.key->data() - before_key);
  if (record.value) return load_be<std::uint32_t>(record.value->data() - before_key - 4);
  return std::nullopt;
}

class SegmentDump {
 public:
  SegmentDump(const InputFile& input, const SegmentDumpOptions& options, const RecordDecoder& decoder, std::FILE* out, Complaints& complaints)
      : input_(input), options_(options), decoder_(decoder), out_(out), complaints_(complaints) {}

  Status run() {
    const bool limited = options_.max_bytes != INT32_MAX;
    const auto end = limited ? std::min(input_.size, static_cast<std::uint64_t>(options_.max_bytes)) : input_.size;
    SegmentReader reader(input_, 0, end, storage::BatchScanner::Mode::whole);
    while (true) {
      const auto batch = reader.next();
      if (!batch) return batch.error();
      if (!*batch) break;
      if (auto s = print_batch(**batch, reader.position()); !s) return s;
      if (!options_.deep_iteration) continue;
      if (auto s = print_records(**batch); !s) return s;
    }
    if (reader.next_position() < input_.size && !limited)
      fmt::print(out_, "Found {} invalid bytes at the end of {}\n", input_.size - reader.next_position(), file_name(input_.path));
    return {};
  }

 private:
  Status print_batch(const protocol::AnyBatch& batch, std::uint64_t position) {
    if (batch.is_v2()) {
      const auto b = batch.v2();
      const auto horizon = b.delete_horizon_ms();
      fmt::print(
          out_,
          "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} "
          "isControl: {} deleteHorizonMs: {}",
          b.base_offset().value(), b.last_offset().value(), b.record_count(), b.base_sequence(), b.last_sequence(), b.producer_id().value(),
          b.producer_epoch().value(), b.partition_leader_epoch().value(), b.is_transactional(), b.is_control_batch(),
          horizon ? fmt::format("OptionalLong[{}]", *horizon) : "OptionalLong.empty");
    } else {
      fmt::print(out_, "offset: {}", batch.last_offset().value());
    }
    if (!batch.has_known_codec()) return Error(ErrorCode::corrupt_message, fmt::format("Unknown compression type id: {}", batch.codec_id()));
    fmt::print(out_, " position: {} {}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}\n", position, timestamp_type(batch), batch.max_timestamp(),
               batch.size_in_bytes(), batch.magic(), kCodecNames[batch.codec_id()], batch.is_v2() ? batch.v2().checksum() : legacy_checksum(batch),
               batch.is_valid());
    return {};
  }

  Status print_records(const protocol::AnyBatch& batch) {
    if (batch.count() == 0) return {};  // compaction keeps a producer's last sequence in an empty batch
    auto records = protocol::DeepRecords::open(batch);
    if (!records) return records.error();
    protocol::RecordView record;
    while (records->next(record)) {
      note_gap(record.offset);
      if (auto s = print_record(batch, record); !s) return s;
    }
    if (records->failed()) return records->error();
    return {};
  }

  void note_gap(Offset offset) {
    const auto step = static_cast<std::uint64_t>(offset.value()) - static_cast<std::uint64_t>(last_offset_.value());  // hostile offsets may be far apart
    if (last_offset_ != kNoOffset && step != 1) complaints_.gaps.add(input_.path, last_offset_.value(), offset.value());
    last_offset_ = offset;
  }

  Status print_record(const protocol::AnyBatch& batch, const protocol::RecordView& record) {
    const char* prefix = "| ";
    if (!options_.skip_record_metadata) {
      if (auto s = print_metadata(batch, record); !s) return s;
      prefix = " ";
    }
    if (options_.print_contents && !batch.is_control_batch()) {
      const auto decoded = decoder_.decode(record);
      if (!decoded) return decoded.error();
      if (decoded->key) fmt::print(out_, "{}key: {}", prefix, *decoded->key);
      if (decoded->value) fmt::print(out_, " payload: {}", *decoded->value);
    }
    fmt::print(out_, "\n");
    return {};
  }

  Status print_metadata(const protocol::AnyBatch& batch, const protocol::RecordView& record) {
    const auto size = [](const std::optional<Bytes>& bytes) { return bytes ? static_cast<std::int64_t>(bytes->size()) : std::int64_t{-1}; };
    fmt::print(out_, "| offset: {} {}: {} keySize: {} valueSize: {}", record.offset.value(), timestamp_type(batch), record.timestamp, size(record.key),
               size(record.value));
    if (batch.is_v2()) {
      std::vector<std::string> keys;
      for (const auto& header : record.headers) keys.push_back(java_utf8(as_bytes(header.key)));
      fmt::print(out_, " sequence: {} headerKeys: [{}]", record.sequence, fmt::join(keys, ","));
    } else if (!batch.is_compressed()) {
      fmt::print(out_, " isValid: {} crc: {}}}", batch.is_valid(), legacy_checksum(batch));  // the brace is kafka-dump-log's
    } else if (const auto crc = inner_checksum(record)) {
      fmt::print(out_, " isValid: true crc: {}}}", *crc);                                    // DeepRecords gives no other
    }
    return batch.is_control_batch() ? print_control(record) : Status();
  }

  Status print_control(const protocol::RecordView& record) {
    const auto known = protocol::parse_control_record_type(record);
    if (!known) return known.error();
    const auto id = load_be<std::int16_t>(record.key->data() + kControlTypeAt);
    if (*known == protocol::ControlRecordType::abort || *known == protocol::ControlRecordType::commit) {
      const auto marker = protocol::parse_end_transaction_marker(record);
      if (!marker) return marker.error();
      fmt::print(out_, " endTxnMarker: {} coordinatorEpoch: {}", kControlTypes[static_cast<std::size_t>(id)], marker->coordinator_epoch);
    } else {
      const bool named = id >= 0 && static_cast<std::size_t>(id) < kControlTypes.size();
      fmt::print(out_, " controlType: {}({})", named ? kControlTypes[static_cast<std::size_t>(id)] : "UNKNOWN", id);
    }
    return {};
  }

  const InputFile& input_;
  const SegmentDumpOptions& options_;
  const RecordDecoder& decoder_;
  std::FILE* out_;
  Complaints& complaints_;
  Offset last_offset_ = kNoOffset;
};

}  // namespace

Status dump_segment(const std::string& path, const SegmentDumpOptions& options, const RecordDecoder& decoder, std::FILE* out, Complaints& complaints) {
  const auto base = offset_in_name(path);
  if (!base) return Error(ErrorCode::invalid_config, path + ": its name does not begin with an offset");
  fmt::print(out, "Log starting offset: {}\n", base->value());
  const auto input = open_input(path);
  if (!input) return input.error();
  if (options.max_bytes < 0) return Error(ErrorCode::invalid_config, fmt::format("Invalid size: {}", options.max_bytes));
  return SegmentDump(*input, options, decoder, out, complaints).run();
}

}  // namespace moldau::server::tools
