// MetadataImage: what a broker knows of its cluster, as the controller last told it (Kafka 3.9 ZkMetadataCache's MetadataSnapshot).
//
// An image never changes. A change makes a new one that shares all topics that it did not touch; topics are kept in shards, so that one new topic among
// thousands copies a few hundred pointers only. Whoever holds the shared_ptr reads without locks for as long as it likes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/base/ids.h"

namespace moldau::replication {

/// Where a broker is reached on one of its listeners.
struct BrokerEndpoint {
  std::string listener;
  std::string host;
  std::int32_t port = 0;
  std::int16_t security_protocol = 0;  ///< 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.

  friend bool operator==(const BrokerEndpoint&, const BrokerEndpoint&) = default;
};

/// A live broker.
struct BrokerMetadata {
  BrokerId id = kNoBroker;
  std::optional<std::string> rack;
  std::vector<BrokerEndpoint> endpoints;

  /// The endpoint on that listener; null when the broker does not have it.
  [[nodiscard]] const BrokerEndpoint* endpoint(std::string_view listener) const noexcept;
  friend bool operator==(const BrokerMetadata&, const BrokerMetadata&) = default;
};

/// One partition's state. The lists lie in the topic's own storage.
struct PartitionMetadata {
  std::int32_t partition = 0;
  BrokerId leader = kNoBroker;  ///< -1: none.
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::int32_t controller_epoch = 0;
  std::int32_t partition_epoch = 0;  ///< The state node's version.
  std::span<const BrokerId> replicas;
  std::span<const BrokerId> isr;
  std::span<const BrokerId> offline_replicas;
};

/// One topic: its partitions in the order of their numbers.
class TopicMetadata {
 public:
  TopicMetadata(std::string name, TopicId id) : name_(std::move(name)), id_(id) {}
  TopicMetadata(const TopicMetadata&) = delete;
  TopicMetadata& operator=(const TopicMetadata&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] TopicId id() const noexcept { return id_; }
  [[nodiscard]] const std::vector<PartitionMetadata>& partitions() const noexcept { return partitions_; }
  /// Null when the partition is not known.
  [[nodiscard]] const PartitionMetadata* partition(std::int32_t index) const noexcept;
  /// __consumer_offsets and __transaction_state.
  [[nodiscard]] bool is_internal() const noexcept;

 private:
  friend class MetadataImageBuilder;
  std::string name_;
  TopicId id_;
  std::vector<PartitionMetadata> partitions_;
  std::vector<BrokerId> brokers_;  // what the spans of partitions_ point into
};

/// The brokers' own topics (Kafka 3.9 Topic.GROUP_METADATA_TOPIC_NAME, TRANSACTION_STATE_TOPIC_NAME).
inline constexpr std::string_view kGroupMetadataTopic = "__consumer_offsets";
inline constexpr std::string_view kTransactionStateTopic = "__transaction_state";

/// True for the two above.
bool is_internal_topic(std::string_view name) noexcept;

class MetadataImage {
 public:
  using TopicPtr = std::shared_ptr<const TopicMetadata>;
  static constexpr std::size_t kShards = 64;

  /// Null when the topic is not known.
  [[nodiscard]] const TopicMetadata* topic(std::string_view name) const noexcept;
  [[nodiscard]] const TopicMetadata* topic(TopicId id) const noexcept;
  [[nodiscard]] const PartitionMetadata* partition(TopicPartitionView tp) const noexcept;
  [[nodiscard]] std::size_t topic_count() const noexcept { return topic_count_; }
  [[nodiscard]] std::size_t partition_count() const noexcept { return partition_count_; }
  /// Calls `f(const TopicMetadata&)` for every topic, in no particular order.
  template <class F>
  void for_each_topic(F&& f) const {
    for (const auto& shard : by_name_)
      if (shard)
        for (const auto& [name, topic] : *shard) f(*topic);
  }

  /// Live brokers by id.
  [[nodiscard]] const std::map<BrokerId, BrokerMetadata>& brokers() const noexcept { return *brokers_; }
  [[nodiscard]] const BrokerMetadata* broker(BrokerId id) const noexcept;
  /// The live broker's endpoint on a listener; null when either is missing.
  [[nodiscard]] const BrokerEndpoint* endpoint(BrokerId id, std::string_view listener) const noexcept;
  [[nodiscard]] std::optional<BrokerId> controller_id() const noexcept { return controller_id_; }
  [[nodiscard]] std::int32_t controller_epoch() const noexcept { return controller_epoch_; }

 private:
  friend class MetadataImageBuilder;
  using NameShard = std::unordered_map<std::string_view, TopicPtr>;  // keys borrow from the topics
  using IdShard = std::unordered_map<TopicId, TopicPtr>;

  std::array<std::shared_ptr<const NameShard>, kShards> by_name_;
  std::array<std::shared_ptr<const IdShard>, kShards> by_id_;
  std::shared_ptr<const std::map<BrokerId, BrokerMetadata>> brokers_ = std::make_shared<const std::map<BrokerId, BrokerMetadata>>();
  std::size_t topic_count_ = 0;
  std::size_t partition_count_ = 0;
  std::optional<BrokerId> controller_id_;
  std::int32_t controller_epoch_ = 0;
};

/// Makes the next image from the one before. Not thread-safe.
class MetadataImageBuilder {
 public:
  explicit MetadataImageBuilder(const MetadataImage& base);
  void set_controller(std::optional<BrokerId> id, std::int32_t epoch);
  void set_brokers(std::map<BrokerId, BrokerMetadata> brokers);
  /// Replaces the given partitions of a topic (others stay) and its id; the spans are copied. A zero id takes the id away.
  void update_topic(std::string_view name, TopicId id, std::vector<PartitionMetadata> changed);
  /// Drops partitions; a topic without any left disappears. True when the topic is gone.
  bool remove_partitions(std::string_view name, std::span<const std::int32_t> partitions);
  std::shared_ptr<const MetadataImage> build();

 private:
  MetadataImage::NameShard& name_shard(std::string_view name);
  MetadataImage::IdShard& id_shard(TopicId id);
  void put(const MetadataImage::TopicPtr& topic);
  void erase(const TopicMetadata& topic);
  static MetadataImage::TopicPtr make_topic(std::string_view name, TopicId id, std::vector<PartitionMetadata> partitions);

  std::shared_ptr<MetadataImage> image_;
  std::array<std::shared_ptr<MetadataImage::NameShard>, MetadataImage::kShards> fresh_names_;
  std::array<std::shared_ptr<MetadataImage::IdShard>, MetadataImage::kShards> fresh_ids_;
};

}  // namespace moldau::replication
