// Which logs on disk this broker serves: what the start waits for, and what lies in the log directories without a place in the metadata.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::replication {
class MetadataImage;
class MetadataStore;
}  // namespace moldau::replication

namespace moldau::server {

struct SortedLogs {
  std::vector<TopicPartition> mine;    ///< The metadata puts them here, and their topics are not being deleted.
  std::vector<TopicPartition> strays;  ///< Of known topics, which do not have them, or not here. Those of unknown topics are told by refuse_unknown_logs().
};

/// Reads the topics of `on_disk` from the store.
Awaitable<Result<SortedLogs>> sort_logs(replication::MetadataStore& store, BrokerId self, std::vector<TopicPartition> on_disk);

/// Those that nobody leads, or nobody who is there.
std::vector<TopicPartition> without_leader(const replication::MetadataImage& image, const std::vector<TopicPartition>& partitions);
bool all_have_leaders(const replication::MetadataImage& image, const std::vector<TopicPartition>& partitions);

/// The first `count`, comma-separated, and that there are more.
std::string some_of(const std::vector<TopicPartition>& partitions, std::size_t count);

}  // namespace moldau::server
