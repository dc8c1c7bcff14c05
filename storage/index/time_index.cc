#include "storage/index/time_index.h"

#include "protocol/base/bytes.h"
#include "storage/index/entry_format.h"

namespace moldau::storage {

TimestampOffset TimeIndex::decode(const std::byte* entry) const {
  return decode_time_entry(base_, entry);
}

Status TimeIndex::maybe_append(std::int64_t timestamp, Offset offset) {
  auto previous = last();
  if (!previous) return previous.error();
  if (timestamp <= previous->timestamp || offset < previous->offset) return {};
  std::byte entry[kEntrySize];
  store_be(entry, timestamp);
  store_be(entry + 8, static_cast<std::int32_t>(offset - base_));
  return entries_.append(entry);
}

Result<TimestampOffset> TimeIndex::lookup(std::int64_t target) const {
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::int64_t>(e) <= target; });
  if (!n) return n.error();
  if (*n == 0) return TimestampOffset{-1, base_};
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(*n - 1, entry); !s) return s.error();
  return decode(entry);
}

Result<TimestampOffset> TimeIndex::last() const {
  const auto n = entries_.count();
  if (n == 0) return TimestampOffset{-1, base_};
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(n - 1, entry); !s) return s.error();
  return decode(entry);
}

Status TimeIndex::truncate_to(Offset offset) {
  const auto relative = offset - base_;
  auto n = entries_.partition_point([&](const std::byte* e) { return load_be<std::int32_t>(e + 8) < relative; });
  if (!n) return n.error();
  return entries_.truncate_entries(*n);
}

Status TimeIndex::sanity_check(std::uint64_t file_size) const {
  const auto corrupt = [&](const std::string& why) { return Error(ErrorCode::corrupt_message, entries_.file().path() + ": " + why); };
  if (file_size % kEntrySize != 0) return corrupt("its size " + std::to_string(file_size) + " is not a multiple of 12");
  const auto n = entries_.count();
  if (n == 0) return {};
  auto tail = last();
  if (!tail) return tail.error();
  if (tail->offset < base_) return corrupt("its last offset " + std::to_string(tail->offset.value()) + " is below the base offset");
  std::byte entry[kEntrySize];
  if (auto s = entries_.read(0, entry); !s) return s;
  if (tail->timestamp < decode(entry).timestamp) return corrupt("its last timestamp " + std::to_string(tail->timestamp) + " is below the first");
  return {};
}

}  // namespace moldau::storage
