#include "storage/log/batch_scanner.h"

#include <algorithm>

namespace moldau::storage {
namespace {

constexpr std::size_t kHeaderChunk = 4096;
constexpr std::size_t kWholeChunk = std::size_t{256} << 10;
constexpr Offset kMaxOffset{INT64_MAX / 2};

}  // namespace

BatchScanner::BatchScanner(const File& file, std::uint64_t position, std::uint64_t end, Mode mode, ColdRead cold)
    : file_(file), end_(end), mode_(mode), cold_(cold), chunk_(mode == Mode::headers ? kHeaderChunk : kWholeChunk), position_(position), next_(position) {
  buffer_->clear();
}

Result<Bytes> BatchScanner::fill(std::size_t n) {
  const auto in_buffer = [&]() -> Bytes {
    if (next_ < buffer_start_ || next_ >= buffer_start_ + buffer_->size()) return {};
    return buffer_->bytes().subspan(static_cast<std::size_t>(next_ - buffer_start_));
  };
  if (auto have = in_buffer(); have.size() >= n) return have;
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(n, chunk_), end_ - next_));
  buffer_->clear();
  buffer_->resize(want);
  buffer_start_ = next_;
  auto got = file_.read_at(next_, buffer_->mutable_bytes(), cold_);
  if (!got) return got.error();
  buffer_->resize(*got);
  if (*got < n && cold_ == ColdRead::refuse) return needs_disk();  // or the end of the file: only a real read can tell
  return in_buffer();
}

Result<std::optional<protocol::AnyBatch>> BatchScanner::next() {
  using None = std::optional<protocol::AnyBatch>;
  if (next_ >= end_ || !problem_.empty()) return None();
  const auto left = end_ - next_;
  if (left < protocol::kBatchPrefixSize) {
    problem_ = "only " + std::to_string(left) + " bytes are left";
    return None();
  }
  auto bytes = fill(protocol::kBatchPrefixSize);
  if (!bytes) return bytes.error();
  if (bytes->size() < protocol::kBatchPrefixSize) {
    problem_ = "the file ends before its size";
    return None();
  }
  const auto prefix = protocol::parse_batch_prefix(bytes->first(protocol::kBatchPrefixSize));
  if (!prefix) {
    problem_ = prefix.error().message;
    return None();
  }
  // No checksum covers it. What is far from any offset that a log could reach would run over in the sums of all who read it.
  if (prefix->offset < Offset(0) || prefix->offset > kMaxOffset) {
    problem_ = "the offset " + std::to_string(prefix->offset.value()) + " is out of range";
    return None();
  }
  const auto size = prefix->size_in_bytes;
  if (size > left) {
    problem_ = "a batch of " + std::to_string(size) + " bytes is cut off after " + std::to_string(left);
    return None();
  }
  const auto need = mode_ == Mode::whole ? size : std::min<std::size_t>(size, protocol::kBatchHeaderSize);
  bytes = fill(need);
  if (!bytes) return bytes.error();
  if (bytes->size() < need) {
    problem_ = "the file ends before its size";
    return None();
  }
  position_ = next_;
  next_ += size;
  return std::optional(protocol::AnyBatch(bytes->first(std::min(size, bytes->size()))));
}

}  // namespace moldau::storage
