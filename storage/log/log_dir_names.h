// Names of partition directories (disk.md §2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"

namespace moldau {
class Random;
}

namespace moldau::storage {

enum class PartitionDirKind { live, to_delete, future, stray };

struct PartitionDirName {
  TopicPartition partition;
  PartitionDirKind kind = PartitionDirKind::live;
};

/// Nothing for a name that is no partition directory's.
std::optional<PartitionDirName> parse_partition_dir(std::string_view name);
/// `<topic>-<partition>.<32 hex digits>-delete`, the topic cut so that the name has at most 255 characters.
std::string delete_dir_name(const TopicPartition& tp, Random& random);
/// `<topic>-<partition>.<32 hex digits>-future`, whole: a name of more than kMaxDirName characters can't be made (KAFKA-4893).
std::string future_dir_name(const TopicPartition& tp, Random& random);
inline constexpr std::size_t kMaxDirName = 255;
/// The length that future_dir_name() gives.
std::size_t future_dir_name_length(TopicPartitionView tp);

}  // namespace moldau::storage
