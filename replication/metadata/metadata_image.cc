#include "replication/metadata/metadata_image.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace moldau::replication {
namespace {

std::size_t shard_of(std::string_view name) noexcept { return std::hash<std::string_view>{}(name) % MetadataImage::kShards; }
std::size_t shard_of(TopicId id) noexcept { return std::hash<TopicId>{}(id) % MetadataImage::kShards; }

}  // namespace

bool is_internal_topic(std::string_view name) noexcept { return name == kGroupMetadataTopic || name == kTransactionStateTopic; }

const BrokerEndpoint* BrokerMetadata::endpoint(std::string_view listener) const noexcept {
  for (const auto& e : endpoints)
    if (e.listener == listener) return &e;
  return nullptr;
}

const PartitionMetadata* TopicMetadata::partition(std::int32_t index) const noexcept {
  if (index < 0) return nullptr;
  // Numbers are dense but for the moment in which a topic is being deleted.
  const auto at = static_cast<std::size_t>(index);
  if (at < partitions_.size() && partitions_[at].partition == index) return &partitions_[at];
  const auto it = std::lower_bound(partitions_.begin(), partitions_.end(), index, [](const PartitionMetadata& p, std::int32_t i) { return p.partition < i; });
  return it != partitions_.end() && it->partition == index ? &*it : nullptr;
}

bool TopicMetadata::is_internal() const noexcept { return is_internal_topic(name_); }

const TopicMetadata* MetadataImage::topic(std::string_view name) const noexcept {
  const auto& shard = by_name_[shard_of(name)];
  if (!shard) return nullptr;
  const auto it = shard->find(name);
  return it == shard->end() ? nullptr : it->second.get();
}

const TopicMetadata* MetadataImage::topic(TopicId id) const noexcept {
  const auto& shard = by_id_[shard_of(id)];
  if (!shard || id.is_zero()) return nullptr;
  const auto it = shard->find(id);
  return it == shard->end() ? nullptr : it->second.get();
}

const PartitionMetadata* MetadataImage::partition(TopicPartitionView tp) const noexcept {
  const auto* t = topic(tp.topic);
  return t == nullptr ? nullptr : t->partition(tp.partition);
}

const BrokerMetadata* MetadataImage::broker(BrokerId id) const noexcept {
  const auto it = brokers_->find(id);
  return it == brokers_->end() ? nullptr : &it->second;
}

const BrokerEndpoint* MetadataImage::endpoint(BrokerId id, std::string_view listener) const noexcept {
  const auto* b = broker(id);
  return b == nullptr ? nullptr : b->endpoint(listener);
}

MetadataImageBuilder::MetadataImageBuilder(const MetadataImage& base) : image_(std::make_shared<MetadataImage>(base)) {}

void MetadataImageBuilder::set_controller(std::optional<BrokerId> id, std::int32_t epoch) {
  image_->controller_id_ = id;
  image_->controller_epoch_ = epoch;
}

void MetadataImageBuilder::set_brokers(std::map<BrokerId, BrokerMetadata> brokers) {
  image_->brokers_ = std::make_shared<const std::map<BrokerId, BrokerMetadata>>(std::move(brokers));
}

MetadataImage::NameShard& MetadataImageBuilder::name_shard(std::string_view name) {
  const auto at = shard_of(name);
  if (!fresh_names_[at]) {
    const auto& old = image_->by_name_[at];
    fresh_names_[at] = old ? std::make_shared<MetadataImage::NameShard>(*old) : std::make_shared<MetadataImage::NameShard>();
    image_->by_name_[at] = fresh_names_[at];
  }
  return *fresh_names_[at];
}

MetadataImage::IdShard& MetadataImageBuilder::id_shard(TopicId id) {
  const auto at = shard_of(id);
  if (!fresh_ids_[at]) {
    const auto& old = image_->by_id_[at];
    fresh_ids_[at] = old ? std::make_shared<MetadataImage::IdShard>(*old) : std::make_shared<MetadataImage::IdShard>();
    image_->by_id_[at] = fresh_ids_[at];
  }
  return *fresh_ids_[at];
}

void MetadataImageBuilder::put(const MetadataImage::TopicPtr& topic) {
  auto& names = name_shard(topic->name());
  // The key borrows from the topic: the entry is made anew, never only its value.
  names.erase(std::string_view(topic->name()));
  names.emplace(std::string_view(topic->name()), topic);
  if (!topic->id().is_zero()) id_shard(topic->id()).insert_or_assign(topic->id(), topic);
  ++image_->topic_count_;
  image_->partition_count_ += topic->partitions().size();
}

void MetadataImageBuilder::erase(const TopicMetadata& topic) {
  --image_->topic_count_;
  image_->partition_count_ -= topic.partitions().size();
  if (!topic.id().is_zero()) id_shard(topic.id()).erase(topic.id());
  const std::string name = topic.name();
  name_shard(name).erase(std::string_view(name));
}

MetadataImage::TopicPtr MetadataImageBuilder::make_topic(std::string_view name, TopicId id, std::vector<PartitionMetadata> partitions) {
  auto topic = std::make_shared<TopicMetadata>(std::string(name), id);
  std::size_t total = 0;
  for (const auto& p : partitions) total += p.replicas.size() + p.isr.size() + p.offline_replicas.size();
  topic->brokers_.reserve(total);
  const auto keep = [&](std::span<const BrokerId> ids) {
    const auto at = topic->brokers_.size();
    topic->brokers_.insert(topic->brokers_.end(), ids.begin(), ids.end());
    return std::span<const BrokerId>(topic->brokers_.data() + at, ids.size());
  };
  for (auto& p : partitions) {
    p.replicas = keep(p.replicas);
    p.isr = keep(p.isr);
    p.offline_replicas = keep(p.offline_replicas);
  }
  MOLDAU_CHECK(topic->brokers_.size() == total, "spans would dangle");
  topic->partitions_ = std::move(partitions);
  return topic;
}

void MetadataImageBuilder::update_topic(std::string_view name, TopicId id, std::vector<PartitionMetadata> changed) {
  const auto by_index = [](const PartitionMetadata& a, const PartitionMetadata& b) { return a.partition < b.partition; };
  std::stable_sort(changed.begin(), changed.end(), by_index);
  const auto* old = image_->topic(name);
  if (old == nullptr) {
    put(make_topic(name, id, std::move(changed)));
    return;
  }
  std::vector<PartitionMetadata> merged;
  merged.reserve(old->partitions().size() + changed.size());
  // set_union takes the first range's element of two equal ones: the change wins.
  std::set_union(changed.begin(), changed.end(), old->partitions().begin(), old->partitions().end(), std::back_inserter(merged), by_index);
  auto fresh = make_topic(name, id, std::move(merged));
  erase(*old);
  put(fresh);
}

bool MetadataImageBuilder::remove_partitions(std::string_view name, std::span<const std::int32_t> partitions) {
  const auto* old = image_->topic(name);
  if (old == nullptr) return false;
  std::vector<PartitionMetadata> left;
  for (const auto& p : old->partitions())
    if (std::find(partitions.begin(), partitions.end(), p.partition) == partitions.end()) left.push_back(p);
  const bool gone = left.empty();
  auto fresh = gone ? nullptr : make_topic(name, old->id(), std::move(left));
  erase(*old);
  if (fresh) put(fresh);
  return gone;
}

std::shared_ptr<const MetadataImage> MetadataImageBuilder::build() { return std::move(image_); }

}  // namespace moldau::replication
