#include "storage/log/segment_split.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/records/any_batch.h"
#include "storage/index/offset_index.h"
#include "storage/index/time_index.h"
#include "storage/index/transaction_index.h"
#include "storage/io/file_cache.h"
#include "storage/log/batch_scanner.h"
#include "storage/log/log_segment.h"

namespace moldau::storage {
namespace {

constexpr const char* kCleanedLog = ".log.cleaned";
constexpr const char* kSwapLog = ".log.swap";

/// A range of the old segment that becomes a segment of its own.
struct Piece {
  Offset base;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The first offset of a batch; in the old formats only its records know it.
Result<Offset> first_offset_of(const protocol::AnyBatch& batch) {
  if (batch.is_v2()) return batch.raw_offset();
  auto records = protocol::DeepRecords::open(batch);
  if (!records) return records.error();
  protocol::RecordView record;
  if (records->next(record)) return record.offset;
  if (records->failed()) return records->error();
  return batch.last_offset();
}

bool fits(Offset base, Offset offset) { return offset - base <= std::numeric_limits<std::int32_t>::max(); }

Result<std::vector<Piece>> plan(const File& file, std::uint64_t size, Offset base) {
  std::vector<Piece> pieces;
  BatchScanner scanner(file, 0, size, BatchScanner::Mode::whole);
  while (true) {
    auto batch = scanner.next();
    if (!batch) return batch.error();
    if (!*batch) break;
    const Offset last = (*batch)->last_offset();
    if (pieces.empty() && fits(base, last)) {
      pieces.push_back(Piece{base, 0, 0});  // the first piece takes the old segment's place
    } else if (pieces.empty() || !fits(pieces.back().base, last)) {
      auto first = first_offset_of(**batch);
      if (!first) return first.error();
      pieces.push_back(Piece{*first, scanner.position(), 0});
    }
    pieces.back().end = scanner.next_position();
  }
  if (!scanner.problem().empty()) return Error(ErrorCode::corrupt_message, "at position " + std::to_string(scanner.next_position()) + ": " + scanner.problem());
  return pieces;
}

Status copy_piece(const File& from, const Piece& piece, File& to) {
  std::vector<std::byte> chunk(std::size_t{1} << 20);
  for (auto at = piece.begin; at < piece.end;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), piece.end - at));
    auto got = from.read_at(at, MutableBytes(chunk).first(want));
    if (!got) return got.error();
    if (*got == 0) return storage_error("the segment became shorter while it was split");
    if (auto s = to.write_at(at - piece.begin, Bytes(chunk).first(*got)); !s) return s;
    at += *got;
  }
  return to.sync();
}

}  // namespace

Status split_overflowed_segment(Disk& disk, const std::string& dir, Offset base) {
  const auto name = [&dir](Offset of, const char* suffix) { return dir + "/" + segment_file_name(of.value(), suffix); };
  const auto old_path = name(base, kLogSuffix);
  auto info = disk.stat(old_path);
  if (!info) return info.error();
  if (!*info) return storage_error("cannot split " + old_path + ": it does not exist");
  {
    auto old = disk.open(old_path, OpenMode::read);
    if (!old) return old.error();
    auto pieces = plan(**old, (*info)->size, base);
    if (!pieces) return Error(pieces.error().code, "cannot split " + old_path + " " + pieces.error().message);
    MOLDAU_LOG(storage, info, "Splitting the overflowed segment {} into {} segments", old_path, pieces->size());
    for (const auto& piece : *pieces) {
      auto file = disk.open(name(piece.base, kCleanedLog), OpenMode::truncate);
      if (!file) return file.error();
      if (auto s = copy_piece(**old, piece, **file); !s) return s;
      // Retention goes by it when records have no timestamps.
      if (auto s = disk.set_mtime(name(piece.base, kCleanedLog), (*info)->mtime_ms); !s) return s;
    }
    if (auto s = disk.sync_directory(dir); !s) return s;
    for (auto piece = pieces->rbegin(); piece != pieces->rend(); ++piece)
      if (auto s = disk.rename(name(piece->base, kCleanedLog), name(piece->base, kSwapLog)); !s) return s;
    if (auto s = disk.sync_directory(dir); !s) return s;
    for (const char* suffix : {kLogSuffix, OffsetIndex::kSuffix, TimeIndex::kSuffix, TransactionIndex::kSuffix})
      if (auto s = disk.remove(name(base, suffix)); !s) return s;
    for (const auto& piece : *pieces)
      if (auto s = disk.rename(name(piece.base, kSwapLog), name(piece.base, kLogSuffix)); !s) return s;
  }
  return disk.sync_directory(dir);
}

}  // namespace moldau::storage
