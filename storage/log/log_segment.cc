#include "storage/log/log_segment.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "protocol/base/log.h"
#include "storage/log/batch_scanner.h"

namespace moldau::storage {
namespace {

constexpr const char* kOwnSuffix = ".own";  ///< of a copy that is being made; a start ignores it

struct Suffixes {
  const char *log, *index, *time_index, *txn_index;
};

Suffixes suffixes_of(SegmentStage stage) {
  switch (stage) {
    case SegmentStage::live: break;
    case SegmentStage::cleaned: return {".log.cleaned", ".index.cleaned", ".timeindex.cleaned", ".txnindex.cleaned"};
    case SegmentStage::swap: return {".log.swap", ".index.swap", ".timeindex.swap", ".txnindex.swap"};
    case SegmentStage::deleted: return {".log.deleted", ".index.deleted", ".timeindex.deleted", ".txnindex.deleted"};
  }
  return {kLogSuffix, OffsetIndex::kSuffix, TimeIndex::kSuffix, TransactionIndex::kSuffix};
}

}  // namespace

LogSegment::LogSegment(const Environment& env, Offset base, std::int64_t roll_jitter_ms, SegmentStage stage)
    : base_(base),
      clock_(env.clock),
      roll_jitter_ms_(roll_jitter_ms),
      created_ms_(env.clock.wall_ms()),
      log_(env.cache, env.dir, base.value(), kLogSuffix),
      offset_index_(env.cache, env.dir, base),
      time_index_(env.cache, env.dir, base),
      txn_index_(env.cache, env.dir, base) {
  max_.offset = base;
  if (stage == SegmentStage::live) return;
  const auto suffixes = suffixes_of(stage);
  log_.set_suffix(suffixes.log);
  offset_index_.entries().file().set_suffix(suffixes.index);
  time_index_.entries().file().set_suffix(suffixes.time_index);
  txn_index_.entries().file().set_suffix(suffixes.txn_index);
}

void LogSegment::attach(const FileSizes& sizes) {
  has_file_ = sizes.log.has_value();
  size_.store(sizes.log.value_or(0), std::memory_order_release);
  offset_index_.attach(sizes.index.value_or(0));
  time_index_.attach(sizes.time_index.value_or(0));
  if (sizes.txn_index) txn_index_.attach(*sizes.txn_index);
  const std::lock_guard lock(max_lock_);
  max_known_ = sizes.log.value_or(0) == 0;
}

Status LogSegment::create_file() {
  if (has_file_) return {};
  auto file = log_.get(OpenMode::create);
  if (!file) return file.error();
  has_file_ = true;
  return {};
}

Status LogSegment::ready_for_append(const config::LogConfig& config) {
  if (!has_file_) {
    if (auto s = create_file(); !s) return s;
  } else if (auto s = own_log_file(); !s) {
    return s;
  }
  if (config.preallocate && size() == 0) {
    auto file = log_.get();
    if (!file) return file.error();
    if (auto s = (*file)->truncate(static_cast<std::uint64_t>(config.segment_bytes)); !s) return s;
  }
  if (auto s = offset_index_.presize(config.segment_index_bytes); !s) return s;
  if (auto s = time_index_.presize(config.segment_index_bytes); !s) return s;
  // The first append after a start goes on from the largest timestamp on disk.
  if (auto m = max_timestamp(); !m) return m.error();
  ready_ = true;
  return {};
}

Status LogSegment::own_log_file() {
  auto info = log_.stat();
  if (!info) return info.error();
  if (!*info || (*info)->links < 2) return {};
  auto& disk = log_.disk();
  const auto path = log_.path();
  const auto own = path + kOwnSuffix;
  MOLDAU_LOG(storage, info, "{} has another name, a snapshot's: it is copied before it changes", path);
  if (auto s = copy_file(disk, path, own, (*info)->size); !s) return s;
  if (auto s = disk.set_mtime(own, (*info)->mtime_ms); !s) return s;
  if (auto s = disk.rename(own, path); !s) return s;
  log_.close();  // opened anew, it is the copy
  return disk.sync_directory(parent_path(path));
}

Status LogSegment::append(const Append& append, const config::LogConfig& config) {
  if (!ready_) [[unlikely]] {
    if (auto s = ready_for_append(config); !s) return s;
  }
  const auto position = size_.load(std::memory_order_relaxed);
  auto file = log_.get();
  if (!file) return file.error();
  if (auto s = (*file)->write_at(position, append.bytes); !s) {
    // What a full disk took of it goes: nobody shall find half a batch.
    if (is_no_space(s.error()) && !config.preallocate)
      if (auto cut = (*file)->truncate(position); !cut) return cut;
    return s;
  }
  if (position == 0) first_batch_timestamp_ = append.largest_timestamp;
  TimestampOffset max;
  {
    const std::lock_guard lock(max_lock_);
    max = max_;
  }
  if (append.largest_timestamp > max.timestamp) max = TimestampOffset{append.largest_timestamp, append.offset_of_largest_timestamp};
  if (bytes_since_index_entry_ > config.index_interval_bytes) {
    if (auto s = offset_index_.append(append.largest_offset, static_cast<std::uint32_t>(position)); !s) return s;
    if (auto s = time_index_.maybe_append(max.timestamp, max.offset); !s) return s;
    bytes_since_index_entry_ = 0;
  }
  bytes_since_index_entry_ += static_cast<std::int64_t>(append.bytes.size());
  size_.store(position + append.bytes.size(), std::memory_order_release);
  unpublished_max_ = max;
  return {};
}

void LogSegment::publish_max_timestamp() {
  if (!unpublished_max_) return;
  const std::lock_guard lock(max_lock_);
  max_ = *std::exchange(unpublished_max_, std::nullopt);
}

Status LogSegment::append_batches(Bytes batches, const config::LogConfig& config) {
  if (auto s = create_file(); !s) return s;
  auto file = log_.get();
  if (!file) return file.error();
  auto position = size();
  if (auto s = (*file)->write_at(position, batches); !s) return s;
  for (const auto& batch : protocol::BatchRange(batches)) {
    if (auto s = rebuild_add(batch, position, config.index_interval_bytes); !s) return s;
    position += batch.size_in_bytes();
  }
  size_.store(position, std::memory_order_release);
  return {};
}

Status LogSegment::warm_up() const {
  const auto bytes = size();
  if (bytes == 0) return {};
  if (auto max = max_timestamp(); !max) return max.error();
  if (auto last = offset_index_.last(); !last) return last.error();
  auto file = open_log();
  if (!file) return file.error();
  auto first = BatchScanner(**file, 0, bytes, BatchScanner::Mode::headers).next();
  return first ? Status() : Status(first.error());
}

Result<bool> LogSegment::should_roll(const RollCheck& check) {
  const auto bytes = size();
  if (static_cast<std::int64_t>(bytes) > std::int64_t{check.max_segment_bytes} - static_cast<std::int64_t>(check.bytes)) return true;
  if (offset_index_.is_full(check.max_index_bytes) || time_index_.is_full(check.max_index_bytes) || !fits(check.max_offset)) return true;
  if (bytes == 0) return false;
  if (!first_batch_timestamp_) {
    auto file = log_.get();
    if (!file) return file.error();
    BatchScanner scanner(**file, 0, bytes, BatchScanner::Mode::headers);
    auto first = scanner.next();
    if (!first) return first.error();
    first_batch_timestamp_ = *first ? (*first)->max_timestamp() : -1;
  }
  const auto waited = *first_batch_timestamp_ >= 0 ? check.max_timestamp - *first_batch_timestamp_ : check.now_ms - created_ms_;
  return waited > check.max_segment_ms - roll_jitter_ms_;
}

Result<std::optional<BatchPosition>> LogSegment::scan_for(const File& file, Offset target, std::uint64_t from, std::uint64_t end, ColdRead cold) const {
  BatchScanner scanner(file, from, end, BatchScanner::Mode::headers, cold);
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    if ((*batch)->last_offset() >= target)
      return std::optional(BatchPosition{(*batch)->is_v2() ? (*batch)->raw_offset() : kNoOffset, (*batch)->last_offset(), scanner.position(),
                                         static_cast<std::uint32_t>(scanner.next_position() - scanner.position())});
  }
  if (!scanner.problem().empty())
    return Error(ErrorCode::corrupt_message, log_.path() + " at position " + std::to_string(scanner.next_position()) + ": " + scanner.problem());
  return std::optional<BatchPosition>();
}

