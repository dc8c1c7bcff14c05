#include "storage/log/log_loader.h"

#include <algorithm>
#include <map>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/set_aside.h"
#include "storage/log/batch_scanner.h"
#include "storage/log/producer_rebuild.h"
#include "storage/log/segment_split.h"

namespace moldau::storage {
namespace {

constexpr std::string_view kDeleted = ".deleted", kCleaned = ".cleaned", kSwap = ".swap";
constexpr std::size_t kDigits = 20;
constexpr std::uint32_t kBatchesBetweenStopChecks = 1024;
constexpr std::uint64_t kTellBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxSmallFile = std::size_t{16} << 20;

/// Base offset in a file name "<20 digits>.<suffix>".
std::optional<Offset> offset_of(std::string_view name) {
  if (name.size() <= kDigits || name[kDigits] != '.') return std::nullopt;
  std::int64_t value = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (name[i] < '0' || name[i] > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, std::int64_t{10}, &value) || __builtin_add_overflow(value, std::int64_t{name[i] - '0'}, &value)) return std::nullopt;
  }
  // Sums with larger ones would run over; no log gets there.
  return value <= INT64_MAX / 2 ? std::optional(Offset(value)) : std::nullopt;
}

/// One of the files that belong to a segment, by the name under which it is used.
bool is_segment_file(std::string_view name) {
  if (!offset_of(name)) return false;
  const auto suffix = name.substr(kDigits);
  return suffix == kLogSuffix || suffix == OffsetIndex::kSuffix || suffix == TimeIndex::kSuffix || suffix == TransactionIndex::kSuffix || suffix == kSnapshotSuffix;
}

struct SegmentFiles {
  bool log = false, index = false, time_index = false, txn_index = false;
};

class Loader {
 public:
  explicit Loader(LoadRequest request)
      : request_(std::move(request)),
        disk_(request_.env.disk()),
        dir_(std::make_shared<DirPath>(request_.dir)),
        snapshots_(disk_) {}

  Result<std::shared_ptr<UnifiedLog>> load() {
    auto found = find_segments();
    while (!found && overflowed_) {
      // Kafka 3.9 LogLoader.retryOnOffsetOverflow: from scratch, with the pieces.
      if (auto s = split_overflowed_segment(disk_, request_.dir, *overflowed_); !s) return s.error();
      start_over();
      found = find_segments();
    }
    if (!found) return found.error();
    if (epochs_lost_) {
      if (auto s = rebuild_epochs(); !s) return s.error();
    }
    const auto log_start = std::max(request_.log_start, segments_.front()->base_offset());
    epochs_.truncate_from_end(log_end_);
    epochs_.truncate_from_start(log_start);
    std::vector<Offset> bases;
    for (const auto& s : segments_) bases.push_back(s->base_offset());
    if (auto s = snapshots_.remove_strays(request_.dir, bases); !s) return s.error();
    ProducerStateManager producers(request_.env.producer_id_expiration_ms);
    const ProducerRebuild what{request_.partition, request_.dir, segments_, log_start, log_end_, request_.env.clock.wall_ms(), request_.clean_shutdown, false};
    if (auto s = rebuild_producer_state(producers, snapshots_, what); !s) return s.error();
    if (auto s = snapshots_.remove_distrusted(request_.dir); !s) return s.error();

    LoadedLog loaded;
    loaded.segments = std::move(segments_);
    loaded.log_start = log_start;
    loaded.log_end = log_end_;
    loaded.recovery_point = std::max(log_start, request_.clean_shutdown && !repaired_ ? log_end_ : std::min(request_.recovery_point, log_end_));
    loaded.epochs_dirty = epochs_.dirty();
    loaded.epochs = epochs_.entries();
    loaded.topic_id = topic_id_;
    loaded.snapshots = snapshots_.known();
    return std::make_shared<UnifiedLog>(std::move(request_.env), std::move(request_.partition), dir_, std::move(request_.config), std::move(loaded), std::move(producers));
  }

