#include "storage/index/offset_index.h"

#include "protocol/base/bytes.h"
#include "storage/index/entry_format.h"

namespace moldau::storage {

OffsetPosition OffsetIndex::decode(const std::byte* entry) const {
  return decode_offset_entry(base_, entry);
}

Status OffsetIndex::append(Offset offset, std::uint32_t position) {
  auto previous = last();
  if (!previous) return previous.error();
  if (entries_.count() > 0 && offset <= previous->offset) return {};
  std::byte entry[kEntrySize];
  store_be(entry, static_cast<std::int32_t>(offset - base_));
  store_be(entry + 4, position);
  return entries_.append(entry);
}

Result<OffsetPosition> OffsetIndex::lookup(Offset target, ColdRead cold) const {
  const auto relative = target - base_;
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::int32_t>(e) <= relative; }, cold);
  if (!n) return n.error();
  if (*n == 0) return OffsetPosition{base_, 0};
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(*n - 1, entry, cold); !s) return s.error();
  return decode(entry);
}

Result<std::optional<Offset>> OffsetIndex::upper_bound(std::uint64_t position, ColdRead cold) const {
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::uint32_t>(e + 4) < position; }, cold);
  if (!n) return n.error();
  if (*n >= entries_.count()) return std::optional<Offset>();
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(*n, entry, cold); !s) return s.error();
  return std::optional(decode(entry).offset);
}

Result<OffsetPosition> OffsetIndex::last() const {
  const auto n = entries_.count();
  if (n == 0) return OffsetPosition{base_, 0};
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(n - 1, entry); !s) return s.error();
  return decode(entry);
}

Status OffsetIndex::truncate_to(Offset offset) {
  const auto relative = offset - base_;
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::int32_t>(e) < relative; });
  if (!n) return n.error();
  return entries_.truncate_entries(*n);
}

Status OffsetIndex::sanity_check(std::uint64_t file_size, std::uint64_t log_size) const {
  const auto corrupt = [&](const std::string& why) { return Error(ErrorCode::corrupt_message, entries_.file().path() + ": " + why); };
  if (file_size % kEntrySize != 0) return corrupt("its size " + std::to_string(file_size) + " is not a multiple of 8");
  if (entries_.count() == 0) return {};
  auto tail = last();
  if (!tail) return tail.error();
  if (tail->offset < base_) return corrupt("its last offset " + std::to_string(tail->offset.value()) + " is below the base offset");
  if (tail->offset == base_ && entries_.count() > 1) return corrupt("its last entries are empty");
  if (tail->position >= log_size && tail->position > 0)
    return corrupt("its last position " + std::to_string(tail->position) + " is beyond the log's " + std::to_string(log_size) + " bytes");
  return {};
}

}  // namespace moldau::storage
