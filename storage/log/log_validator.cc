#include "storage/log/log_validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "protocol/base/format.h"
#include "protocol/base/java_math.h"
#include "protocol/records/record_batch_builder.h"

namespace moldau::storage {

using config::CompressionSetting;
using config::TimestampType;
using protocol::AnyBatch;
using protocol::BatchCursor;
using protocol::Codec;
using protocol::DeepRecords;
using protocol::RecordCursor;
using protocol::RecordScan;
using protocol::RecordView;

void throw_exception_from_error(const AppendError& error, const boost::source_location&) {
  throw std::runtime_error(fmt::format("{}: {}", to_string(error.code), error.message));
}

namespace {

Error unknown_codec(std::uint8_t id) { return Error(ErrorCode::unknown_server_error, fmt::format("Unknown compression type id: {}", id)); }

AppendError refuse(ErrorCode code, std::string message) { return AppendError{code, std::move(message), {}}; }
AppendError refuse(const Error& error) { return AppendError{error.code, error.message, {}}; }

Codec target_codec(CompressionSetting setting, Codec source) {
  switch (setting) {
    case CompressionSetting::producer: return source;
    case CompressionSetting::uncompressed: return Codec::none;
    case CompressionSetting::gzip: return Codec::gzip;
    case CompressionSetting::snappy: return Codec::snappy;
    case CompressionSetting::lz4: return Codec::lz4;
    case CompressionSetting::zstd: return Codec::zstd;
  }
  return source;
}

int level_of(Codec codec, const config::LogConfig& config) {
  switch (codec) {
    case Codec::gzip: return config.compression_gzip_level;
    case Codec::lz4: return config.compression_lz4_level;
    case Codec::zstd: return config.compression_zstd_level;
    case Codec::none:
    case Codec::snappy: break;
  }
  return protocol::kDefaultLevel;
}

// What a batch may decompress to: 64 times the largest batch, within 128 MiB and 1 GiB.
// DIFFERS: Kafka has no bound.
std::size_t max_decompressed(const config::LogConfig& config) {
  constexpr std::size_t ceiling = std::size_t{1} << 30;
  const auto message = static_cast<std::size_t>(std::max(config.max_message_bytes, 0));
  return std::clamp(message * 64, protocol::kDefaultMaxDecompressed, ceiling);
}

std::string describe(const RecordView& record) {
  return fmt::format("DefaultRecord(offset={}, timestamp={}, key={} bytes, value={} bytes)", record.offset, record.timestamp, record.key ? record.key->size() : 0,
                     record.value ? record.value->size() : 0);
}

// DIFFERS: Kafka lists every record at fault; the answer stays bounded here.
constexpr std::size_t kMaxRecordErrors = 10000;

}  // namespace

Status validate_produce_records(std::int16_t version, Bytes records) {
  if (version < 3) return {};
  const auto invalid = [version](std::string_view rest) { return Error(ErrorCode::invalid_record, fmt::format("Produce requests with version {} {}", version, rest)); };
  BatchCursor cursor(records);
  const auto first = cursor.next();
  if (cursor.error()) return *cursor.error();
  if (!first) return invalid("must have at least one record batch per partition");
  if (first->magic() != 2) return invalid("are only allowed to contain record batches with magic version 2");
  if (version < 7 && first->codec_id() == static_cast<std::uint8_t>(Codec::zstd))
    return Error(ErrorCode::unsupported_compression_type, fmt::format("Produce requests with version {} are not allowed to use ZStandard compression", version));
  if (cursor.next()) return invalid("are only allowed to contain exactly one record batch per partition");
  if (cursor.error()) return *cursor.error();
  return {};
}

Result<RecordsAnalysis> analyze_records(Bytes records, const AnalyzeOptions& options) {
  RecordsAnalysis found;
  BatchCursor cursor(records);
  while (const auto batch = cursor.next()) {
    if (options.origin == AppendOrigin::replication && options.leader_epoch != kNoLeaderEpoch && batch->partition_leader_epoch() > options.leader_epoch) return found;
    if (batch->is_v2() && options.origin == AppendOrigin::client && batch->raw_offset() != Offset(0)) {
      return Error(ErrorCode::invalid_record,
                   fmt::format("The baseOffset of the record batch in the append to {} should be 0, but it is {}", options.partition, batch->raw_offset()));
    }
    const Offset last = batch->last_offset();
    if (found.batches == 0) {
      if (batch->is_v2()) found.first_offset = batch->raw_offset();
      found.last_offset_of_first_batch = last;
    }
    if (found.last_offset >= last) found.offsets_monotonic = false;
    found.last_offset = last;
    found.last_leader_epoch = batch->partition_leader_epoch();

    const std::size_t size = batch->size_in_bytes();
    if (!options.ignore_record_size && size > static_cast<std::size_t>(std::max(options.max_message_bytes, 0))) {
      return Error(ErrorCode::message_too_large, fmt::format("The record batch size in the append to {} is {} bytes which exceeds the maximum configured value of {}.",
                                                             options.partition, size, options.max_message_bytes));
    }
    if (auto valid = batch->ensure_valid(); !valid)
      return Error(ErrorCode::corrupt_message, fmt::format("{} in topic partition {}.", valid.error().message, options.partition));
    if (!batch->has_known_codec()) return unknown_codec(batch->codec_id());
    found.max_timestamp = std::max(found.max_timestamp, batch->max_timestamp());
    if (batch->is_compressed()) found.source_codec = batch->codec();
    found.valid_bytes += size;
    ++found.batches;
  }
  if (cursor.error()) return *cursor.error();
  return found;
}

// One append being prepared. The parent (run) branches, the leaves check and rebuild.
class AppendPreparer {
 public:
  AppendPreparer(MutableBytes records, const config::LogConfig& config, std::int64_t now_ms, const PrepareOptions& options)
      : records_(records), config_(config), now_ms_(now_ms), options_(options) {}