Result<std::optional<BatchPosition>> LogSegment::locate(Offset target, std::uint64_t end, ColdRead cold) const {
  if (end == 0) return std::optional<BatchPosition>();
  auto file = open_log(cold);
  if (!file) return file.error();
  auto from = offset_index_.lookup(target, cold);
  if (!from) return from.error();
  if (from->position > 0 && from->position < end) {
    auto found = scan_for(**file, target, from->position, end, cold);
    // The batch that an index entry names holds its offset: what begins above the target cannot be right.
    if (found && *found && ((*found)->base_offset == kNoOffset || (*found)->base_offset <= target || (*found)->position != from->position)) return found;
    if (found && !*found) return found;
    if (!found && (found.error().code == ErrorCode::kafka_storage_error || is_needs_disk(found.error()))) return found;
    MOLDAU_LOG(storage, warn, "The offset index of {} does not fit its log near offset {}; the log is searched from its start", log_.path(), target.value());
  }
  return scan_for(**file, target, 0, end, cold);
}

Result<LogSegment::Tail> LogSegment::read_tail() const {
  const auto end = size();
  Tail tail{base_, 0, {}};
  if (end == 0) return tail;
  auto file = open_log();
  if (!file) return file.error();
  auto from = offset_index_.last();
  if (!from) return from.error();
  std::uint64_t start = from->position < end ? from->position : 0;
  for (;;) {
    BatchScanner scanner(**file, start, end, BatchScanner::Mode::headers);
    tail = Tail{base_, start, {}};
    while (true) {
      auto batch = scanner.next();
      if (!batch) return batch.error();
      if (!*batch) break;
      tail.next_offset = (*batch)->next_offset();
    }
    tail.valid_bytes = scanner.next_position();
    tail.problem = scanner.problem();
    if (start == 0 || tail.valid_bytes > start) return tail;
    start = 0;  // the index pointed at something that is no batch
  }
}

