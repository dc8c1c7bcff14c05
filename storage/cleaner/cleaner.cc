#include "storage/cleaner/cleaner.h"

#include <algorithm>
#include <unordered_map>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/cleaner/batch_filter.h"
#include "storage/cleaner/cleanable_range.h"
#include "storage/cleaner/segment_groups.h"
#include "storage/log/batch_scanner.h"

namespace moldau::storage {
namespace {

using protocol::AnyBatch;
using protocol::RecordView;

Error given_up() { return Error(ErrorCode::unknown_server_error, "the cleaning was given up"); }

/// Walks a segment's batches whose checksums are right. What can't be read is an error with its place.
template <class OnBatch>
Status for_each_batch(const LogSegment& segment, std::uint64_t from, OnBatch on_batch) {
  if (segment.size() == 0) return {};
  auto file = segment.open_log();
  if (!file) return file.error();
  BatchScanner scanner(**file, from, segment.size(), BatchScanner::Mode::whole);
  const auto place = [&](std::uint64_t position, const std::string& why) {
    return Error(ErrorCode::corrupt_message, fmt::format("the segment at {}, position {}: {}", segment.base_offset(), position, why));
  };
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    // DIFFERS: Apache Kafka copies what is broken, or gives it a good checksum when it rewrites the batch.
    if (auto s = (*batch)->ensure_valid(); !s) return place(scanner.position(), s.error().message);
    auto more = on_batch(**batch, static_cast<std::size_t>(scanner.next_position() - scanner.position()));
    if (!more) return more.error().code == ErrorCode::kafka_storage_error ? more.error() : place(scanner.position(), more.error().message);
    if (!*more) return {};
  }
  if (!scanner.problem().empty()) return place(scanner.next_position(), scanner.problem());
  return {};
}

std::vector<CompactionSegment> bases_of(const SegmentList& list) {
  std::vector<CompactionSegment> bases;
  for (const auto& s : list) bases.push_back({s->base_offset(), s->size()});
  return bases;
}

/// Aborted transactions that overlap [from, to), by the indexes from that segment on (Kafka 3.9 UnifiedLog.collectAbortedTransactions).
Result<std::vector<AbortedTxn>> aborted_between(const SegmentList& list, std::size_t first, Offset from, Offset to) {
  std::vector<AbortedTxn> found;
  for (auto i = first; i < list.size(); ++i) {
    auto complete = list[i]->txn_index().collect(from, to, found);
    if (!complete) return complete.error();
    if (*complete) break;
  }
  return found;
}

}  // namespace

/// What belongs to one pass.
struct Cleaner::Pass {
  std::shared_ptr<UnifiedLog> log;
  std::uint64_t truncations;  ///< read first: what is read later is not older
  std::shared_ptr<const config::LogConfig> config;
  std::shared_ptr<const SegmentList> segments;
  SkimpyOffsetMap map;
  Offset first_uncleanable;
  std::int64_t now_ms;
  std::int64_t legacy_horizon_ms = 0;  ///< tombstones of the old formats go in segments not modified since
  std::unordered_map<ProducerId, UnifiedLog::LastRecord> last_records;
  CleanerStats stats;
  bool given_up = false;
  bool no_room = false;
};

/// Gathers the batches that stay and writes them to the new segment.
class Cleaner::Output {
 public:
  Output(LogSegment& segment, const config::LogConfig& config, std::size_t write_bytes) : segment_(segment), config_(config), write_bytes_(write_bytes) {}
  Status add(Bytes batch, Offset last_offset) {
    if (!segment_.fits(last_offset))
      return Error(ErrorCode::corrupt_message, fmt::format("offset {} does not fit a segment at {}", last_offset, segment_.base_offset()));
    buffer_->append(batch);
    return buffer_->size() >= write_bytes_ ? write() : Status();
  }
  [[nodiscard]] LogSegment& segment() noexcept { return segment_; }
  Status write() {
    if (buffer_->size() == 0) return {};
    auto s = segment_.append_batches(buffer_->bytes(), config_);
    buffer_->clear();
    return s;
  }

 private:
  LogSegment& segment_;
  const config::LogConfig& config_;
  const std::size_t write_bytes_;
  protocol::ScratchBuffer buffer_;
};

Cleaner::Cleaner(int id, const CleanerBuffers& buffers, const Clock& clock, Random& random, Pace pace)
    : id_(id), buffers_(buffers), clock_(clock), random_(random), pace_(std::move(pace)) {}

