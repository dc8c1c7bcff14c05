#include "storage/log/producer_recall.h"

#include <algorithm>
#include <unordered_map>

#include "protocol/base/bytes.h"
#include "storage/log/batch_scanner.h"

namespace moldau::storage {
namespace {

constexpr std::uint64_t kBytes = std::uint64_t{256} << 10;  ///< how far back it reads, a little less or more
constexpr std::size_t kSegments = 16;

struct Recalled {
  ProducerStateEntry* entry = nullptr;
  RecentBatches older;
};

/// Position of a batch at or before `position`, as near as the index knows one.
Result<std::uint64_t> batch_before(LogSegment& segment, std::uint64_t position) {
  auto& entries = segment.offset_index().entries();
  const auto n = entries.partition_point([position](const std::byte* e) { return load_be<std::uint32_t>(e + 4) <= position; });
  if (!n) return n.error();
  if (*n == 0) return std::uint64_t{0};
  std::byte entry[OffsetIndex::kEntrySize];
  if (auto s = entries.read(*n - 1, entry); !s) return s.error();
  return std::uint64_t{load_be<std::uint32_t>(entry + 4)};
}

void remember(Recalled& known, const protocol::RecordBatchView& batch) {
  const auto& last = known.entry->batches.back();
  if (batch.producer_epoch() != known.entry->epoch || batch.last_offset() >= last.first_offset() || batch.base_sequence() < 0) return;
  BatchMetadata found;
  found.last_sequence = batch.last_sequence();
  found.offset_delta = static_cast<std::int32_t>(batch.last_offset() - batch.base_offset());
  found.last_offset = batch.last_offset();
  found.timestamp = batch.max_timestamp();
  known.older.push(found);
}

}  // namespace

Status recall_batches(std::vector<ProducerStateEntry>& entries, const ProducerRebuild& what, Offset snapshot) {
  std::unordered_map<ProducerId, Recalled> known;
  for (auto& entry : entries)
    if (entry.batches.size() == 1) known[entry.id].entry = &entry;
  if (known.empty()) return {};
  // The segments from the one that begins below the snapshot back.
  auto end = std::lower_bound(what.segments.begin(), what.segments.end(), snapshot, [](const auto& s, Offset o) { return s->base_offset() < o; });
  auto first = end;
  std::uint64_t bytes = 0;
  while (first != what.segments.begin() && bytes < kBytes && static_cast<std::size_t>(end - first) < kSegments) bytes += (*--first)->size();
  for (auto at = first; at != end; ++at) {
    auto& segment = **at;
    if (segment.size() == 0) continue;
    std::uint64_t position = 0;
    if (at == first && bytes > kBytes) {
      auto near = batch_before(segment, bytes - kBytes);
      if (!near) return near.error();
      position = std::min(*near, segment.size());
    }
    auto file = segment.open_log();
    if (!file) return file.error();
    BatchScanner scanner(**file, position, segment.size(), BatchScanner::Mode::headers);
    while (true) {
      auto batch = scanner.next();
      if (!batch) return batch.error();
      // What can't be read is the business of others.
      if (!*batch || (*batch)->last_offset() >= snapshot) break;
      if (!(*batch)->has_producer_id() || (*batch)->is_control_batch()) continue;
      if (const auto it = known.find((*batch)->producer_id()); it != known.end()) remember(it->second, (*batch)->v2());
    }
  }
  for (auto& [id, found] : known) {
    const auto last = found.entry->batches.back();
    found.entry->batches.clear();
    for (std::size_t i = 0; i < found.older.size(); ++i) found.entry->batches.push(found.older[i]);
    found.entry->batches.push(last);
  }
  return {};
}

}  // namespace moldau::storage