 private:
  Status find_segments() {
    if (auto s = clear_leftovers(); !s) return s;
    if (auto s = read_small_files(); !s) return s;
    if (auto s = open_segments(); !s) return s;
    if (!request_.clean_shutdown) {
      if (auto s = recover_unflushed(); !s) return s;
    }
    return find_log_end();
  }

  void start_over() {
    overflowed_.reset();
    was_split_ = true;
    names_.clear();
    files_.clear();
    segments_.clear();
    index_sizes_.clear();
    epochs_.load({});
  }

  [[nodiscard]] std::string path(std::string_view name) const { return request_.dir + "/" + std::string(name); }
  [[nodiscard]] std::string tp() const { return to_string(TopicPartitionView(request_.partition)); }

  std::shared_ptr<LogSegment> make_segment(Offset base) {
    const auto jitter = std::min(request_.config->segment_jitter_ms, request_.config->segment_ms);
    const LogSegment::Environment env{request_.env.cache, dir_, request_.env.clock};
    return std::make_shared<LogSegment>(env, base, jitter <= 0 ? 0 : static_cast<std::int64_t>(request_.env.random.below(static_cast<std::uint64_t>(jitter))));
  }

  /// `.deleted` and `.cleaned` go; complete `.swap` files take the place of what they were made from (a crash in the middle of a replacement).
  /// Only what has the name of a segment's file is touched: the rest is somebody else's.
  Status clear_leftovers() {
    auto entries = disk_.list(request_.dir);
    if (!entries) return entries.error();
    std::vector<std::string> swaps, cleaned, deleted;
    std::optional<Offset> min_cleaned;
    for (const auto& e : *entries) {
      const std::string_view name = e.name;
      const auto offset = offset_of(name);
      if (e.is_directory) {
        if (auto s = clear_place(name); !s) return s;
      } else if (offset && name.ends_with(kDeleted)) {
        deleted.push_back(e.name);
      } else if (offset && name.ends_with(kCleaned)) {
        cleaned.push_back(e.name);
        if (!min_cleaned || *offset < *min_cleaned) min_cleaned = offset;
      } else if (offset && name.ends_with(kSwap)) {
        swaps.push_back(e.name);
      } else {
        names_.push_back(e.name);
      }
    }
    // A cleaned file says that the segments it was made from are still whole: a swap at or above it is a half-done split.
    std::erase_if(swaps, [&](const std::string& name) {
      if (!min_cleaned || *offset_of(name) < *min_cleaned) return false;
      cleaned.push_back(name);
      return true;
    });
    if (auto s = drop_broken_swaps(swaps); !s) return s;
    for (const auto* names : {&deleted, &cleaned})
      for (const auto& name : *names)
        if (auto s = disk_.remove(path(name)); !s) return s;
    if (swaps.empty()) return {};
    return finish_swap(swaps);
  }

  /// A directory where a file of the log's belongs would be in its way for ever.
  Status clear_place(std::string_view name) {
    if (name != kPartitionMetadataFile && name != LeaderEpochFileCache::kFileName && !is_segment_file(name)) return {};
    return keep_as_corrupt(name, "it is a directory, where a file belongs");
  }

  Status keep_as_corrupt(std::string_view name, std::string_view why) {
    auto kept = set_aside(disk_, path(name), request_.env.clock.wall_ms());
    if (!kept) return kept.error();
    MOLDAU_LOG(storage, warn, "{}: {}: {}; it is kept as {}", tp(), path(name), why, *kept);
    return {};
  }

  /// A swap is complete before it has its name. One that is not whole all the same does not take the place of a segment that is still there.
  Status drop_broken_swaps(std::vector<std::string>& swaps) {
    std::vector<Offset> broken;
    for (const auto& name : swaps) {
      if (!std::string_view(name).ends_with(".log.swap")) continue;
      const auto base = *offset_of(name);
      if (std::find(names_.begin(), names_.end(), segment_file_name(base.value(), kLogSuffix)) == names_.end()) continue;
      auto problem = swap_problem(path(name));
      if (!problem) return problem.error();
      if (problem->empty()) continue;
      if (auto s = keep_as_corrupt(name, *problem + "; the segment that it was to replace is kept"); !s) return s;
      broken.push_back(base);
    }
    // Its indexes go with it.
    for (auto it = swaps.begin(); it != swaps.end();) {
      if (std::find(broken.begin(), broken.end(), *offset_of(*it)) == broken.end()) {
        ++it;
        continue;
      }
      if (!it->ends_with(".log.swap"))
        if (auto s = disk_.remove(path(*it)); !s) return s;
      it = swaps.erase(it);
    }
    return {};
  }

