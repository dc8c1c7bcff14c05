#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/records/control_record.h"
#include "server/tools/findings.h"
#include "server/tools/index_follower.h"
#include "server/tools/input_file.h"
#include "server/tools/verify_parts.h"
#include "storage/log/batch_scanner.h"

namespace moldau::server::tools {
namespace {

using storage::BatchScanner;

class SegmentCheck {
 public:
  SegmentCheck(const InputFile& input, Offset base, const SegmentRequest& request, Findings& findings, VerifyTotals& totals)
      : input_(input), base_(base), findings_(findings), totals_(totals), expected_(request.expected_first) {
    const bool in_use = request.active && !request.clean;
    const FollowRequest follow{input.path, base, in_use, in_use};
    indexes_ = {follow_offset_index(follow, findings), follow_time_index(follow, findings), follow_transaction_index(follow, findings)};
  }

  Offset run() {
    BatchScanner scanner(*input_.file, 0, input_.size, BatchScanner::Mode::whole);
    while (true) {
      const auto batch = scanner.next();
      if (!batch) {
        add(scanner.next_position(), batch.error().message);
        break;
      }
      if (!*batch) break;
      check_batch(**batch, scanner.position());
    }
    check_tail(scanner);
    findings_.close(input_.path);
    for (const auto& index : indexes_) index->on_end(expected_);
    totals_.bytes += input_.size;
    return expected_;
  }

 private:
  void add(std::uint64_t position, const std::string& reason) { findings_.add(input_.path, Place{expected_, position}, reason); }

  void check_batch(const protocol::AnyBatch& batch, std::uint64_t position) {
    ++totals_.batches;
    const auto largest = std::max(largest_timestamp_, batch.max_timestamp());
    // Whatever else is wrong with it: its entries in the indexes are about this place.
    for (const auto& index : indexes_) index->on_batch(BatchPlace{position, batch.last_offset(), largest});
    if (const auto s = batch.ensure_valid(); !s) {
      findings_.add(input_.path, Place{batch.raw_offset(), position}, s.error().message);
      return;  // what follows is compared with what is certain
    }
    check_records(batch, position);
    if (check_offsets(batch, position)) {
      largest_timestamp_ = largest;
      expected_ = batch.last_offset() + 1;
    }
  }

  /// False when the batch cannot stand where it is.
  bool check_offsets(const protocol::AnyBatch& batch, std::uint64_t position) {
    const auto first = batch.base_offset();
    const auto last = batch.last_offset();
    if (!first) return false;  // told by check_records
    const auto wrong = [&](const std::string& reason) {
      findings_.add(input_.path, Place{*first, position}, reason);
      return false;
    };
    if (last < *first) return wrong(fmt::format("its last offset {} is below the first", last.value()));
    if (*first < base_) return wrong(fmt::format("it is below the file's base offset {}", base_.value()));
    if (*first < expected_) return wrong(fmt::format("offsets go back: {} or more is expected here", expected_.value()));
    if (last - base_ > INT32_MAX) return wrong(fmt::format("its last offset {} is too far from the file's base offset", last.value()));
    if (batch.is_v2() && batch.partition_leader_epoch() < epoch_)
      return wrong(fmt::format("its leader epoch {} is below the epoch {} before it", batch.partition_leader_epoch().value(), epoch_.value()));
    epoch_ = std::max(epoch_, batch.partition_leader_epoch());
    return true;
  }

  void check_records(const protocol::AnyBatch& batch, std::uint64_t position) {
    if (batch.count() == 0) return;
    const auto wrong = [&](const std::string& reason) { findings_.add(input_.path, Place{batch.raw_offset(), position}, reason); };
    auto records = protocol::DeepRecords::open(batch);
    if (!records) return wrong(records.error().message);
    protocol::RecordView record;
    auto previous = kNoOffset;
    while (records->next(record)) {
      ++totals_.records;
      if (record.offset <= previous || record.offset > batch.last_offset() || (batch.is_v2() && record.offset < batch.raw_offset()))
        return wrong(fmt::format("a record in the batch has offset {}", record.offset.value()));
      previous = record.offset;
      if (!batch.is_control_batch()) continue;
      if (const auto type = protocol::parse_control_record_type(record); !type) return wrong(type.error().message);
    }
    if (records->failed()) wrong(records->error().message);
  }

  /// What is behind the last batch.
  void check_tail(const BatchScanner& scanner) {
    if (scanner.problem().empty()) return;
    const auto from = scanner.next_position();
    if (only_zeros(from))
      add(from, fmt::format("{} bytes of zeros behind the last whole batch", input_.size - from));
    else
      add(from, fmt::format("{} bytes behind the last whole batch are none: {}", input_.size - from, scanner.problem()));
  }

  [[nodiscard]] bool only_zeros(std::uint64_t from) const {
    std::array<std::byte, 65536> chunk;
    while (from < input_.size) {
      const auto got = input_.file->read_at(from, chunk);
      if (!got || *got == 0) return false;
      if (!std::all_of(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(*got), [](std::byte b) { return b == std::byte{0}; })) return false;
      from += *got;
    }
    return true;
  }

  const InputFile& input_;
  const Offset base_;
  Findings& findings_;
  VerifyTotals& totals_;
  std::array<std::unique_ptr<IndexFollower>, 3> indexes_;
  Offset expected_;  ///< no later batch may begin below it
  LeaderEpoch epoch_ = kNoLeaderEpoch;
  std::int64_t largest_timestamp_ = protocol::kNoTimestamp;
};

}  // namespace

Offset verify_segment(const SegmentRequest& request, Findings& findings, VerifyTotals& totals) {
  ++totals.segments;
  const auto base = offset_in_name(request.log);
  const auto input = open_input(request.log);
  if (!base || !input) {
    findings.add(request.log, base ? input.error().message : "its name is no offset");
    return request.expected_first;
  }
  if (*base < request.expected_first)
    findings.add(request.log, Place{*base, {}}, fmt::format("offsets go back: the segment before it ends at offset {}", request.expected_first.value()));
  SegmentRequest from_here = request;
  from_here.expected_first = std::max(request.expected_first, *base);
  return SegmentCheck(*input, *base, from_here, findings, totals).run();
}

}  // namespace moldau::server::tools
