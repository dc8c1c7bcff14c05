#include "server/own_partitions.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "protocol/base/format.h"
#include "replication/metadata/metadata_image.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::server {
namespace {

namespace znodes = replication::znodes;

bool has_leader(const replication::MetadataImage& image, const TopicPartition& tp) {
  const auto* partition = image.partition(tp);
  return partition != nullptr && partition->leader != kNoBroker && image.broker(partition->leader) != nullptr;
}

Error store_error(replication::StoreError error) { return Error(replication::error_code(error), fmt::format("metadata store: {}", replication::to_string(error))); }

bool is_here(const znodes::TopicAssignment& topic, std::int32_t partition, BrokerId self) {
  const auto found = topic.partitions.find(partition);
  return found != topic.partitions.end() && std::find(found->second.replicas.begin(), found->second.replicas.end(), self) != found->second.replicas.end();
}

}  // namespace

Awaitable<Result<SortedLogs>> sort_logs(replication::MetadataStore& store, BrokerId self, std::vector<TopicPartition> on_disk) {
  SortedLogs sorted;
  const auto deleting = co_await store.children(std::string(znodes::kDeleteTopics));
  if (!deleting && deleting.error() != replication::StoreError::no_node) co_return store_error(deleting.error());
  std::map<std::string, std::vector<std::int32_t>, std::less<>> by_topic;
  for (auto& tp : on_disk) by_topic[tp.topic].push_back(tp.partition);
  if (deleting)
    for (const auto& topic : *deleting) by_topic.erase(topic);
  std::vector<replication::StoreOp> reads;
  for (const auto& [topic, partitions] : by_topic) reads.push_back(replication::StoreOp::get(znodes::topic_path(topic)));
  const auto nodes = co_await store.pipeline(std::move(reads));
  auto node = nodes.begin();
  for (const auto& [topic, partitions] : by_topic) {
    const auto& answer = *node++;
    if (answer.error == replication::StoreError::no_node) continue;
    if (!answer.ok()) co_return store_error(answer.error);
    const auto known = znodes::decode_topic(answer.data);
    if (!known) continue;  // the controller tells of it
    for (const auto partition : partitions) (is_here(*known, partition, self) ? sorted.mine : sorted.strays).push_back({topic, partition});
  }
  co_return sorted;
}

std::vector<TopicPartition> without_leader(const replication::MetadataImage& image, const std::vector<TopicPartition>& partitions) {
  std::vector<TopicPartition> without;
  std::copy_if(partitions.begin(), partitions.end(), std::back_inserter(without), [&](const TopicPartition& tp) { return !has_leader(image, tp); });
  return without;
}

bool all_have_leaders(const replication::MetadataImage& image, const std::vector<TopicPartition>& partitions) {
  return std::all_of(partitions.begin(), partitions.end(), [&](const TopicPartition& tp) { return has_leader(image, tp); });
}

std::string some_of(const std::vector<TopicPartition>& partitions, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(count, partitions.size()); ++i) names.push_back(to_string(TopicPartitionView(partitions[i])));
  if (partitions.size() > count) names.push_back(fmt::format("and {} more", partitions.size() - count));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace moldau::server
