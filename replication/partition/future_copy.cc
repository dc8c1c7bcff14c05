#include "replication/partition/future_copy.h"

#include <algorithm>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "storage/io/read_slice.h"

namespace moldau::replication {

Result<FutureCopy::Read> FutureCopy::read_piece() {
  Read read;
  read.at = to_->log_end_offset();
  auto data = from_->read(read.at, kPieceBytes, storage::FetchIsolation::log_end, true, storage::ColdRead::wait);
  if (!data) {
    read.out_of_range = data.error().code == ErrorCode::offset_out_of_range;
    if (!read.out_of_range) return data.error();
    return read;
  }
  buffer_.resize(data->slice.size);
  if (buffer_.empty()) return read;
  auto filled = storage::read_slice(data->slice, buffer_);
  if (!filled) return filled.error();
  read.bytes = *filled;
  return read;
}

std::optional<Offset> FutureCopy::divergence(Offset end) const {
  const LeaderEpoch latest = to_->latest_epoch();
  if (latest == kNoLeaderEpoch || from_->latest_epoch() == kNoLeaderEpoch) return std::nullopt;
  const auto [epoch, there] = from_->end_offset_for_epoch(latest);
  if (epoch == kNoLeaderEpoch || there == kNoOffset) return std::min(end, to_->high_watermark());
  if (epoch == latest) return there < end ? std::optional(there) : std::nullopt;
  // An epoch that the other log does not have: the last one that both have ends at the lower of its two ends.
  const auto [ours, here] = to_->end_offset_for_epoch(epoch);
  return std::min({end, there, ours == epoch ? here : there});
}

bool FutureCopy::follow_offsets() {
  const auto source = from_->offsets();
  to_->update_high_watermark(std::min(source.high_watermark, to_->log_end_offset()));
  const auto start = std::min(source.log_start, to_->high_watermark());
  if (start > to_->log_start_offset()) (void)to_->maybe_increment_log_start_offset(start);  // its disk's failure is met by the next append
  return to_->log_end_offset() == source.log_end && to_->log_start_offset() >= source.log_start;
}

Awaitable<Result<FutureCopy::Piece>> FutureCopy::come_into_range(Offset at) {
  const auto source = from_->offsets();
  const auto& tp = from_->topic_partition();
  if (at > source.log_end) {
    MOLDAU_LOG(replica, warn, "The future log of {} is cut back from {} to the log end {}", tp, at, source.log_end);
    auto cut = co_await to_->truncate_to(source.log_end);
    if (!cut) co_return cut.error();
  } else if (at < source.log_start) {
    MOLDAU_LOG(replica, info, "The future log of {} starts at the log start {}; it ended at {}", tp, source.log_start, at);
    auto restarted = co_await to_->truncate_fully_and_start_at(source.log_start);
    if (!restarted) co_return restarted.error();
  }
  co_return Piece{};
}

Awaitable<Result<FutureCopy::Piece>> FutureCopy::take(Read read, LeaderEpoch leader_epoch) {
  if (read.out_of_range) {
    auto moved = come_into_range(read.at);
    co_return co_await std::move(moved);
  }
  // A truncation that the read did not see shows in the epochs now. One that comes later shows at the next piece.
  if (const auto cut_at = divergence(read.at)) {
    const auto& tp = from_->topic_partition();
    MOLDAU_LOG(replica, info, "The log of {} was truncated: its future log is cut back from {} to {}", tp, read.at, *cut_at);
    const auto epoch_before = to_->latest_epoch();
    auto cut = co_await to_->truncate_to(*cut_at);
    if (!cut) co_return cut.error();
    if (*cut_at >= read.at && to_->latest_epoch() == epoch_before)
      co_return Error(ErrorCode::unknown_server_error, fmt::format("the leader epochs of {} and of its future log don't agree up to offset {}", tp, read.at));
    co_return Piece{};
  }
  Piece piece;
  if (read.bytes > 0) {
    const Bytes bytes(buffer_.data(), read.bytes);
    auto appended = co_await to_->append_as_follower(bytes, leader_epoch);
    if (!appended) co_return Error(appended.error().code, appended.error().message);
    piece.bytes = read.bytes;
    if (to_->log_end_offset() == read.at)
      co_return Error(ErrorCode::unknown_server_error, fmt::format("what the log of {} holds at offset {} can not be copied", from_->topic_partition(), read.at));
  }
  piece.caught_up = follow_offsets();
  co_return piece;
}

}  // namespace moldau::replication
