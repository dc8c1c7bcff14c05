#include "storage/log/log_dir_names.h"

#include <algorithm>
#include <cstdio>

#include "protocol/base/random.h"
#include "storage/checkpoint/text_lines.h"

namespace moldau::storage {
namespace {

std::string unique_id(Random& random) {
  char id[33];
  std::snprintf(id, sizeof id, "%016llx%016llx", static_cast<unsigned long long>(random.next()), static_cast<unsigned long long>(random.next()));
  return id;
}

}  // namespace

std::optional<PartitionDirName> parse_partition_dir(std::string_view name) {
  PartitionDirName result;
  constexpr std::pair<std::string_view, PartitionDirKind> kSuffixes[] = {
      {"-delete", PartitionDirKind::to_delete}, {"-future", PartitionDirKind::future}, {"-stray", PartitionDirKind::stray}};
  for (const auto& [suffix, kind] : kSuffixes) {
    if (!name.ends_with(suffix)) continue;
    const auto base = name.substr(0, name.size() - suffix.size());
    const auto dot = base.rfind('.');
    // Without a unique id it is an ordinary topic whose name ends so, and then no number follows: refused below.
    if (dot == std::string_view::npos) break;
    result.kind = kind;
    name = base.substr(0, dot);
    break;
  }
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const auto partition = parse_number<std::int32_t>(name.substr(dash + 1));
  if (!partition || *partition < 0) return std::nullopt;
  result.partition = TopicPartition{std::string(name.substr(0, dash)), *partition};
  return result;
}

std::string delete_dir_name(const TopicPartition& tp, Random& random) {
  const auto tail = "-" + std::to_string(tp.partition) + "." + unique_id(random) + "-delete";
  return tp.topic.substr(0, std::min(tp.topic.size(), kMaxDirName - tail.size())) + tail;
}

std::string future_dir_name(const TopicPartition& tp, Random& random) {
  return tp.topic + "-" + std::to_string(tp.partition) + "." + unique_id(random) + "-future";
}

std::size_t future_dir_name_length(TopicPartitionView tp) {
  constexpr std::size_t kAround = std::string_view("-").size() + std::string_view(".").size() + 32 + std::string_view("-future").size();
  return tp.topic.size() + std::to_string(tp.partition).size() + kAround;
}

}  // namespace moldau::storage