Result<TimestampOffset> LogSegment::read_max_timestamp() const {
  auto max = time_index_.last();
  if (!max) return max.error();
  const auto end = size();
  if (end == 0) return max;
  auto from = offset_index_.lookup(max->offset);
  if (!from) return from.error();
  auto file = open_log();
  if (!file) return file.error();
  BatchScanner scanner(**file, from->position < end ? from->position : 0, end, BatchScanner::Mode::headers);
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    if ((*batch)->max_timestamp() > max->timestamp) max = TimestampOffset{(*batch)->max_timestamp(), (*batch)->last_offset()};
  }
  return max;
}

Result<TimestampOffset> LogSegment::max_timestamp() const {
  {
    const std::lock_guard lock(max_lock_);
    if (max_known_) return max_;
  }
  auto read = read_max_timestamp();
  if (!read) return read;
  const std::lock_guard lock(max_lock_);
  if (!max_known_) {
    max_ = *read;
    max_known_ = true;
  }
  return max_;
}

Result<std::int64_t> LogSegment::last_modified() const {
  auto info = log_.stat();
  if (!info) return info.error();
  return *info ? (*info)->mtime_ms : created_ms_.load();
}

Result<std::int64_t> LogSegment::largest_timestamp() const {
  auto max = max_timestamp();
  if (!max) return max.error();
  if (max->timestamp >= 0) return max->timestamp;
  return last_modified();
}

Result<std::optional<TimestampAndOffset>> LogSegment::find_by_timestamp(std::int64_t target, Offset from, std::uint64_t end) const {
  auto hint = time_index_.lookup(target);
  if (!hint) return hint.error();
  return find_record(target, from, std::max(hint->offset, from), end);
}

Result<std::optional<TimestampAndOffset>> LogSegment::find_record(std::int64_t timestamp, Offset from, Offset hint, std::uint64_t end) const {
  using None = std::optional<TimestampAndOffset>;
  if (end == 0) return None();
  auto position = offset_index_.lookup(hint);
  if (!position) return position.error();
  auto file = open_log();
  if (!file) return file.error();
  BatchScanner headers(**file, position->position < end ? position->position : 0, end, BatchScanner::Mode::headers);
  while (true) {
    auto head = headers.next();
    if (!head) return head.error();
    if (!*head) return None();
    if ((*head)->max_timestamp() < timestamp || (*head)->last_offset() < from) continue;
    BatchScanner whole(**file, headers.position(), headers.next_position(), BatchScanner::Mode::whole);
    auto batch = whole.next();
    if (!batch) return batch.error();
    if (!*batch) return None();
    auto records = protocol::DeepRecords::open(**batch);
    if (!records) return records.error();
    protocol::RecordView record;
    while (records->next(record))
      if (record.timestamp >= timestamp && record.offset >= from)
        return None(TimestampAndOffset{record.timestamp, record.offset, (*batch)->partition_leader_epoch()});
    if (records->failed()) return records->error();
  }
}

Result<std::uint64_t> LogSegment::truncate_to(Offset offset) {
  const auto before = size();
  auto cut = locate(offset, before);
  if (!cut) return cut.error();
  if (auto s = offset_index_.truncate_to(offset); !s) return s.error();
  if (auto s = time_index_.truncate_to(offset); !s) return s.error();
  if (auto s = txn_index_.truncate_to(offset); !s) return s.error();
  std::uint64_t removed = 0;
  if (*cut) {
    removed = before - (*cut)->position;
    if (auto s = truncate_bytes((*cut)->position); !s) return s.error();
  }
  bytes_since_index_entry_ = 0;
  ready_ = false;
  {
    const std::lock_guard lock(max_lock_);
    max_known_ = false;
  }
  if (size() == 0) {
    created_ms_ = clock_.wall_ms();
    first_batch_timestamp_.reset();
  }
  return removed;
}