  PrepareResult run() {
    AnalyzeOptions analyze;
    analyze.origin = options_.origin;
    analyze.max_message_bytes = config_.max_message_bytes;
    analyze.ignore_record_size = options_.ignore_record_size;
    analyze.partition = options_.partition;
    const auto analysis = analyze_records(Bytes(records_), analyze);
    if (!analysis) return refuse(analysis.error());
    result_.source_codec_ = source_ = analysis->source_codec;
    result_.timestamp_type_ = config_.message_timestamp_type;
    if (analysis->valid_bytes == 0) return std::move(result_);
    records_ = records_.first(analysis->valid_bytes);  // an incomplete entry at the end is not appended

    const AnyBatch first = *BatchCursor(Bytes(records_)).next();
    if (analysis->batches > 1 && (first.is_v2() || source_ != Codec::none))
      return refuse(ErrorCode::invalid_record, "Compressed outer record has more than one batch");
    target_ = target_codec(config_.compression_type, source_);
    const auto start = std::chrono::steady_clock::now();
    const bool ok = first.is_v2() ? prepare_v2(first) : convert_legacy(first.magic());
    if (!ok) return std::move(error_);
    if (result_.stats_.records_converted > 0) result_.stats_.conversion_time = std::chrono::steady_clock::now() - start;
    if (!check_sizes()) return std::move(error_);
    return std::move(result_);
  }

 private:
  bool fail(ErrorCode code, std::string message) {
    error_ = refuse(code, std::move(message));
    return false;
  }
  bool fail(const Error& error) { return fail(error.code, error.message); }
  [[nodiscard]] std::size_t max_content() const { return std::min(max_decompressed(config_), options_.max_decompressed); }

  // Kafka 3.9 LogValidator.validateBatch.
  bool check_batch(const AnyBatch& batch, std::int8_t first_magic) {
    if (batch.magic() != first_magic) {
      return fail(ErrorCode::invalid_record, fmt::format("Batch magic {} is not the same as the first batch's magic byte {} in topic partition {}", batch.magic(),
                                                         first_magic, options_.partition));
    }
    if (options_.origin != AppendOrigin::client || !batch.is_v2()) return true;
    const auto view = batch.v2();
    const std::int64_t from_offsets = std::int64_t{view.last_offset_delta()} + 1;
    if (from_offsets <= 0) {
      return fail(ErrorCode::invalid_record,
                  fmt::format("Batch has an invalid offset range: [{}, {}] in topic partition {}", view.base_offset(), view.last_offset(), options_.partition));
    }
    if (view.record_count() <= 0)
      return fail(ErrorCode::invalid_record, fmt::format("Invalid reported count for record batch: {} in topic partition {}", view.record_count(), options_.partition));
    if (from_offsets != view.record_count()) {
      return fail(ErrorCode::invalid_record, fmt::format("Inconsistent batch offset range [{}, {}] and count of records {} in topic partition {}", view.base_offset(),
                                                         view.last_offset(), view.record_count(), options_.partition));
    }
    if (view.is_control_batch())
      return fail(ErrorCode::invalid_record, fmt::format("Clients are not allowed to write control records in topic partition {}", options_.partition));
    if (view.has_producer_id() && view.base_sequence() < 0) {
      return fail(ErrorCode::invalid_record, fmt::format("Invalid sequence number {} in record batch with producerId {} in topic partition {}", view.base_sequence(),
                                                         view.producer_id(), options_.partition));
    }
    return true;
  }

