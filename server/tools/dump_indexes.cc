#include <fmt/format.h>

#include <algorithm>

#include "server/tools/complaints.h"
#include "server/tools/dump_files.h"
#include "server/tools/java_text.h"
#include "server/tools/segment_reader.h"
#include "storage/index/entry_format.h"

namespace moldau::server::tools {
namespace {

using storage::BatchScanner;

/// The whole entries of an index file.
struct IndexFile {
  Offset base;
  std::vector<std::byte> bytes;
  std::size_t entry_size = 8;

  [[nodiscard]] std::size_t count() const { return bytes.size() / entry_size; }
  [[nodiscard]] const std::byte* at(std::size_t i) const { return bytes.data() + i * entry_size; }
};

Result<IndexFile> read_index(const std::string& path, std::size_t entry_size) {
  const auto base = offset_in_name(path);
  if (!base) return Error(ErrorCode::invalid_config, path + ": its name does not begin with an offset");
  const auto input = open_input(path);
  if (!input) return input.error();
  auto bytes = read_input(*input);
  if (!bytes) return bytes.error();
  return IndexFile{*base, std::move(*bytes), entry_size};
}

Error corrupt_index(const char* kind, const std::string& path, const std::string& what) {
  return Error(ErrorCode::corrupt_message, fmt::format("Corrupt {0} found, {0} file ({1}) {2}", kind, java_absolute_path(path), what));
}

/// Kafka 3.9 OffsetIndex.sanityCheck.
Status check_offset_index(const IndexFile& index, const std::string& path) {
  const auto last = storage::decode_offset_entry(index.base, index.at(index.count() - 1)).offset;
  if (last < index.base)
    return corrupt_index("index", path,
                         fmt::format("has non-zero size but the last offset is {} which is less than the base offset {}", last.value(), index.base.value()));
  if (index.bytes.size() % index.entry_size != 0)
    return corrupt_index("index", path, fmt::format("has {} bytes which is neither positive nor a multiple of 8", index.bytes.size()));
  return {};
}

/// Kafka 3.9 TimeIndex.sanityCheck.
Status check_time_index(const IndexFile& index, const std::string& path) {
  if (index.count() > 0) {
    const auto first = storage::decode_time_entry(index.base, index.at(0));
    const auto last = storage::decode_time_entry(index.base, index.at(index.count() - 1));
    if (last.timestamp < first.timestamp)
      return corrupt_index(
          "time index", path,
          fmt::format("has non-zero size but the last timestamp is {} which is less than the first timestamp {}", last.timestamp, first.timestamp));
    if (last.offset < index.base)
      return corrupt_index(
          "time index", path,
          fmt::format("has non-zero size but the last offset is {} which is less than the first offset {}", last.offset.value(), index.base.value()));
  }
  if (index.bytes.size() % index.entry_size != 0)
    return corrupt_index("time index", path, fmt::format("has {} bytes which is neither positive nor a multiple of 12", index.bytes.size()));
  return {};
}

/// The zeros behind the entries of a file that is as long as it may become.
bool is_unused(Offset offset, const IndexFile& index, std::size_t i) { return offset == index.base && i > 0; }

/// A position of an index, as kafka-dump-log takes it. Errors: it lies outside of the log.
Result<std::uint64_t> position_in(const InputFile& log, std::uint32_t position) {
  if (static_cast<std::int32_t>(position) < 0)
    return Error(ErrorCode::corrupt_message, fmt::format("Invalid position: {} in read from {}", static_cast<std::int32_t>(position), log.path));
  if (position > log.size) return Error(ErrorCode::corrupt_message, fmt::format("Slice from position {} exceeds end position of {}", position, log.path));
  return std::uint64_t{position};
}

/// Position of the entry with the greatest offset not above `target`; 0 without one.
std::uint32_t lookup(const IndexFile& index, Offset target) {
  std::size_t low = 0, high = index.count();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto entry = storage::decode_offset_entry(index.base, index.at(middle)).offset;
    if (entry <= target && !is_unused(entry, index, middle))
      low = middle + 1;
    else
      high = middle;
  }
  return low == 0 ? 0 : storage::decode_offset_entry(index.base, index.at(low - 1)).position;
}

/// The largest timestamp of a batch's records; -1 without one.
Result<std::int64_t> largest_timestamp(const protocol::AnyBatch& batch) {
  std::int64_t largest = protocol::kNoTimestamp;
  if (batch.count() == 0) return largest;
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return records.error();
  protocol::RecordView record;
  while (records->next(record)) largest = std::max(largest, record.timestamp);
  if (records->failed()) return records->error();
  return largest;
}

class TimeIndexDump {
 public:
  TimeIndexDump(const std::string& path, const InputFile& log, const IndexFile& offsets, Complaints& complaints)
      : path_(path), log_(log), offsets_(offsets), complaints_(complaints) {}