  /// Why a file is no whole sequence of batches; empty when it is one.
  Result<std::string> swap_problem(const std::string& file_path) {
    auto file = disk_.open(file_path, OpenMode::read);
    if (!file) return file.error();
    auto size = (*file)->size();
    if (!size) return size.error();
    BatchScanner scanner(**file, 0, *size, BatchScanner::Mode::whole);
    while (true) {
      auto batch = scanner.next();
      if (!batch) return batch.error();
      if (!*batch) return scanner.problem().empty() ? std::string() : fmt::format("at position {}: {}", scanner.next_position(), scanner.problem());
      if (auto s = (*batch)->ensure_valid(); !s) return fmt::format("at position {}: {}", scanner.position(), s.error().message);
    }
  }

  Status finish_swap(const std::vector<std::string>& swaps) {
    std::optional<Offset> min_base, max_next;
    for (const auto& name : swaps) {
      if (!std::string_view(name).ends_with(".log.swap")) continue;
      const auto base = *offset_of(name);
      auto next = next_offset_of_file(path(name), base);
      if (!next) return next.error();
      if (!min_base || base < *min_base) min_base = base;
      if (!max_next || *next > *max_next) max_next = *next;
    }
    std::optional<Offset> from = min_base;
    if (min_base) {
      auto overlapped = segment_reaching(*min_base);
      if (!overlapped) return overlapped.error();
      if (*overlapped) from = **overlapped;
    }
    std::vector<std::string> kept;
    for (const auto& name : names_) {
      const auto o = offset_of(name);
      if (o && is_segment_file(name) && from && *o >= *from && *o < *max_next) {
        MOLDAU_LOG(storage, info, "{}: {} was replaced by a compacted or split segment; removing it", tp(), name);
        if (auto s = disk_.remove(path(name)); !s) return s;
      } else {
        kept.push_back(name);
      }
    }
    for (const auto& name : swaps) {
      const auto target = name.substr(0, name.size() - kSwap.size());
      if (auto s = disk_.rename(path(name), path(target)); !s) return s;
      kept.push_back(target);
    }
    names_ = std::move(kept);
    return disk_.sync_directory(request_.dir);
  }

  /// The segment that begins below `offset` and goes beyond it: a split may leave its first piece above the old segment's base.
  Result<std::optional<Offset>> segment_reaching(Offset offset) {
    std::optional<Offset> below;
    for (const auto& name : names_)
      if (const auto o = offset_of(name); o && *o < offset && std::string_view(name).substr(kDigits) == kLogSuffix && (!below || *o > *below)) below = o;
    if (!below) return std::optional<Offset>();
    auto next = next_offset_of_file(path(segment_file_name(below->value(), kLogSuffix)), *below);
    if (!next) return next.error();
    return *next > offset ? below : std::nullopt;
  }

  Result<Offset> next_offset_of_file(const std::string& file_path, Offset base) {
    auto file = disk_.open(file_path, OpenMode::read);
    if (!file) return file.error();
    auto size = (*file)->size();
    if (!size) return size.error();
    Offset next = base;
    BatchScanner scanner(**file, 0, *size, BatchScanner::Mode::headers);
    while (true) {
      auto batch = scanner.next();
      if (!batch) return batch.error();
      if (!*batch) return next;
      next = (*batch)->next_offset();
    }
  }

