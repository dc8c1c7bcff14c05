#include "server/tools/index_follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "server/tools/findings.h"
#include "server/tools/input_file.h"
#include "storage/index/entry_format.h"
#include "storage/io/posix_disk.h"

namespace moldau::server::tools {
namespace {

using storage::posix_disk;

/// The entries of an index file without the zeros behind them.
struct Entries {
  std::string path;
  std::vector<std::byte> bytes;
  std::size_t entry_size = 8;
  std::size_t count = 0;

  [[nodiscard]] const std::byte* at(std::size_t i) const { return bytes.data() + i * entry_size; }
  [[nodiscard]] std::uint64_t position(std::size_t i) const { return i * entry_size; }
};

bool is_zero(const std::byte* entry, std::size_t size) {
  return std::all_of(entry, entry + size, [](std::byte b) { return b == std::byte{0}; });
}

void check_size(Entries& entries, const FollowRequest& request, Findings& findings) {
  const auto whole = entries.bytes.size() / entries.entry_size;
  if (const auto rest = entries.bytes.size() % entries.entry_size; rest != 0)
    findings.add(entries.path, Place{{}, whole * entries.entry_size},
                 fmt::format("its size of {} bytes is not a multiple of {}", entries.bytes.size(), entries.entry_size));
  entries.count = whole;
  while (entries.count > 0 && is_zero(entries.at(entries.count - 1), entries.entry_size)) --entries.count;
  if (entries.count < whole && !request.may_have_zeros)
    findings.add(entries.path, Place{{}, entries.position(entries.count)},
                 fmt::format("{} empty entries at the end of the index of a closed segment", whole - entries.count));
}

Entries load(const FollowRequest& request, const char* suffix, std::size_t entry_size, bool may_lack, Findings& findings) {
  Entries entries{sibling(request.log, suffix), {}, entry_size, 0};
  const auto info = posix_disk().stat(entries.path);
  if (info && !*info) {
    if (!may_lack) findings.add(entries.path, "the index is missing; it is rebuilt from the log when a broker starts");
    return entries;
  }
  const auto input = open_input(entries.path);
  auto bytes = input ? read_input(*input) : Result<std::vector<std::byte>>(input.error());
  if (!bytes) {
    findings.add(entries.path, bytes.error().message);
    return entries;
  }
  entries.bytes = std::move(*bytes);
  check_size(entries, request, findings);
  return entries;
}

/// An index whose entries stand in the order of the log.
template <class Derived>
class OrderedFollower : public IndexFollower {
 public:
  OrderedFollower(Entries entries, Findings& findings) : entries_(std::move(entries)), findings_(findings) {}

  void on_batch(const BatchPlace& batch) override {
    while (next_ < entries_.count && static_cast<Derived*>(this)->compare(next_, batch)) ++next_;
  }
  void on_end(Offset end) override {
    if (next_ < entries_.count) add(next_, fmt::format("{} entries are beyond the end of the log at offset {}", entries_.count - next_, end.value()));
    findings_.close(entries_.path);
  }

 protected:
  /// Entries from the first one that is not above its predecessor are told of once and not compared.
  template <class Check>
  void cut_at_disorder(Check in_order, const char* reason) {
    for (std::size_t i = 1; i < entries_.count; ++i) {
      if (in_order(i - 1, i)) continue;
      add(i, reason);
      entries_.count = i;
    }
  }
  void add(std::size_t i, const std::string& reason) {
    findings_.add(entries_.path, Place{static_cast<Derived*>(this)->offset(i), entries_.position(i)}, reason);
  }

  Entries entries_;
  Findings& findings_;
  std::size_t next_ = 0;
};

class OffsetIndexFollower final : public OrderedFollower<OffsetIndexFollower> {
 public:
  OffsetIndexFollower(Offset base, Entries entries, Findings& findings) : OrderedFollower(std::move(entries), findings), base_(base) {
    cut_at_disorder([&](std::size_t a, std::size_t b) { return entry(a).offset < entry(b).offset && entry(a).position < entry(b).position; },
                    "the entry is not above the one before it");
  }
  [[nodiscard]] Offset offset(std::size_t i) const { return entry(i).offset; }