  /// Compares an entry with the log.
  Status check(const storage::TimestampOffset& entry) {
    const auto position = position_in(log_, lookup(offsets_, entry.offset));
    if (!position) return position.error();
    SegmentReader reader(log_, *position, log_.size, BatchScanner::Mode::whole);
    while (true) {
      const auto batch = reader.next();
      if (!batch) return batch.error();
      if (*batch && (*batch)->last_offset() < entry.offset) continue;
      if (!*batch || (*batch)->last_offset() != entry.offset)
        complaints_.offsets_not_found.add(path_, entry.offset.value(), *batch ? (*batch)->last_offset().value() : -1);
      else if (auto s = compare(**batch, entry); !s)
        return s;
      break;
    }
    previous_ = entry.timestamp;
    return {};
  }

 private:
  Status compare(const protocol::AnyBatch& batch, const storage::TimestampOffset& entry) {
    const auto largest = largest_timestamp(batch);
    if (!largest) return largest.error();
    if (*largest != entry.timestamp) complaints_.timestamp_mismatches.add(path_, entry.timestamp, *largest);
    if (previous_ >= entry.timestamp) complaints_.timestamps_out_of_order.add(path_, entry.timestamp, previous_);
    return {};
  }

  const std::string& path_;
  const InputFile& log_;
  const IndexFile& offsets_;
  Complaints& complaints_;
  std::int64_t previous_ = protocol::kNoTimestamp;
};

}  // namespace

Status dump_offset_index(const std::string& path, const IndexDumpOptions& options, std::FILE* out, Complaints& complaints) {
  const auto log = open_input(sibling(path, ".log"));
  if (!log) return log.error();
  const auto index = read_index(path, storage::OffsetIndex::kEntrySize);
  if (!index) return index.error();
  if (index->count() == 0) {
    fmt::print(out, "{} is empty.\n", path);
    return {};
  }
  if (options.sanity_check_only) {
    if (auto s = check_offset_index(*index, path); !s) return s;
    fmt::print(out, "{} passed sanity check.\n", path);
    return {};
  }
  if (options.max_message_size < 0) return Error(ErrorCode::invalid_config, fmt::format("Invalid size: {}", options.max_message_size));
  for (std::size_t i = 0; i < index->count(); ++i) {
    const auto entry = storage::decode_offset_entry(index->base, index->at(i));
    if (is_unused(entry.offset, *index, i)) break;
    const auto position = position_in(*log, entry.position);
    if (!position) return position.error();
    SegmentReader reader(*log, *position, std::min(log->size, *position + static_cast<std::uint64_t>(options.max_message_size)), BatchScanner::Mode::headers);
    const auto batch = reader.next();
    if (!batch) return batch.error();
    if (!*batch) return Error(ErrorCode::corrupt_message, fmt::format("{}: there is no whole batch at position {} of the log", path, entry.position));
    if ((*batch)->last_offset() != entry.offset) complaints.index_mismatches.add(path, entry.offset.value(), (*batch)->last_offset().value());
    if (!options.verify_only) fmt::print(out, "offset: {} position: {}\n", entry.offset.value(), entry.position);
  }
  return {};
}

Status dump_time_index(const std::string& path, const IndexDumpOptions& options, std::FILE* out, Complaints& complaints) {
  const auto log = open_input(sibling(path, ".log"));
  if (!log) return log.error();
  auto offsets = read_index(sibling(path, ".index"), storage::OffsetIndex::kEntrySize);
  // DIFFERS: kafka-dump-log creates an offset index that is missing; here it counts as empty.
  if (!offsets) offsets = IndexFile{offset_in_name(path).value_or(Offset(0)), {}, storage::OffsetIndex::kEntrySize};
  const auto index = read_index(path, storage::TimeIndex::kEntrySize);
  if (!index) return index.error();
  if (options.sanity_check_only) {
    if (auto s = check_time_index(*index, path); !s) return s;
    fmt::print(out, "{} passed sanity check.\n", path);
    return {};
  }
  TimeIndexDump dump(path, *log, *offsets, complaints);
  for (std::size_t i = 0; i < index->count(); ++i) {
    const auto entry = storage::decode_time_entry(index->base, index->at(i));
    if (is_unused(entry.offset, *index, i)) break;
    if (auto s = dump.check(entry); !s) return s;
    if (!options.verify_only) fmt::print(out, "timestamp: {} offset: {}\n", entry.timestamp, entry.offset.value());
  }
  return {};
}

Status dump_transaction_index(const std::string& path, std::FILE* out) {
  const auto index = read_index(path, storage::TransactionIndex::kEntrySize);
  if (!index) return index.error();
  for (std::size_t i = 0; i < index->count(); ++i)
    if (const auto version = storage::transaction_entry_version(index->at(i)); version > storage::kTransactionIndexVersion)
      return Error(ErrorCode::corrupt_message, fmt::format("Unexpected aborted transaction version {} in transaction index {}, current version is {}", version,
                                                           path, storage::kTransactionIndexVersion));
  for (std::size_t i = 0; i < index->count(); ++i) {
    const auto txn = storage::decode_transaction_entry(index->at(i));
    fmt::print(out, "version: {} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}\n", storage::transaction_entry_version(index->at(i)),
               txn.producer_id.value(), txn.first_offset.value(), txn.last_offset.value(), txn.last_stable_offset.value());
  }
  return {};
}

}  // namespace moldau::server::tools