  bool prepare_v2(const AnyBatch& batch) {
    if (!check_batch(batch, 2)) return false;
    const auto view = batch.v2();
    protocol::ScratchBuffer scratch;
    Bytes payload = view.payload();
    if (view.is_compressed()) {
      if (auto s = protocol::decompress(view.codec(), payload, *scratch, max_content()); !s) return fail(s.error());
      payload = scratch->bytes();
    }
    const auto context = view.record_context();
    RecordScan scan;
    if (!protocol::scan_records(payload, context, scan)) return fail_malformed(payload, context);
    if (may_refuse_records(scan, view.timestamp_type()) && !check_records(payload, context, view.timestamp_type())) return false;

    const bool keep_codec = source_ == target_ || (source_ == Codec::none && view.is_control_batch());
    // DIFFERS: for uncompressed batches Kafka does not look at the offset deltas; here wrong ones are corrected, as Kafka does it for compressed ones.
    const bool in_place = keep_codec && (scan.sequential || options_.origin != AppendOrigin::client);
    if (!in_place) return rebuild(payload, context, view, scan);

    result_.bytes_ = records_;
    result_.max_timestamp_ = scan.max_timestamp;
    if (config_.message_timestamp_type == TimestampType::create_time)
      protocol::batch_header::set_max_timestamp(records_, TimestampType::create_time, scan.max_timestamp);
    if (view.is_compressed()) result_.stats_.temporary_memory_bytes = static_cast<std::int64_t>(protocol::kBatchHeaderSize) + scan.body_bytes;
    return true;
  }

  bool fail_malformed(Bytes payload, const RecordCursor::Context& context) {
    RecordCursor cursor(payload, context);
    RecordView record;
    while (cursor.next(record)) {
    }
    return fail(cursor.failed() ? cursor.error() : Error(ErrorCode::invalid_record, "Found invalid record structure"));
  }

  // False when a look at the extremes shows that no record can be refused.
  [[nodiscard]] bool may_refuse_records(const RecordScan& scan, TimestampType batch_type) const {
    if (config_.cleanup_compact && scan.has_null_key) return true;
    if (batch_type == TimestampType::log_append_time) return true;
    if (config_.message_timestamp_type != TimestampType::create_time || scan.min_timestamp == std::numeric_limits<std::int64_t>::max()) return false;
    return timestamp_out_of_range(scan.min_timestamp) || timestamp_out_of_range(scan.max_timestamp);
  }

  [[nodiscard]] bool timestamp_out_of_range(std::int64_t timestamp) const {
    const auto diff = wrapping_minus(now_ms_, timestamp);
    return diff > config_.message_timestamp_before_max_ms || wrapping_minus(0, diff) > config_.message_timestamp_after_max_ms;
  }

  // Kafka 3.9 LogValidator.validateRecord: key, then timestamp. Collects a refusal.
  void check_record(const RecordView& record, std::int32_t index, std::int8_t batch_magic, TimestampType batch_type) {
    if (record.magic != batch_magic) {
      add_record_error(index, ErrorCode::invalid_record, fmt::format("Record {}'s magic does not match outer magic {} in topic partition {}", describe(record), batch_magic, options_.partition));
    } else if (config_.cleanup_compact && !record.key) {
      add_record_error(index, ErrorCode::invalid_record, fmt::format("Compacted topic cannot accept message without key in topic partition {}", options_.partition));
    } else if (config_.message_timestamp_type == TimestampType::create_time && record.timestamp != protocol::kNoTimestamp) {
      if (!timestamp_out_of_range(record.timestamp)) return;
      add_record_error(index, ErrorCode::invalid_timestamp,
                       fmt::format("Timestamp {} of message with offset {} is out of range. The timestamp should be within [{}, {}]", record.timestamp, record.offset,
                                   wrapping_minus(now_ms_, config_.message_timestamp_before_max_ms), wrapping_plus(now_ms_, config_.message_timestamp_after_max_ms)));
    } else if (batch_type == TimestampType::log_append_time) {
      add_record_error(index, ErrorCode::invalid_timestamp,
                       fmt::format("Invalid timestamp type in message {}. Producer should not set timestamp type to LogAppendTime.", describe(record)));
    }
  }