  Status read_small_files() {
    bool has_epochs = false;
    std::vector<Offset> snapshots;
    for (const auto& name : names_) {
      if (name == kPartitionMetadataFile) {
        if (auto r = read_topic_id(name); !r) return r;
      } else if (name == LeaderEpochFileCache::kFileName) {
        auto text = read_whole(disk_, path(name), kMaxSmallFile);
        if (!text) return text.error();
        has_epochs = !text->value_or("").empty();
        auto entries = LeaderEpochFileCache::parse(text->value_or(""));
        if (entries) {
          epochs_.load(std::move(*entries));
        } else {
          if (auto s = keep_as_corrupt(name, entries.error().message + "; it is rebuilt from the batches"); !s) return s;
          has_epochs = false;
        }
      } else if (const auto o = offset_of(name)) {
        const auto suffix = std::string_view(name).substr(kDigits);
        auto& files = files_[*o];
        if (suffix == kLogSuffix) files.log = true;
        if (suffix == OffsetIndex::kSuffix) files.index = true;
        if (suffix == TimeIndex::kSuffix) files.time_index = true;
        if (suffix == TransactionIndex::kSuffix) files.txn_index = true;
        if (suffix == kSnapshotSuffix) snapshots.push_back(*o);
      }
    }
    epochs_lost_ = !has_epochs;
    snapshots_.set_known(std::move(snapshots));
    return {};
  }

  Status read_topic_id(std::string_view name) {
    auto text = read_whole(disk_, path(name), kMaxSmallFile);
    if (!text) return text.error();
    auto id = parse_partition_metadata(text->value_or(""), path(name));
    if (id && *id) {
      topic_id_ = **id;
      return {};
    }
    // The controller tells the id again. DIFFERS: Apache Kafka takes the directory offline.
    if (id && text->value_or("").find_first_not_of('\0') == std::string::npos) {
      MOLDAU_LOG(storage, warn, "{}: {} is empty (torn by a crash?); it is written again when the partition gets its id", tp(), path(name));
      return {};
    }
    return keep_as_corrupt(name, (id ? std::string("it has no topic id") : id.error().message) + "; it is written again when the partition gets its id");
  }

  Result<std::optional<std::uint64_t>> size_of(bool exists, Offset base, const char* suffix) {
    if (!exists) return std::optional<std::uint64_t>();
    auto info = disk_.stat(path(segment_file_name(base.value(), suffix)));
    if (!info) return info.error();
    if (!*info && suffix == std::string_view(kLogSuffix))
      return Error(ErrorCode::corrupt_message, path(segment_file_name(base.value(), suffix)) + " is a link to nothing: put the file in its place, or remove the link to go on without its records");
    if (!*info) return std::optional<std::uint64_t>();
    return std::optional<std::uint64_t>((*info)->size);
  }

  Status open_segments() {
    for (const auto& [base, files] : files_) {
      if (!files.log) {
        for (const auto& [there, suffix] : {std::pair(files.index, OffsetIndex::kSuffix), {files.time_index, TimeIndex::kSuffix}, {files.txn_index, TransactionIndex::kSuffix}}) {
          if (!there) continue;
          MOLDAU_LOG(storage, warn, "{}: index file {} has no log file; removing it", tp(), segment_file_name(base.value(), suffix));
          if (auto s = disk_.remove(path(segment_file_name(base.value(), suffix))); !s) return s;
        }
        continue;
      }
      LogSegment::FileSizes sizes;
      auto log = size_of(true, base, kLogSuffix);
      auto index = size_of(files.index, base, OffsetIndex::kSuffix);
      auto time_index = size_of(files.time_index, base, TimeIndex::kSuffix);
      auto txn_index = size_of(files.txn_index, base, TransactionIndex::kSuffix);
      for (const auto* r : {&log, &index, &time_index, &txn_index})
        if (!*r) return r->error();
      sizes = LogSegment::FileSizes{*log, *index, *time_index, *txn_index};
      auto segment = make_segment(base);
      segment->attach(sizes);
      segments_.push_back(segment);
      index_sizes_.push_back(sizes);
    }
    // Indexes of segments that recovery will scan are rebuilt there anyway.
    const auto first_recovered = request_.clean_shutdown ? segments_.size() : first_unflushed();
    for (std::size_t i = 0; i < first_recovered; ++i) {
      const auto next = i + 1 < segments_.size() ? std::optional(segments_[i + 1]->base_offset()) : std::nullopt;
      if (auto problem = index_problem(*segments_[i], index_sizes_[i], next)) {
        MOLDAU_LOG(storage, warn, "{}: {}; the indexes of the segment at {} are rebuilt", tp(), *problem, segments_[i]->base_offset());
        if (stop_asked()) return load_stopped();
        auto cut = recover_segment(i, Stoppable::no);
        if (!cut) return cut.error();
        if (*cut) {
          if (auto s = drop_after(i); !s) return s;
          break;
        }
      }
    }
    return {};
  }

