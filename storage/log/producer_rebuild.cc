#include "storage/log/producer_rebuild.h"

#include <algorithm>

#include "protocol/base/log.h"
#include "protocol/records/control_record.h"
#include "storage/log/batch_scanner.h"
#include "storage/log/producer_recall.h"

namespace moldau::storage {
namespace {

/// The marker in a control batch; nothing for an empty one (its transaction was cleaned away) and for other control records.
std::optional<std::pair<protocol::EndTransactionMarker, std::int64_t>> read_marker(const protocol::AnyBatch& batch) {
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return std::nullopt;
  protocol::RecordView record;
  if (!records->next(record)) return std::nullopt;
  auto marker = protocol::parse_end_transaction_marker(record);
  if (!marker) return std::nullopt;
  return std::pair(*marker, record.timestamp);
}

Status scan_segment(ProducerStateManager& state, const ProducerRebuild& what, LogSegment& segment, Offset start) {
  const auto end = std::min<std::uint64_t>(segment.size(), UINT32_MAX);
  auto first = segment.locate(start, end);
  if (!first) return first.error();
  if (!*first) return {};
  auto file = segment.open_log();
  if (!file) return file.error();
  BatchScanner scanner(**file, (*first)->position, end, BatchScanner::Mode::headers);
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch || (*batch)->last_offset() >= what.end) return {};
    if (!(*batch)->has_producer_id()) continue;
    if ((*batch)->is_control_batch()) {
      BatchScanner whole(**file, scanner.position(), scanner.next_position(), BatchScanner::Mode::whole);
      batch = whole.next();
      if (!batch) return batch.error();
      if (!*batch) return {};
      apply_logged_batch(state, what.partition, **batch);
    } else {
      apply_logged_batch(state, what.partition, **batch);
    }
  }
}

}  // namespace

std::optional<std::pair<CompletedTxn, Offset>> apply_logged_batch(ProducerStateManager& state, TopicPartitionView partition, const protocol::AnyBatch& batch) {
  if (!batch.has_producer_id()) return std::nullopt;
  const auto v2 = batch.v2();
  ProducerAppendInfo info(partition, v2.producer_id(), state.find(v2.producer_id()), AppendOrigin::replication);
  std::optional<CompletedTxn> completed;
  if (v2.is_control_batch()) {
    const auto marker = read_marker(batch);
    if (!marker) return std::nullopt;
    auto ended = info.append_marker(marker->first, v2.producer_epoch(), v2.base_offset(), marker->second);
    if (ended) completed = *ended;
  } else if (auto s = info.append_data(v2, v2.base_offset()); !s) {
    MOLDAU_LOG(storage, warn, "{}: the batch at offset {} does not fit the state of its producer: {}", to_string(partition), v2.base_offset().value(), s.error().message);
    return std::nullopt;
  }
  state.update(info);
  if (!completed) return std::nullopt;
  const auto stable = state.last_stable_offset(*completed);
  state.complete(*completed);
  return std::pair(*completed, stable);
}

Result<std::optional<Offset>> take_producer_snapshot(ProducerStateManager& state, ProducerSnapshots& snapshots, const std::string& dir, bool sync) {
  if (!state.snapshot_due()) return std::optional<Offset>();
  const auto offset = state.map_end();
  if (auto s = snapshots.write(dir, offset, encode_producer_snapshot(state.entries()), sync); !s) {
    // It saves work at the next start; a full disk does not keep the log from being read. The stop takes it, or leaves the log to be recovered.
    if (is_no_space(s.error())) return std::optional<Offset>();
    return s.error();
  }
  state.set_last_snapshot(offset);
  return std::optional(offset);
}

Status rebuild_producer_state(ProducerStateManager& state, ProducerSnapshots& snapshots, const ProducerRebuild& what) {
  std::vector<Offset> wanted;
  const auto n = what.segments.size();
  if (n > 1) wanted.push_back(what.segments[n - 2]->base_offset());
  if (n > 0) wanted.push_back(what.segments[n - 1]->base_offset());
  wanted.push_back(what.end);

  if (snapshots.latest() == kNoOffset && what.clean_shutdown) {
    // A log from before idempotence: no scan, empty snapshots at the usual places.
    for (const auto offset : wanted) {
      state.set_map_end(offset);
      if (auto s = take_producer_snapshot(state, snapshots, what.dir, false); !s) return s.error();
    }
    return {};
  }

  snapshots.distrust_outside(what.log_start, what.end);
  state.set_map_end(what.log_start);
  state.set_last_snapshot(what.log_start);
  while (snapshots.latest() != kNoOffset) {
    const auto offset = snapshots.latest();
    auto entries = snapshots.read(what.dir, offset);
    if (!entries) return entries.error();
    if (!*entries) continue;  // corrupt and removed; the next older one
    // After a clean stop nobody waits for an answer.
    if (!what.clean_shutdown)
      if (auto s = recall_batches(**entries, what, offset); !s) return s;
    state.load(**entries, what.now_ms);
    state.set_map_end(offset);
    state.set_last_snapshot(offset);
    break;
  }
  if (what.end > state.map_end() && !what.skip_scan) {
    for (std::size_t i = 0; i < n; ++i) {
      auto& segment = *what.segments[i];
      const auto next = i + 1 < n ? what.segments[i + 1]->base_offset() : what.end;
      if (next <= state.map_end() || segment.base_offset() >= what.end) continue;
      const auto start = std::max({segment.base_offset(), state.map_end(), what.log_start});
      state.set_map_end(start);
      if (std::find(wanted.begin(), wanted.end(), segment.base_offset()) != wanted.end())
        if (auto s = take_producer_snapshot(state, snapshots, what.dir, false); !s) return s.error();
      if (auto s = scan_segment(state, what, segment, start); !s) return s;
    }
  }
  state.set_map_end(what.end);
  if (auto s = take_producer_snapshot(state, snapshots, what.dir, false); !s) return s.error();
  return {};
}

}  // namespace moldau::storage