  void add_record_error(std::int32_t index, ErrorCode code, std::string message) {
    ++record_error_count_;
    if (code == ErrorCode::invalid_timestamp) invalid_timestamp_ = true;
    if (record_errors_.size() < kMaxRecordErrors) record_errors_.push_back(RecordError{index, std::move(message)});
  }

  // Kafka 3.9 LogValidator.processRecordErrors.
  bool accept_or_fail() {
    if (record_error_count_ == 0) return true;
    if (invalid_timestamp_) {
      error_ = refuse(ErrorCode::invalid_timestamp, "One or more records have been rejected due to invalid timestamp");
    } else {
      std::string shown;
      for (std::size_t i = 0; i < std::min<std::size_t>(record_errors_.size(), 3); ++i) {
        shown += fmt::format("{}RecordError(batchIndex={}, message='{}')", i > 0 ? ", " : "", record_errors_[i].batch_index, record_errors_[i].message);
      }
      error_ = refuse(ErrorCode::invalid_record,
                      fmt::format("One or more records have been rejected due to {} record errors in total, and only showing the first three errors at most: [{}]",
                                  record_error_count_, shown));
    }
    error_.record_errors = std::move(record_errors_);
    return false;
  }

  bool check_records(Bytes payload, const RecordCursor::Context& context, TimestampType batch_type) {
    RecordCursor cursor(payload, context);
    RecordView record;
    for (std::int32_t index = 0; cursor.next(record); ++index) check_record(record, index, 2, batch_type);
    return accept_or_fail();
  }

  [[nodiscard]] protocol::RecordBatchOptions builder_options() const {
    protocol::RecordBatchOptions o;
    o.codec = target_;
    o.level = level_of(target_, config_);
    o.timestamp_type = config_.message_timestamp_type;
    return o;
  }

  // The same records in a new batch with the topic's codec and offsets that follow each other.
  bool rebuild(Bytes payload, const RecordCursor::Context& context, const protocol::RecordBatchView& view, const RecordScan& scan) {
    auto o = builder_options();
    o.producer_id = view.producer_id();
    o.producer_epoch = view.producer_epoch();
    o.base_sequence = view.base_sequence();
    o.transactional = view.is_transactional();
    o.control = view.is_control_batch();
    protocol::RecordBatchBuilder builder(o, payload.size() + 64);
    RecordCursor cursor(payload, context);
    RecordView record;
    for (std::int64_t offset = 0; cursor.next(record); ++offset) builder.append_with_offset(Offset(offset), record);
    return finish(builder, static_cast<std::int64_t>(protocol::kBatchHeaderSize) + scan.body_bytes);
  }

  // Message sets of magic 0 and 1 become one batch of magic 2.
  bool convert_legacy(std::int8_t first_magic) {
    protocol::RecordBatchBuilder builder(builder_options(), records_.size());
    std::int64_t offset = 0;
    std::int64_t read_bytes = 0;
    BatchCursor cursor{Bytes(records_)};
    while (const auto batch = cursor.next()) {
      if (!check_batch(*batch, first_magic)) return false;
      auto records = DeepRecords::open(*batch, max_content());
      if (!records) return fail(records.error());
      RecordView record;
      for (std::int32_t index = 0; records->next(record); ++index) {
        check_record(record, index, first_magic, batch->timestamp_type());
        if (record_error_count_ > 0) continue;
        read_bytes += record.size_in_bytes;
        builder.append_with_offset(Offset(offset++), record);
      }
      if (records->failed()) return fail(records->error().code, fmt::format("{} in topic partition {}", records->error().message, options_.partition));
      if (!accept_or_fail()) return false;
    }
    const bool plain = source_ == Codec::none && target_ == Codec::none;
    return finish(builder, plain ? 0 : static_cast<std::int64_t>(protocol::kBatchHeaderSize) + read_bytes);
  }

  bool finish(protocol::RecordBatchBuilder& builder, std::int64_t read_bytes) {
    result_.stats_.records_converted = builder.record_count();
    result_.stats_.temporary_memory_bytes = read_bytes + static_cast<std::int64_t>(builder.estimated_size());
    result_.max_timestamp_ = builder.max_timestamp();
    auto built = builder.build();
    if (!built) return fail(built.error());
    result_.owned_ = std::move(*built);
    result_.bytes_ = result_.owned_.mutable_bytes();
    return true;
  }