  /// Why the indexes cannot be used as they are.
  std::optional<std::string> index_problem(LogSegment& segment, const LogSegment::FileSizes& sizes, std::optional<Offset> next) {
    if (segment.size() == 0 && sizes.index.value_or(0) == 0) return std::nullopt;
    if (!sizes.index) return "the offset index is missing";
    if (auto s = segment.offset_index().sanity_check(*sizes.index, segment.size()); !s) return s.error().message;
    if (auto s = segment.time_index().sanity_check(sizes.time_index.value_or(0)); !s) return s.error().message;
    if (sizes.txn_index)
      if (auto s = segment.txn_index().sanity_check(*sizes.txn_index); !s) return s.error().message;
    return next ? index_beyond(segment, *next) : std::nullopt;
  }

  /// Why an index can't be the one of a segment whose offsets end before `end`.
  static std::optional<std::string> index_beyond(LogSegment& segment, Offset end) {
    const auto last_offset = segment.offset_index().last();
    if (last_offset && segment.offset_index().entries().count() > 0 && last_offset->offset >= end) return fmt::format("the offset index goes up to {}, beyond the segment", last_offset->offset);
    const auto last_time = segment.time_index().last();
    if (last_time && segment.time_index().entries().count() > 0 && last_time->offset >= end) return fmt::format("the time index goes up to {}, beyond the segment", last_time->offset);
    return std::nullopt;
  }

  /// The segment that holds the recovery point.
  std::size_t first_unflushed() const {
    std::size_t first = 0;
    for (std::size_t i = 0; i < segments_.size(); ++i)
      if (segments_[i]->base_offset() <= request_.recovery_point) first = i;
    return first;
  }

  Status recover_unflushed() {
    const auto first = first_unflushed();
    if (auto s = recover_from(first); !s) return s;
    if (first == 0 || segments_.empty()) return {};
    auto tail = segments_.back()->read_tail();
    if (!tail) return tail.error();
    if (tail->next_offset >= request_.recovery_point) return {};
    // What was known to be on the disk is not there: the disk lost it, files were exchanged, or the checkpoint is wrong. Then it vouches for nothing.
    MOLDAU_LOG(storage, warn, "{}: the recovery point {} is beyond the log's end {}; the whole log is looked at", tp(), request_.recovery_point, tail->next_offset);
    return recover_from(0);
  }

  Status recover_from(std::size_t first) {
    for (auto i = first; i < segments_.size(); ++i) {
      if (stop_asked()) return load_stopped();
      auto cut = recover_segment(i, Stoppable::yes);
      if (!cut) return cut.error();
      if (*cut) return drop_after(i);
      if (i + 1 == segments_.size() || request_.config->cleanup_compact || was_split_) continue;
      // Between segments that were not known to be on the disk, in a log that is not compacted, a hole is a tail that a power loss took at the end of a
      // batch: what follows would be out of order with it. DIFFERS: Apache Kafka goes on with the hole.
      auto tail = segments_[i]->read_tail();
      if (!tail) return tail.error();
      if (tail->next_offset < segments_[i + 1]->base_offset()) {
        MOLDAU_LOG(storage, warn, "{}: the segment at {} ends at {}, the next one begins at {}: records between them are lost, the log is cut there", tp(),
                   segments_[i]->base_offset(), tail->next_offset, segments_[i + 1]->base_offset());
        return drop_after(i);
      }
    }
    return {};
  }

  [[nodiscard]] bool stop_asked() const { return request_.stop_asked && request_.stop_asked(); }