Status Cleaner::go_on(Pass& pass, std::size_t bytes) {
  const auto& log = *pass.log;
  if (!pass.given_up) pass.given_up = log.closed() || log.truncation_count() != pass.truncations || !log.config()->cleanup_compact || !pace_(bytes);
  return pass.given_up ? Status(given_up()) : Status();
}

Awaitable<Result<CleanerOutcome>> Cleaner::clean(LogToClean what) {
  Pass pass{what.log,
            what.log->truncation_count(),
            what.log->config(),
            what.log->segments(),
            SkimpyOffsetMap(buffers_.map, HashSecret{random_.next(), random_.next()}),
            what.first_uncleanable,
            clock_.wall_ms(),
            0,
            what.log->last_records_of_producers(),
            {},
            false,
            false};
  // A truncation since the log was chosen may have made an earlier segment the active one.
  if (what.first_dirty >= what.first_uncleanable || what.first_uncleanable > pass.segments->active()->base_offset())
    co_return CleanerOutcome{true, false, what.first_dirty, pass.stats};
  auto outcome = co_await clean_range(pass, what);
  if (outcome) co_return outcome;
  // Whatever went wrong in files that were cut or removed meanwhile says nothing about the log.
  if (auto s = go_on(pass, 0); !s) co_return CleanerOutcome{true, pass.no_room, what.first_dirty, pass.stats};
  co_return outcome;
}

Awaitable<Result<CleanerOutcome>> Cleaner::clean_range(Pass& pass, const LogToClean& what) {
  const auto began = clock_.steady();
  const auto ms_since = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - began).count(); };
  if (auto s = read_range(pass, what); !s) co_return s.error();
  pass.stats.map_ms = ms_since();
  CleanedTransactions txns;
  const auto groups = groups_of(pass);
  for (const auto& group : groups) {
    auto s = co_await clean_group(pass, group.first, group.second, txns);
    if (!s) co_return s.error();
  }
  pass.stats.total_ms = ms_since();
  co_return CleanerOutcome{false, false, pass.map.latest_offset() + 1, pass.stats};
}

Status Cleaner::read_range(Pass& pass, const LogToClean& what) {
  MOLDAU_LOG(cleaner, info, "Cleaner {}: Beginning cleaning of log {}", id_, pass.log->topic_partition());
  // Segments above the recovery point may not have gaps, should the log cease to be compacted before a crash.
  if (pass.log->recovery_point() < what.first_uncleanable)
    if (auto s = pass.log->flush_blocking(); !s) return s;
  if (const auto clean = segments_between(bases_of(*pass.segments), Offset(0), what.first_dirty); clean.first < clean.second) {
    auto modified = (*pass.segments)[clean.second - 1]->last_modified();
    if (!modified) return modified.error();
    pass.legacy_horizon_ms = *modified - pass.config->delete_retention_ms;
  }
  if (auto s = build_map(pass, what.first_dirty, what.first_uncleanable); !s) return s;
  pass.stats.map_utilization = pass.map.utilization();
  return {};
}

std::vector<std::pair<std::size_t, std::size_t>> Cleaner::groups_of(const Pass& pass) const {
  const auto [first, last] = segments_between(bases_of(*pass.segments), Offset(0), pass.map.latest_offset() + 1);
  std::vector<SegmentSizes> sizes;
  for (auto i = first; i < last; ++i) {
    auto& s = *(*pass.segments)[i];
    sizes.push_back({s.base_offset(), s.size(), s.offset_index().entries().count() * OffsetIndex::kEntrySize, s.time_index().entries().count() * TimeIndex::kEntrySize});
  }
  const GroupLimits limits{static_cast<std::uint64_t>(pass.config->segment_bytes), static_cast<std::uint64_t>(pass.config->segment_index_bytes), pass.first_uncleanable};
  auto groups = group_segments(sizes, limits);
  for (auto& group : groups) {
    group.first += first;
    group.second += first;
  }
  return groups;
}

Status Cleaner::build_map(Pass& pass, Offset from, Offset to) {
  const auto& list = *pass.segments;
  const auto [first, last] = segments_between(bases_of(list), from, to);
  MOLDAU_LOG(cleaner, debug, "Cleaner {}: Building offset map for log {} for {} segments in offset range [{}, {}).", id_, pass.log->topic_partition(), last - first, from, to);
  CleanedTransactions txns;
  auto aborted = aborted_between(list, first, from, to);
  if (!aborted) return aborted.error();
  txns.add_aborted(*aborted);
  pass.map.update_latest_offset(from - 1);
  for (auto i = first; i < last; ++i) {
    if (auto s = go_on(pass, 0); !s) return s;
    auto full = map_segment(pass, *list[i], from, txns);
    if (!full) return full.error();
    if (*full) {
      MOLDAU_LOG(cleaner, info, "Cleaner {}: Offset map for log {} is full with {} keys: the pass ends at offset {}", id_, pass.log->topic_partition(), pass.map.size(),
                 pass.map.latest_offset());
      return {};
    }
    // Whatever the gaps at its end, the segment is done.
    pass.map.update_latest_offset((i + 1 < last ? list[i + 1]->base_offset() : to) - 1);
  }
  return {};
}

