#include "storage/producer_state/producer_snapshots.h"

#include <algorithm>
#include <utility>

#include "protocol/base/crc32c.h"
#include "protocol/base/log.h"
#include "storage/io/disk.h"
#include "storage/io/file_cache.h"

namespace moldau::storage {
namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kHeader = 10;
constexpr std::size_t kEntry = 46;

}  // namespace

std::string encode_producer_snapshot(const std::vector<ProducerStateEntry>& entries) {
  std::string bytes(kHeader + entries.size() * kEntry, '\0');
  auto* p = reinterpret_cast<std::byte*>(bytes.data());
  store_be(p, kVersion);
  store_be(p + 6, static_cast<std::int32_t>(entries.size()));
  auto* at = p + kHeader;
  for (const auto& e : entries) {
    const BatchMetadata last = e.batches.empty() ? BatchMetadata{-1, 0, kNoOffset, -1} : e.batches.back();
    store_be(at, e.id.value());
    store_be(at + 8, e.epoch.value());
    store_be(at + 10, last.last_sequence);
    store_be(at + 14, last.last_offset.value());
    store_be(at + 22, last.offset_delta);
    store_be(at + 26, e.last_timestamp);
    store_be(at + 34, e.coordinator_epoch);
    store_be(at + 38, e.current_txn_first_offset.value_or(kNoOffset).value());
    at += kEntry;
  }
  store_be(p + 2, crc32c(as_bytes(bytes).subspan(6)));
  return bytes;
}

Result<std::vector<ProducerStateEntry>> decode_producer_snapshot(std::string_view bytes) {
  // The texts and their order are those of Kafka 3.9 ProducerStateManager.readSnapshot.
  const auto corrupt = [](std::string why) { return Error(ErrorCode::corrupt_message, std::move(why)); };
  if (bytes.size() < kHeader) return corrupt("Snapshot failed schema validation: the file is shorter than its header");
  const auto* p = reinterpret_cast<const std::byte*>(bytes.data());
  const auto count = load_be<std::int32_t>(p + 6);
  if (count < 0 || static_cast<std::size_t>(count) > (bytes.size() - kHeader) / kEntry) return corrupt("Snapshot failed schema validation: the count does not match the size");
  if (const auto version = load_be<std::int16_t>(p); version != kVersion) return corrupt("Snapshot contained an unknown file version " + std::to_string(version));
  if (const auto stored = load_be<std::uint32_t>(p + 2), computed = crc32c(as_bytes(bytes).subspan(6)); stored != computed)
    return corrupt("Snapshot is corrupt (CRC is no longer valid). Stored crc: " + std::to_string(stored) + ". Computed crc: " + std::to_string(computed));
  if (static_cast<std::size_t>(count) * kEntry != bytes.size() - kHeader) return corrupt("Snapshot failed schema validation: bytes are left behind the last entry");
  std::vector<ProducerStateEntry> entries(static_cast<std::size_t>(count));
  const auto* at = p + kHeader;
  for (auto& e : entries) {
    e.id = ProducerId(load_be<std::int64_t>(at));
    e.epoch = ProducerEpoch(load_be<std::int16_t>(at + 8));
    const BatchMetadata last{load_be<std::int32_t>(at + 10), load_be<std::int32_t>(at + 22), Offset(load_be<std::int64_t>(at + 14)), load_be<std::int64_t>(at + 26)};
    if (last.last_offset >= Offset(0)) e.batches.push(last);
    e.last_timestamp = last.timestamp;
    e.coordinator_epoch = load_be<std::int32_t>(at + 34);
    const Offset txn(load_be<std::int64_t>(at + 38));
    if (txn >= Offset(0)) e.current_txn_first_offset = txn;
    at += kEntry;
  }
  return entries;
}

std::string ProducerSnapshots::path(const std::string& dir, Offset offset) { return dir + "/" + segment_file_name(offset.value(), kSnapshotSuffix); }

void ProducerSnapshots::set_known(std::vector<Offset> offsets) {
  std::sort(offsets.begin(), offsets.end());
  offsets_ = std::move(offsets);
}

Status ProducerSnapshots::write(const std::string& dir, Offset offset, const std::string& bytes, bool sync) {
  auto file = disk_.open(path(dir, offset), OpenMode::create);
  if (!file) return file.error();
  if (auto s = (*file)->write_at(0, as_bytes(bytes)); !s) {
    // What it was before is overwritten, and a part of it is worth nothing.
    if (auto removed = remove(dir, offset); !removed) return removed;
    return s;
  }
  if (std::erase(distrusted_, offset) > 0)
    if (auto s = (*file)->truncate(bytes.size()); !s) return s;
  if (sync) {
    if (auto s = (*file)->sync(); !s) return s;
  }
  const auto at = std::lower_bound(offsets_.begin(), offsets_.end(), offset);
  if (at == offsets_.end() || *at != offset) offsets_.insert(at, offset);
  return {};
}

Result<std::optional<std::vector<ProducerStateEntry>>> ProducerSnapshots::read(const std::string& dir, Offset offset) {
  auto bytes = read_whole(disk_, path(dir, offset));
  if (!bytes) return bytes.error();
  auto entries = *bytes ? decode_producer_snapshot(**bytes) : Result<std::vector<ProducerStateEntry>>(Error(ErrorCode::corrupt_message, "the file is gone"));
  if (entries) return std::optional<std::vector<ProducerStateEntry>>(std::move(*entries));
  MOLDAU_LOG(storage, warn, "Producer snapshot {} is corrupt ({}); it is removed and the state rebuilt from an older one and the log", path(dir, offset),
             entries.error().message);
  if (auto s = remove(dir, offset); !s) return s.error();
  return std::optional<std::vector<ProducerStateEntry>>();
}

Status ProducerSnapshots::sync(const std::string& dir, Offset offset) {
  auto file = disk_.open(path(dir, offset), OpenMode::write);
  if (file) return (*file)->sync();
  // Retention or a truncation may have removed it, beside us: asked only now, so that it can't vanish between the question and the opening.
  auto info = disk_.stat(path(dir, offset));
  if (info && !*info) return {};
  return file.error();
}

Status ProducerSnapshots::remove(const std::string& dir, Offset offset) {
  std::erase(offsets_, offset);
  return disk_.remove(path(dir, offset));
}

Status ProducerSnapshots::remove_all(const std::string& dir) {
  if (auto s = remove_distrusted(dir); !s) return s;
  while (!offsets_.empty())
    if (auto s = remove(dir, offsets_.back()); !s) return s;
  return {};
}

void ProducerSnapshots::distrust_outside(Offset start, Offset end) {
  const auto outside = std::stable_partition(offsets_.begin(), offsets_.end(), [&](Offset o) { return o > start && o <= end; });
  distrusted_.insert(distrusted_.end(), outside, offsets_.end());
  offsets_.erase(outside, offsets_.end());
}

Status ProducerSnapshots::remove_distrusted(const std::string& dir) {
  for (const auto offset : std::exchange(distrusted_, {}))
    if (auto s = disk_.remove(path(dir, offset)); !s) return s;
  return {};
}

Status ProducerSnapshots::remove_strays(const std::string& dir, const std::vector<Offset>& bases) {
  const auto all = offsets_;
  for (const auto offset : all) {
    const bool at_segment = std::binary_search(bases.begin(), bases.end(), offset);
    const bool newest = offset == all.back() && (bases.empty() || offset > bases.back());
    if (at_segment || newest) continue;
    if (auto s = remove(dir, offset); !s) return s;
  }
  return {};
}

}  // namespace moldau::storage
