#include "server/tools/segment_reader.h"

#include <fmt/format.h>

#include <array>

namespace moldau::server::tools {

Result<std::optional<protocol::AnyBatch>> SegmentReader::next() {
  using None = std::optional<protocol::AnyBatch>;
  auto batch = scanner_.next();
  if (!batch || *batch || scanner_.problem().empty()) return batch;
  const auto at = scanner_.next_position();
  const auto left = end_ - at;
  if (left <= protocol::kBatchPrefixSize) return None();
  std::array<std::byte, protocol::kBatchPrefixSize> prefix;
  const auto got = input_.file->read_at(at, prefix);
  if (!got) return got.error();
  if (*got < prefix.size()) return None();  // cut since it was opened
  const auto size = load_be<std::int32_t>(prefix.data() + protocol::batch_field::length);
  if (size < static_cast<std::int32_t>(protocol::kLegacyMinSizeV0))
    return Error(ErrorCode::corrupt_message,
                 fmt::format("Found record size {} smaller than minimum record overhead ({}) in file {}.", size, protocol::kLegacyMinSizeV0, input_.path));
  if (static_cast<std::uint64_t>(size) + protocol::kLogOverhead > left) return None();
  return Error(ErrorCode::corrupt_message, fmt::format("{} at position {}: {}", input_.path, at, scanner_.problem()));
}

}  // namespace moldau::server::tools