  /// A segment below the recovery point is rebuilt to its end once that is begun: half of its indexes would pass for whole ones at the next start.
  enum class Stoppable : bool { no, yes };

  /// Scans the whole segment: checksums, indexes, epochs, producers. True when something had to be cut off.
  Result<bool> recover_segment(std::size_t at, Stoppable stoppable) {
    repaired_ = true;
    auto& segment = *segments_[at];
    const std::vector<std::shared_ptr<LogSegment>> before(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(at));
    ProducerStateManager producers(request_.env.producer_id_expiration_ms);
    const ProducerRebuild what{request_.partition, request_.dir, before, request_.log_start, segment.base_offset(), request_.env.clock.wall_ms(), false, false};
    if (auto s = rebuild_producer_state(producers, snapshots_, what); !s) return s.error();
    if (auto s = segment.rebuild_begin(); !s) return s.error();
    std::uint64_t valid = 0;
    std::uint64_t told = 0;
    const auto size = segment.size();
    std::string problem;
    if (size > 0) {
      auto file = segment.open_log();
      if (!file) return file.error();
      BatchScanner scanner(**file, 0, size, BatchScanner::Mode::whole);
      auto expected = segment.base_offset();
      for (std::uint32_t batches = 1;; ++batches) {
        if (stoppable == Stoppable::yes && batches % kBatchesBetweenStopChecks == 0 && stop_asked()) return load_stopped();
        auto batch = scanner.next();
        if (!batch) return batch.error();
        if (!*batch) {
          problem = scanner.problem();
          break;
        }
        if (auto s = (*batch)->ensure_valid(); !s) {
          problem = s.error().message;
          break;
        }
        if ((*batch)->last_offset() < expected) {
          problem = fmt::format("offset {} is out of order", (*batch)->last_offset());
          break;
        }
        if (!segment.fits((*batch)->last_offset())) {
          overflowed_ = segment.base_offset();
          return Error(ErrorCode::corrupt_message, fmt::format("{}: offset {} does not fit the segment at {}", tp(), (*batch)->last_offset(), segment.base_offset()));
        }
        expected = (*batch)->next_offset();
        if (auto s = take_in(segment, producers, **batch, scanner.position()); !s) return s.error();
        valid = scanner.next_position();
        if (valid - told >= kTellBytes) tell_read(std::exchange(told, valid), valid);
      }
      if (valid < size) {
        MOLDAU_LOG(storage, warn, "{}: the segment at {} is not good from byte {} of {} on ({}); it is cut back to offset {}", tp(), segment.base_offset(), valid, size,
                   problem, expected);
        if (auto s = keep_aside(**file, segment, valid, size); !s) return s.error();
        if (auto s = segment.truncate_bytes(valid); !s) return s.error();
      }
    }
    tell_read(told, size);
    if (request_.segment_done) request_.segment_done();
    if (auto s = segment.rebuild_end(); !s) return s.error();
    if (auto s = take_producer_snapshot(producers, snapshots_, request_.dir, false); !s) return s.error();
    return valid < size;
  }

  void tell_read(std::uint64_t from, std::uint64_t to) const {
    if (request_.bytes_read) request_.bytes_read(to - from);
  }

  Status take_in(LogSegment& segment, ProducerStateManager& producers, const protocol::AnyBatch& batch, std::uint64_t position) {
    if (auto s = segment.rebuild_add(batch, position, request_.config->index_interval_bytes); !s) return s;
    if (batch.is_v2()) {
      const auto epoch = batch.partition_leader_epoch();
      const auto latest = epochs_.latest();
      if (epoch >= LeaderEpoch(0) && (!latest || epoch > latest->epoch)) epochs_.assign(epoch, batch.v2().base_offset());
      if (const auto done = apply_logged_batch(producers, request_.partition, batch); done && done->first.aborted) {
        const auto& txn = done->first;
        if (auto s = segment.txn_index().append(AbortedTxn{txn.producer_id, txn.first_offset, txn.last_offset, done->second}); !s) return s;
      }
    }
    producers.set_map_end(batch.next_offset());
    return {};
  }