Result<bool> Cleaner::map_segment(Pass& pass, LogSegment& segment, Offset from, CleanedTransactions& txns) {
  auto position = segment.offset_index().lookup(from);
  if (!position) return position.error();
  bool full = false;
  auto s = for_each_batch(segment, position->position < segment.size() ? position->position : 0, [&](const AnyBatch& batch, std::size_t bytes) -> Result<bool> {
    if (auto more = go_on(pass, bytes); !more) return more.error();
    pass.stats.map_bytes_read += bytes;
    auto filled = map_batch(pass, batch, from, txns);
    if (!filled) return filled.error();
    full = *filled;
    return !full;
  });
  if (!s) return s.error();
  return full;
}

Result<bool> Cleaner::map_batch(Pass& pass, const AnyBatch& batch, Offset from, CleanedTransactions& txns) {
  if (batch.is_control_batch()) {
    ++pass.stats.map_records_read;
    if (auto discard = txns.on_control_batch(batch); !discard) return discard.error();
  } else if (txns.on_data_batch(batch)) {
    pass.stats.map_records_read += static_cast<std::uint64_t>(batch.count().value_or(0));
  } else {
    auto records = protocol::DeepRecords::open(batch);
    if (!records) return records.error();
    RecordView record;
    while (records->next(record)) {
      ++pass.stats.map_records_read;
      if (record.key && record.offset >= from && !pass.map.put(*record.key, record.offset)) return true;
    }
    if (records->failed()) return records->error();
  }
  if (batch.last_offset() >= from) pass.map.update_latest_offset(batch.last_offset());
  return false;
}

Awaitable<Status> Cleaner::clean_group(Pass& pass, std::size_t first, std::size_t last, CleanedTransactions& txns) {
  const auto& list = *pass.segments;
  if (auto room = check_room(pass, first, last); !room) co_return room;
  auto cleaned = pass.log->make_cleaned_segment(list[first]->base_offset());
  if (!cleaned) co_return cleaned.error();
  const auto target = *cleaned;
  auto s = write_group(pass, first, last, txns, *target);
  if (s) {
    Segments old(list.begin() + static_cast<std::ptrdiff_t>(first), list.begin() + static_cast<std::ptrdiff_t>(last));
    MOLDAU_LOG(cleaner, debug, "Cleaner {}: Swapping in the cleaned segment at {} ({} bytes) for {} segments in log {}", id_, target->base_offset(), target->size(), old.size(),
               pass.log->topic_partition());
    auto replaced = co_await pass.log->replace_segments(target, std::move(old), pass.truncations);
    if (!replaced) co_return replaced.error();
    if (*replaced) co_return Status();
    pass.given_up = true;  // the log changed since the last look
    s = given_up();
  }
  auto removed = target->remove_files();
  if (!removed) co_return removed;
  co_return s;
}

Status Cleaner::check_room(Pass& pass, std::size_t first, std::size_t last) const {
  constexpr std::int64_t kMargin = std::int64_t{1} << 20;  // tombstones get longer timestamps, indexes other entries
  std::uint64_t wanted = 0;
  for (auto i = first; i < last; ++i) wanted += (*pass.segments)[i]->size();
  const auto volume = pass.log->environment().disk().volume(pass.log->dir());
  if (!volume || volume->usable_bytes < 0 || volume->usable_bytes >= static_cast<std::int64_t>(wanted) + kMargin) return {};
  MOLDAU_LOG(cleaner, warn, "Cleaner {}: {} is not compacted now: it takes {} bytes beside what is there, and {} are free. Free some space", id_, pass.log->dir(), wanted,
             volume->usable_bytes);
  pass.given_up = pass.no_room = true;
  return given_up();
}