  /// True when the entry is done with.
  bool compare(std::size_t i, const BatchPlace& batch) {
    const auto e = entry(i);
    if (e.position > batch.position) return false;
    if (e.position < batch.position)
      add(i, fmt::format("its position {} is not the start of a batch", e.position));
    else if (e.offset != batch.last_offset)
      add(i, fmt::format("the batch at its position {} ends at offset {}", e.position, batch.last_offset.value()));
    return true;
  }

 private:
  [[nodiscard]] storage::OffsetPosition entry(std::size_t i) const { return storage::decode_offset_entry(base_, entries_.at(i)); }
  Offset base_;
};

class TimeIndexFollower final : public OrderedFollower<TimeIndexFollower> {
 public:
  TimeIndexFollower(Offset base, Entries entries, Findings& findings) : OrderedFollower(std::move(entries), findings), base_(base) {
    cut_at_disorder([&](std::size_t a, std::size_t b) { return entry(a).timestamp < entry(b).timestamp && entry(a).offset <= entry(b).offset; },
                    "the entry is not above the one before it");
  }
  [[nodiscard]] Offset offset(std::size_t i) const { return entry(i).offset; }

  bool compare(std::size_t i, const BatchPlace& batch) {
    const auto e = entry(i);
    if (e.offset > batch.last_offset) return false;
    if (e.timestamp != batch.largest_timestamp)
      add(i, fmt::format("its timestamp is {}, the largest one of the log up to there is {}", e.timestamp, batch.largest_timestamp));
    return true;
  }

 private:
  [[nodiscard]] storage::TimestampOffset entry(std::size_t i) const { return storage::decode_time_entry(base_, entries_.at(i)); }
  Offset base_;
};

/// The markers of aborted transactions, in the order of the log. Compaction may have dropped a marker's batch, so only the range is compared.
class TransactionIndexFollower final : public OrderedFollower<TransactionIndexFollower> {
 public:
  TransactionIndexFollower(Offset base, Entries entries, Findings& findings) : OrderedFollower(std::move(entries), findings) {
    cut_at_disorder([&](std::size_t a, std::size_t b) { return entry(a).last_offset < entry(b).last_offset; }, "the entry is not above the one before it");
    for (std::size_t i = 0; i < entries_.count; ++i) {
      if (const auto version = storage::transaction_entry_version(entries_.at(i)); version != storage::kTransactionIndexVersion)
        add(i, fmt::format("unknown version {}", version));
      else if (const auto txn = entry(i); txn.first_offset > txn.last_offset || txn.first_offset < Offset(0))
        add(i, fmt::format("the transaction begins at offset {}", txn.first_offset.value()));
      else if (txn.last_offset < base)
        add(i, fmt::format("the transaction ends before the segment's first offset {}", base.value()));
    }
  }
  [[nodiscard]] Offset offset(std::size_t i) const { return entry(i).last_offset; }
  bool compare(std::size_t i, const BatchPlace& batch) const { return entry(i).last_offset <= batch.last_offset; }

 private:
  [[nodiscard]] storage::AbortedTxn entry(std::size_t i) const { return storage::decode_transaction_entry(entries_.at(i)); }
};

}  // namespace

std::unique_ptr<IndexFollower> follow_offset_index(const FollowRequest& request, Findings& findings) {
  auto entries = load(request, storage::OffsetIndex::kSuffix, storage::OffsetIndex::kEntrySize, request.may_lack, findings);
  return std::make_unique<OffsetIndexFollower>(request.base, std::move(entries), findings);
}

std::unique_ptr<IndexFollower> follow_time_index(const FollowRequest& request, Findings& findings) {
  auto entries = load(request, storage::TimeIndex::kSuffix, storage::TimeIndex::kEntrySize, request.may_lack, findings);
  return std::make_unique<TimeIndexFollower>(request.base, std::move(entries), findings);
}

std::unique_ptr<IndexFollower> follow_transaction_index(const FollowRequest& request, Findings& findings) {
  auto entries = load(request, storage::TransactionIndex::kSuffix, storage::TransactionIndex::kEntrySize, true, findings);
  return std::make_unique<TransactionIndexFollower>(request.base, std::move(entries), findings);
}

}  // namespace moldau::server::tools
