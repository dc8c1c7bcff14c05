// LogModel: what a log must hold, as a plain list of batches. The property tests do everything to a log and to the model, and compare.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage_fixture.h"

namespace moldau::storage::test {

struct ModelRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  std::optional<std::string> key, value;
  friend auto operator<=>(const ModelRecord&, const ModelRecord&) = default;
};

struct ModelBatch {
  std::vector<std::byte> bytes;
  std::int64_t base = 0;
  std::int64_t last = 0;
  std::int64_t max_timestamp = -1;
  std::int64_t producer = -1;
  std::int16_t epoch = -1;
  std::int32_t last_sequence = -1;
  LeaderEpoch leader_epoch{-1};
  bool transactional = false;
  bool control = false;
  bool abort = false;                ///< of a marker
  std::optional<std::int64_t> horizon;
  std::vector<ModelRecord> records;  ///< of a data batch
  std::optional<std::int64_t> marker_timestamp;
};

inline ModelBatch parse_model_batch(const protocol::AnyBatch& batch) {
  REQUIRE(batch.is_valid());
  REQUIRE(batch.is_v2());
  const auto v2 = batch.v2();
  ModelBatch made;
  made.bytes.assign(batch.bytes().begin(), batch.bytes().end());
  made.base = v2.base_offset().value();
  made.last = v2.last_offset().value();
  made.max_timestamp = v2.max_timestamp();
  made.producer = v2.producer_id().value();
  made.epoch = v2.producer_epoch().value();
  made.leader_epoch = v2.partition_leader_epoch();
  made.transactional = v2.is_transactional();
  made.control = v2.is_control_batch();
  made.horizon = v2.delete_horizon_ms();
  if (v2.base_sequence() >= 0) made.last_sequence = v2.base_sequence() + static_cast<std::int32_t>(made.last - made.base);
  auto records = protocol::DeepRecords::open(batch);
  REQUIRE(records);
  protocol::RecordView r;
  while (records->next(r)) {
    if (made.control) {
      auto type = protocol::parse_control_record_type(r);
      REQUIRE(type);
      made.abort = *type == protocol::ControlRecordType::abort;
      made.marker_timestamp = r.timestamp;
      continue;
    }
    const auto text = [](const std::optional<Bytes>& b) { return b ? std::optional(std::string(as_string(*b))) : std::nullopt; };
    made.records.push_back({r.offset.value(), r.timestamp, text(r.key), text(r.value)});
  }
  REQUIRE_FALSE(records->failed());
  return made;
}

struct ModelTxn {
  std::int64_t producer = -1;
  std::int64_t first = 0;
  std::int64_t marker = -1;  ///< -1: open
  bool aborted = false;
};

struct LogModel {
  std::vector<ModelBatch> batches;  ///< in order of offsets; those below `start` may be among them
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t high_watermark = 0;

  [[nodiscard]] std::vector<ModelTxn> transactions() const {
    std::vector<ModelTxn> all;
    std::map<std::int64_t, std::size_t> open;
    for (const auto& b : batches) {
      if (!b.transactional) continue;
      const auto it = open.find(b.producer);
      if (!b.control) {
        if (it == open.end()) {
          open[b.producer] = all.size();
          all.push_back({b.producer, b.base, -1, false});
        }
      } else if (it != open.end()) {
        all[it->second].marker = b.base;
        all[it->second].aborted = b.abort;
        open.erase(it);
      }
    }
    return all;
  }
  [[nodiscard]] std::int64_t last_stable() const {
    auto stable = high_watermark;
    for (const auto& t : transactions())
      if (t.marker < 0 || t.marker >= high_watermark) stable = std::min(stable, t.first);
    return std::max(stable, start);
  }
  [[nodiscard]] bool is_aborted(const ModelBatch& b, const std::vector<ModelTxn>& txns) const {
    if (!b.transactional || b.control) return false;
    return std::any_of(txns.begin(), txns.end(),
                       [&](const ModelTxn& t) { return t.producer == b.producer && t.first <= b.base && t.marker > b.base && t.aborted; });
  }
  /// As last_stable(), if of a transaction that ended beyond the high watermark only the end is known: so it is when it was loaded from a snapshot.
  [[nodiscard]] std::int64_t last_stable_of_open() const {
    auto stable = high_watermark;
    for (const auto& t : transactions())
      if (t.marker < 0) stable = std::min(stable, t.first);
    return std::max(stable, start);
  }
  /// Offset and timestamp of the first record in order of offsets, markers too, not below the start, with a timestamp of at least this.
  [[nodiscard]] std::optional<std::pair<std::int64_t, std::int64_t>> find_by_time(std::int64_t timestamp) const {
    for (const auto& b : batches) {
      if (b.marker_timestamp && b.base >= start && *b.marker_timestamp >= timestamp) return std::pair(b.base, *b.marker_timestamp);
      for (const auto& r : b.records)
        if (r.offset >= start && r.timestamp >= timestamp) return std::pair(r.offset, r.timestamp);
    }
    return std::nullopt;
  }
  /// What comes after the last batch.
  [[nodiscard]] std::int64_t next_of_last() const { return batches.empty() ? start : std::max(start, batches.back().last + 1); }
  void truncate(std::int64_t offset) {
    while (!batches.empty() && batches.back().last >= offset) batches.pop_back();
    end = offset;
    high_watermark = std::min(high_watermark, offset);
    start = std::min(start, offset);
  }
  void start_anew(std::int64_t offset) {
    batches.clear();
    start = end = high_watermark = offset;
  }
};

/// Where of `batches` compaction may have removed something, and why: empty when it may. `clean_end`: records from there on must all stay.
class RemovalRules {
 public:
  RemovalRules(const LogModel& before, std::int64_t clean_end, std::int64_t now_ms) : txns_(before.transactions()), clean_end_(clean_end), now_ms_(now_ms) {
    for (const auto& b : before.batches) {
      if (before.is_aborted(b, txns_)) continue;
      for (const auto& r : b.records)
        if (r.key && r.offset < clean_end) last_[*r.key] = r.offset;
    }
  }
  [[nodiscard]] bool may_go(const LogModel& before, const ModelBatch& b, const ModelRecord& r) const {
    if (before.is_aborted(b, txns_)) return true;
    if (r.offset >= clean_end_) return false;
    if (!r.key) return true;
    if (const auto it = last_.find(*r.key); it != last_.end() && it->second > r.offset) return true;
    return !r.value && b.horizon && *b.horizon <= now_ms_;
  }
  [[nodiscard]] bool superseded(const ModelRecord& r) const {
    const auto it = r.key ? last_.find(*r.key) : last_.end();
    return it != last_.end() && it->second > r.offset;
  }

 private:
  std::vector<ModelTxn> txns_;
  std::map<std::string, std::int64_t> last_;
  std::int64_t clean_end_;
  std::int64_t now_ms_;
};

}  // namespace moldau::storage::test
