// What the tests of compaction share: records with keys and values in a log of small segments, passes of the cleaner, and what a reader sees.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../storage_fixture.h"
#include "storage/cleaner/cleanable_range.h"
#include "storage/cleaner/cleaner.h"

namespace moldau::storage::test {

/// A record as readers see it.
struct SeenRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  std::optional<std::string> key, value;
  friend bool operator==(const SeenRecord&, const SeenRecord&) = default;
};

struct KeyValue {
  std::optional<std::string> key;
  std::optional<std::string> value;
};

struct KeyedBatch {
  std::vector<KeyValue> records;
  std::int64_t timestamp = kNow;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  std::int32_t sequence = -1;
  bool transactional = false;
  protocol::Codec codec = protocol::Codec::none;
};

inline std::vector<std::byte> make_keyed(const KeyedBatch& spec) {
  protocol::RecordBatchOptions options;
  options.codec = spec.codec;
  options.producer_id = ProducerId(spec.producer_id);
  options.producer_epoch = ProducerEpoch(spec.epoch);
  options.base_sequence = spec.sequence;
  options.transactional = spec.transactional;
  protocol::RecordBatchBuilder builder(options);
  auto timestamp = spec.timestamp;
  for (const auto& r : spec.records) {
    const auto bytes = [](const std::optional<std::string>& s) { return s ? std::optional(as_bytes(*s)) : std::nullopt; };
    builder.append(timestamp++, bytes(r.key), bytes(r.value));
  }
  auto built = builder.build();
  REQUIRE(built);
  return to_vector(*built);
}

/// A compacted log of small segments.
class CompactionHarness : public LogHarness {
 public:
  explicit CompactionHarness(Disk& log_disk, std::string parent = "/d") : LogHarness(log_disk, std::move(parent)) {
    config->cleanup_compact = true;
    config->cleanup_delete = false;
    config->segment_bytes = 1000;
    config->index_interval_bytes = 100;
    config->min_cleanable_dirty_ratio = 0.01;
  }

  void put(const KeyedBatch& spec) {
    auto result = append(make_keyed(spec));
    if (!result) FAIL(result.error().message);
  }
  void put(const std::string& key, const std::optional<std::string>& value) { put(KeyedBatch{.records = {{key, value}}}); }
  void mark(std::int64_t producer, std::int16_t epoch, bool commit) {
    auto result = append(make_marker(producer, epoch, commit), AppendOrigin::coordinator);
    if (!result) FAIL(result.error().message);
  }
  /// Everything replicated, the active segment empty.
  void settle() {
    log->update_high_watermark(log->log_end_offset());
    REQUIRE(run(log->roll_now()));
  }

  CleanerBuffers buffers() const { return CleanerBuffers{{map_bytes, 0.9}, 512}; }
  LogToClean dirty(Offset from = Offset(0)) const { return LogToClean{log, from, log->segments()->active()->base_offset()}; }
  Result<CleanerOutcome> clean(const LogToClean& what, Cleaner::Pace pace = [](std::size_t) { return true; }) {
    Cleaner cleaner(0, buffers(), clock, *random, std::move(pace));
    return run(cleaner.clean(what));
  }
  /// Passes until nothing is dirty; how many there were.
  int clean_all(Offset from = Offset(0)) {
    int passes = 0;
    for (const auto end = log->segments()->active()->base_offset(); from < end; ++passes) {
      auto outcome = clean(dirty(from));
      if (!outcome) FAIL(outcome.error().message);
      REQUIRE_FALSE(outcome->aborted);
      REQUIRE(outcome->next_dirty > from);
      from = outcome->next_dirty;
    }
    return passes;
  }

  /// All records of data batches, aborted ones too; checks what must hold of any log.
  std::vector<SeenRecord> records(std::int64_t start = 0) const {
    std::vector<SeenRecord> seen;
    std::int64_t next = start;
    for (;;) {
      auto info = log->read(Offset(next), 1 << 20, FetchIsolation::log_end, true);
      if (!info) FAIL(info.error().message);
      if (info->slice.size == 0) return seen;
      const auto bytes = slice_bytes(*info);
      for (const auto& batch : protocol::BatchRange(bytes)) {
        REQUIRE(batch.is_valid());
        REQUIRE(batch.next_offset() > Offset(next));
        next = batch.next_offset().value();
        if (batch.is_control_batch()) continue;
        auto deep = protocol::DeepRecords::open(batch);
        REQUIRE(deep);
        protocol::RecordView r;
        while (deep->next(r)) {
          const auto text = [](const std::optional<Bytes>& b) { return b ? std::optional(std::string(as_string(*b))) : std::nullopt; };
          if (r.offset >= Offset(start)) seen.push_back({r.offset.value(), r.timestamp, text(r.key), text(r.value)});
        }
        REQUIRE_FALSE(deep->failed());
      }
    }
  }
  /// The last record of each key.
  std::map<std::string, SeenRecord> table() const {
    std::map<std::string, SeenRecord> last;
    for (const auto& r : records())
      if (r.key) last[*r.key] = r;
    return last;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    const auto entries = *disk.list(dir());
    for (const auto& e : entries) list.push_back(e.name);
    return list;
  }
  bool has_leftovers() const {
    for (const auto& name : names())
      if (name.ends_with(".cleaned") || name.ends_with(".swap")) return true;
    return false;
  }

  std::size_t map_bytes = std::size_t{1} << 20;
};

}  // namespace moldau::storage::test