  /// Copies what is about to be cut when it is more than one torn batch or zeros.
  Status keep_aside(const File& file, LogSegment& segment, std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> chunk(std::size_t{1} << 20);
    std::shared_ptr<File> copy;
    bool first = true;
    for (auto at = from; at < to;) {
      auto got = file.read_at(at, MutableBytes(chunk).first(static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), to - at))));
      if (!got) return got.error();
      if (*got == 0) break;
      const auto bytes = Bytes(chunk).first(*got);
      if (first && bytes.size() >= protocol::kBatchPrefixSize) {
        const auto prefix = protocol::parse_batch_prefix(bytes.first(protocol::kBatchPrefixSize));
        if (prefix && prefix->size_in_bytes >= to - from) return {};
      }
      if (first && bytes.size() < protocol::kBatchPrefixSize) return {};
      first = false;
      if (!copy && std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; })) {
        auto name = corrupt_name(disk_, path(segment_file_name(segment.base_offset().value(), kLogSuffix)), request_.env.clock.wall_ms());
        if (!name) return name.error();
        auto opened = disk_.open(*name, OpenMode::truncate);
        if (!opened) return opened.error();
        copy = *opened;
        MOLDAU_LOG(storage, warn, "{}: the {} bytes that are cut off are kept in {}", tp(), to - from, *name);
      }
      if (copy)
        if (auto s = copy->write_at(at - from, bytes); !s) return s;
      at += *got;
    }
    if (!copy) return {};
    // On the disk before the original is cut.
    if (auto s = copy->sync(); !s) return s;
    return disk_.sync_directory(request_.dir);
  }

  /// Segments behind a cut do not belong to the log any more.
  Status drop_after(std::size_t at) {
    for (auto i = at + 1; i < segments_.size(); ++i) {
      auto& segment = *segments_[i];
      segment.release_descriptors();
      if (segment.size() > 0) {
        if (auto s = keep_as_corrupt(segment_file_name(segment.base_offset().value(), kLogSuffix), "the segment lies behind the cut and leaves the log"); !s) return s;
      }
      if (auto s = segment.remove_files(); !s) return s;
    }
    segments_.resize(at + 1);
    return {};
  }

  /// All records lie below the log start, and were deleted or so says its checkpoint: what is there is kept, in case that is wrong.
  Status leave_all_segments() {
    for (const auto& segment : segments_) {
      segment->release_descriptors();
      if (segment->size() > 0)
        if (auto s = keep_as_corrupt(segment_file_name(segment->base_offset().value(), kLogSuffix), fmt::format("it ends below the checkpointed log start {}", request_.log_start)); !s) return s;
      if (auto s = segment->remove_files(); !s) return s;
    }
    segments_.clear();
    return {};
  }

  Status find_log_end() {
    while (!segments_.empty()) {
      const auto last = segments_.size() - 1;
      auto tail = segments_[last]->read_tail();
      if (!tail) return tail.error();
      if (tail->valid_bytes < segments_[last]->size()) {
        // A clean stop, but the file does not end with a batch: trust nothing and look at all of it.
        MOLDAU_LOG(storage, warn, "{}: the last segment does not end with a whole batch ({}) although the broker stopped cleanly", tp(), tail->problem);
        if (auto cut = recover_segment(last, Stoppable::no); !cut) return cut.error();
        continue;
      }
      if (auto problem = index_beyond(*segments_[last], tail->next_offset); problem && last != indexes_mended_) {
        MOLDAU_LOG(storage, warn, "{}: {}; the indexes of the segment at {} are rebuilt", tp(), *problem, segments_[last]->base_offset());
        indexes_mended_ = last;
        if (auto cut = recover_segment(last, Stoppable::no); !cut) return cut.error();
        continue;
      }
      log_end_ = tail->next_offset;
      if (log_end_ >= request_.log_start) return {};
      MOLDAU_LOG(storage, warn, "{}: log end {} is below the checkpointed log start {} (files were deleted from the directory?); the log starts empty there", tp(), log_end_,
                 request_.log_start);
      if (auto s = leave_all_segments(); !s) return s;
      epochs_.clear();
      if (auto s = snapshots_.remove_all(request_.dir); !s) return s;
    }
    log_end_ = request_.log_start;
    segments_.push_back(make_segment(request_.log_start));
    if (request_.log_start > Offset(0)) return segments_.back()->create_file();
    return {};
  }

  /// The epoch file is missing, empty or broken: the batches know their epochs.
  Status rebuild_epochs() {
    bool any = false;
    for (const auto& segment : segments_) {
      if (segment->size() == 0) continue;
      if (stop_asked()) return load_stopped();
      auto file = segment->open_log();
      if (!file) return file.error();
      any = true;
      BatchScanner scanner(**file, 0, segment->size(), BatchScanner::Mode::headers);
      while (true) {
        auto batch = scanner.next();
        if (!batch) return batch.error();
        if (!*batch) break;
        const auto latest = epochs_.latest();
        if ((*batch)->is_v2() && (*batch)->partition_leader_epoch() >= LeaderEpoch(0) && (!latest || (*batch)->partition_leader_epoch() > latest->epoch))
          epochs_.assign((*batch)->partition_leader_epoch(), (*batch)->v2().base_offset());
      }
    }
    if (any) epochs_.mark_dirty();
    return {};
  }

  LoadRequest request_;
  Disk& disk_;
  std::shared_ptr<DirPath> dir_;
  ProducerSnapshots snapshots_;
  LeaderEpochFileCache epochs_;
  bool epochs_lost_ = false;
  std::optional<Offset> overflowed_;  ///< a segment that must be split (KAFKA-6264)
  bool was_split_ = false;            ///< its pieces may have holes between them
  bool repaired_ = false;
  std::size_t indexes_mended_ = SIZE_MAX;  ///< the last segment, once its indexes were rebuilt because of what lies behind its end
  std::optional<TopicId> topic_id_;
  std::vector<std::string> names_;
  std::map<Offset, SegmentFiles> files_;
  std::vector<std::shared_ptr<LogSegment>> segments_;
  std::vector<LogSegment::FileSizes> index_sizes_;
  Offset log_end_{0};
};

}  // namespace