Status Cleaner::write_group(Pass& pass, std::size_t first, std::size_t last, CleanedTransactions& txns, LogSegment& target) {
  const auto& list = *pass.segments;
  Output out(target, *pass.config, buffers_.write_bytes);
  for (auto i = first; i < last; ++i) {
    if (auto s = go_on(pass, 0); !s) return s;
    // The transactions of the whole segment: its index is made anew. Behind it lies the active one at least.
    auto aborted = aborted_between(list, i, list[i]->base_offset(), list[i + 1]->base_offset());
    if (!aborted) return aborted.error();
    txns.add_aborted(*aborted);
    if (auto s = clean_into(pass, *list[i], txns, out); !s) return s;
  }
  if (auto s = out.write(); !s) return s;
  if (auto s = target.create_file(); !s) return s;
  if (auto s = target.become_inactive(); !s) return s;
  // Retention of records without timestamps and tombstones of the old formats go by it.
  auto modified = list[last - 1]->last_modified();
  if (!modified) return modified.error();
  if (auto s = target.log_file().disk().set_mtime(target.log_file().path(), *modified); !s) return s;
  if (auto s = target.sync(true); !s) return s;
  return go_on(pass, 0);
}

Status Cleaner::clean_into(Pass& pass, LogSegment& segment, CleanedTransactions& txns, Output& out) {
  auto modified = segment.last_modified();
  if (!modified) return modified.error();
  const bool retain_legacy = *modified > pass.legacy_horizon_ms;
  return for_each_batch(segment, 0, [&](const AnyBatch& batch, std::size_t bytes) -> Result<bool> {
    if (auto more = go_on(pass, bytes); !more) return more.error();
    pass.stats.bytes_read += bytes;
    if (auto s = clean_batch(pass, batch, retain_legacy, txns, out); !s) return s.error();
    return true;
  });
}

Status Cleaner::clean_batch(Pass& pass, const AnyBatch& batch, bool retain_legacy_tombstones, CleanedTransactions& txns, Output& out) {
  const bool control = batch.is_control_batch();
  bool discardable = false;
  if (control) {
    auto useless = txns.on_control_batch(batch);
    if (!useless) return useless.error();
    discardable = *useless;
  } else {
    discardable = txns.on_data_batch(batch);
  }
  BatchRules rules;
  rules.now_ms = pass.now_ms;
  rules.delete_retention_ms = pass.config->delete_retention_ms;
  rules.marker_of_empty_txn = control && discardable;
  const auto horizon = control ? batch.v2().delete_horizon_ms() : std::nullopt;
  rules.discard_all = discardable && (!control || (horizon && *horizon <= pass.now_ms));
  // The last data batch of an active producer holds its sequence number, its last marker its epoch; the round's last batch the end of the log behind it.
  rules.keep_when_empty = batch.next_offset() == pass.first_uncleanable;
  if (batch.has_producer_id()) {
    if (const auto it = pass.last_records.find(batch.producer_id()); it != pass.last_records.end()) {
      const auto& last = it->second;
      if (last.data_offset != kNoOffset ? batch.last_offset() == last.data_offset : control && batch.v2().producer_epoch() == last.epoch) rules.keep_when_empty = true;
    }
  }
  auto filtered = filter_batch(batch, rules, [&](const RecordView& record) {
    if (control || retains(pass, batch, record, retain_legacy_tombstones)) return true;
    if (!record.key) ++pass.stats.records_without_key;
    return false;
  });
  if (!filtered) return filtered.error();
  pass.stats.records_read += static_cast<std::uint64_t>(filtered->records_read);
  pass.stats.records_written += static_cast<std::uint64_t>(filtered->records_kept);
  if (filtered->kind != FilteredBatch::Kind::dropped) {
    const auto bytes = filtered->kind == FilteredBatch::Kind::unchanged ? batch.bytes() : filtered->bytes.bytes();
    pass.stats.bytes_written += bytes.size();
    if (auto s = go_on(pass, bytes.size()); !s) return s;
    if (auto s = out.add(bytes, batch.last_offset()); !s) return s;
  }
  for (const auto& txn : txns.take_retained())
    if (auto s = out.segment().txn_index().append(txn); !s) return s;
  return {};
}

bool Cleaner::retains(const Pass& pass, const AnyBatch& batch, const RecordView& record, bool retain_legacy_tombstones) const {
  if (record.offset > pass.map.latest_offset()) return true;
  if (!record.key) return false;
  if (const auto latest = pass.map.find(*record.key); latest && record.offset < *latest) return false;
  if (record.value) return true;
  if (!batch.is_v2()) return retain_legacy_tombstones;
  const auto horizon = batch.v2().delete_horizon_ms();
  return !horizon || pass.now_ms < *horizon;
}

}  // namespace moldau::storage