Status LogSegment::truncate_bytes(std::uint64_t bytes) {
  if (auto s = own_log_file(); !s) return s;
  auto file = log_.get();
  if (!file) return file.error();
  if (auto s = (*file)->truncate(bytes); !s) return s;
  size_.store(bytes, std::memory_order_release);
  return {};
}

Status LogSegment::rebuild_begin() {
  if (auto s = offset_index_.reset(); !s) return s;
  if (auto s = time_index_.reset(); !s) return s;
  if (auto s = txn_index_.reset(); !s) return s;
  rebuild_last_entry_ = 0;
  ready_ = false;
  first_batch_timestamp_.reset();
  const std::lock_guard lock(max_lock_);
  max_ = TimestampOffset{-1, base_};
  max_known_ = true;
  return {};
}

Status LogSegment::rebuild_add(const protocol::AnyBatch& batch, std::uint64_t position, std::int32_t index_interval_bytes) {
  TimestampOffset max;
  {
    const std::lock_guard lock(max_lock_);
    if (batch.max_timestamp() > max_.timestamp) max_ = TimestampOffset{batch.max_timestamp(), batch.last_offset()};
    max = max_;
  }
  if (position - rebuild_last_entry_ <= static_cast<std::uint64_t>(index_interval_bytes)) return {};
  if (auto s = offset_index_.append(batch.last_offset(), static_cast<std::uint32_t>(position)); !s) return s;
  rebuild_last_entry_ = position;
  return time_index_.maybe_append(max.timestamp, max.offset);
}

Status LogSegment::rebuild_end() {
  // On a full disk the indexes serve from memory; they are written before the recovery point may pass them.
  auto s = become_inactive();
  if (!s && !is_no_space(s.error())) return s;
  return {};
}

Status LogSegment::become_inactive() {
  auto max = max_timestamp();
  if (!max) return max.error();
  if (max->timestamp >= 0) {
    if (auto s = time_index_.maybe_append(max->timestamp, max->offset); !s) return s;
  }
  if (has_file_) {
    auto file = log_.get();
    if (!file) return file.error();
    auto on_disk = (*file)->size();
    if (!on_disk) return on_disk.error();
    if (*on_disk > size())  // preallocated
      if (auto s = (*file)->truncate(size()); !s) return s;
  }
  if (auto s = offset_index_.trim(); !s) return s;
  if (auto s = time_index_.trim(); !s) return s;
  if (auto s = txn_index_.close(); !s) return s;
  ready_ = false;
  return {};
}

Status LogSegment::close() {
  if (has_file_ && ready_) {
    if (auto s = become_inactive(); !s) return s;
  }
  release_descriptors();
  return {};
}

Status LogSegment::sync(bool with_indexes) {
  if (!has_file_) return {};
  auto file = log_.get();
  if (!file) return file.error();
  if (auto s = (*file)->sync(); !s) return s;
  if (!with_indexes) return {};
  for (auto* entries : {&offset_index_.entries(), &time_index_.entries()}) {
    if (auto s = entries->write_pending(); !s) return s;
    auto index = entries->file().get(OpenMode::create);
    if (!index) return index.error();
    if (auto s = (*index)->sync(); !s) return s;
    entries->file().close();
  }
  if (txn_index_.exists()) {
    if (auto s = txn_index_.entries().write_pending(); !s) return s;
    auto index = txn_index_.entries().file().get();
    if (!index) return index.error();
    return (*index)->sync();
  }
  return {};
}

Status LogSegment::rename_files(SegmentStage to) {
  const auto suffixes = suffixes_of(to);
  if (auto s = log_.rename_suffix(suffixes.log); !s) return s;
  if (auto s = offset_index_.entries().file().rename_suffix(suffixes.index); !s) return s;
  if (auto s = time_index_.entries().file().rename_suffix(suffixes.time_index); !s) return s;
  return txn_index_.entries().file().rename_suffix(suffixes.txn_index);
}

Status LogSegment::mark_deleted() {
  deleted_.store(true, std::memory_order_release);
  return rename_files(SegmentStage::deleted);
}

Status LogSegment::remove_files() {
  if (auto s = log_.remove(); !s) return s;
  if (auto s = offset_index_.entries().file().remove(); !s) return s;
  if (auto s = time_index_.entries().file().remove(); !s) return s;
  return txn_index_.entries().file().remove();
}

void LogSegment::release_descriptors() {
  log_.close();
  offset_index_.entries().file().close();
  time_index_.entries().file().close();
  txn_index_.entries().file().close();
}

}  // namespace moldau::storage