Result<RecoveryWork> recovery_work(Disk& disk, const std::string& dir, Offset recovery_point) {
  auto entries = disk.list(dir);
  if (!entries) return entries.error();
  std::vector<Offset> bases;
  for (const auto& e : *entries)
    if (const auto o = offset_of(e.name); o && !e.is_directory && std::string_view(e.name).substr(kDigits) == kLogSuffix) bases.push_back(*o);
  std::sort(bases.begin(), bases.end());
  // The segment that holds the recovery point, and those behind it.
  auto first = std::upper_bound(bases.begin(), bases.end(), recovery_point);
  if (first != bases.begin()) --first;
  RecoveryWork work;
  for (; first != bases.end(); ++first) {
    auto info = disk.stat(dir + "/" + segment_file_name(first->value(), kLogSuffix));
    if (!info) return info.error();
    ++work.segments;
    if (*info) work.bytes += (*info)->size;
  }
  return work;
}

Result<std::shared_ptr<UnifiedLog>> load_log(LoadRequest request) {
  Loader loader(std::move(request));
  return loader.load();
}

std::shared_ptr<UnifiedLog> create_log(LogEnvironment env, TopicPartition partition, const std::string& dir, std::shared_ptr<const config::LogConfig> config) {
  auto path = std::make_shared<DirPath>(dir);
  const auto jitter = std::min(config->segment_jitter_ms, config->segment_ms);
  const LogSegment::Environment segment_env{env.cache, path, env.clock};
  LoadedLog loaded;
  loaded.segments.push_back(std::make_shared<LogSegment>(segment_env, Offset(0), jitter <= 0 ? 0 : static_cast<std::int64_t>(env.random.below(static_cast<std::uint64_t>(jitter)))));
  ProducerStateManager producers(env.producer_id_expiration_ms);
  return std::make_shared<UnifiedLog>(std::move(env), std::move(partition), std::move(path), std::move(config), std::move(loaded), std::move(producers));
}

}  // namespace moldau::storage