  bool check_sizes() {
    const std::size_t size = result_.bytes_.size();
    if (result_.owns_bytes() && !options_.ignore_record_size && size > static_cast<std::size_t>(std::max(config_.max_message_bytes, 0))) {
      return fail(ErrorCode::message_too_large, fmt::format("Message batch size is {} bytes in append to partition {} which exceeds the maximum configured size of {}.", size,
                                                            options_.partition, config_.max_message_bytes));
    }
    if (size > static_cast<std::size_t>(std::max(config_.segment_bytes, 0))) {
      return fail(ErrorCode::record_list_too_large, fmt::format("Message batch size is {} bytes in append to partition {}, which exceeds the maximum configured segment size of {}.",
                                                                size, options_.partition, config_.segment_bytes));
    }
    return true;
  }

  MutableBytes records_;
  const config::LogConfig& config_;
  std::int64_t now_ms_;
  const PrepareOptions& options_;
  Codec source_ = Codec::none;
  Codec target_ = Codec::none;
  PreparedBatch result_;
  AppendError error_;
  std::vector<RecordError> record_errors_;
  std::size_t record_error_count_ = 0;
  bool invalid_timestamp_ = false;
};

PrepareResult prepare_append(MutableBytes records, const config::LogConfig& config, std::int64_t now_ms, const PrepareOptions& options) {
  return AppendPreparer(records, config, now_ms, options).run();
}

void assign_offsets(PreparedBatch& prepared, Offset base, LeaderEpoch epoch, std::int64_t now_ms) {
  const MutableBytes batch = prepared.bytes_;
  protocol::batch_header::set_base_offset(batch, base);
  protocol::batch_header::set_partition_leader_epoch(batch, epoch);
  if (prepared.timestamp_type_ != TimestampType::log_append_time) return;
  protocol::batch_header::set_max_timestamp(batch, TimestampType::log_append_time, now_ms);
  prepared.max_timestamp_ = now_ms;
  prepared.log_append_time_ = now_ms;
}

namespace {

/// What prepare_append() has to do with a record set, by its first header.
struct Work {
  Codec source = Codec::none;
  double ns_per_content_byte = 0;  ///< of decompressed records, on a common core
};

double decompress_ns(Codec codec) {
  switch (codec) {
    case Codec::none: return 0.0;
    case Codec::gzip: return 2.5;
    case Codec::snappy: return 1.0;
    case Codec::lz4: return 0.6;
    case Codec::zstd: return 1.2;
  }
  return 0.0;
}

double compress_ns(Codec codec) {
  switch (codec) {
    case Codec::none: return 0.1;
    case Codec::gzip: return 30.0;
    case Codec::snappy: return 2.5;
    case Codec::lz4: return 2.5;
    case Codec::zstd: return 6.0;
  }
  return 0.0;
}

constexpr double kScanNs = 0.15;  // a byte: checksum, or the walk over the records

std::optional<Work> work_of(Bytes records, const config::LogConfig& config) {
  if (records.size() < protocol::kBatchPrefixSize + 9) return std::nullopt;
  const auto magic = load_be<std::int8_t>(records.data() + protocol::batch_field::magic);
  const std::size_t attributes = magic == 2 ? protocol::batch_field::attributes + 1 : protocol::kLogOverhead + 5;
  const auto id = load_be<std::uint8_t>(records.data() + attributes) & protocol::kAttrCodecMask;
  Work work;
  work.source = id <= 4 ? static_cast<Codec>(id) : Codec::none;
  const Codec target = target_codec(config.compression_type, work.source);
  work.ns_per_content_byte = decompress_ns(work.source) + kScanNs;
  if (target != work.source || magic != 2) work.ns_per_content_byte += compress_ns(target);
  return work;
}

}  // namespace

std::chrono::microseconds estimate_cost(Bytes records, const config::LogConfig& config) noexcept {
  const auto work = work_of(records, config);
  if (!work) return std::chrono::microseconds(1);
  const auto size = static_cast<double>(records.size());
  const double content = work->source == Codec::none ? size : size * 4;  // the usual ratio
  const double ns = size * kScanNs + content * work->ns_per_content_byte;
  return std::chrono::microseconds(static_cast<std::int64_t>(ns / 1000));
}

std::size_t content_within(std::chrono::microseconds time, Bytes records, const config::LogConfig& config) noexcept {
  const auto work = work_of(records, config);
  if (!work) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(static_cast<double>(time.count()) * 1000 / work->ns_per_content_byte);
}

}  // namespace moldau::storage
