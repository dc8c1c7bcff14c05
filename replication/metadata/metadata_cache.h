// MetadataCache: the broker's current MetadataImage (Kafka 3.9 ZkMetadataCache), fed by UpdateMetadata.
//
// One writer (the strand on which control requests are applied) swaps the image; readers on any thread take the shared_ptr and work on it. Listeners run on
// the writer's thread after the swap, and are added before the broker starts.
// Readers take no lock: each thread keeps the image it saw last with a reference count of its own, and looks only whether the version is still the same. So
// threads that serve Metadata, Produce and Fetch write to no memory that they share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "replication/metadata/metadata_image.h"

namespace moldau::protocol {
struct UpdateMetadataRequest;
}

namespace moldau::replication {

struct LeaderAndEpoch {
  BrokerId leader = kNoBroker;  ///< -1: none.
  LeaderEpoch epoch = kNoLeaderEpoch;
};

/// What one UpdateMetadata changed.
struct MetadataDelta {
  std::vector<TopicPartition> deleted_partitions;  ///< The group coordinator drops their offsets.
  std::vector<std::string> deleted_topics;         ///< Topics of which no partition is left.
  std::vector<std::string> updated_topics;
  bool brokers_changed = false;
};

class MetadataCache {
 public:
  explicit MetadataCache(BrokerId self);
  MetadataCache(const MetadataCache&) = delete;
  MetadataCache& operator=(const MetadataCache&) = delete;

  /// The current image; keep it for as long as one request needs a consistent view.
  [[nodiscard]] std::shared_ptr<const MetadataImage> image() const { return seen(); }
  [[nodiscard]] BrokerId self() const noexcept { return self_; }

  // Short-cuts; each reads the image of this moment.
  [[nodiscard]] bool contains(std::string_view topic) const { return seen()->topic(topic) != nullptr; }
  [[nodiscard]] bool contains(TopicPartitionView tp) const { return seen()->partition(tp) != nullptr; }
  [[nodiscard]] std::optional<std::int32_t> partition_count(std::string_view topic) const;
  [[nodiscard]] std::optional<LeaderAndEpoch> leader(TopicPartitionView tp) const;
  [[nodiscard]] std::optional<TopicId> topic_id(std::string_view name) const;  ///< Nothing when unknown or without id.
  [[nodiscard]] std::optional<std::string> topic_name(TopicId id) const;
  [[nodiscard]] bool is_alive(BrokerId id) const { return seen()->broker(id) != nullptr; }
  [[nodiscard]] std::optional<BrokerId> controller_id() const { return seen()->controller_id(); }

  /// Applies an UpdateMetadata: live_brokers replaces the list, topic_states is a delta, leader -2 deletes (interbroker.md §3). Called by one strand only.
  MetadataDelta apply(const protocol::UpdateMetadataRequest& request);
  /// Called after each apply, on the writer's thread. REQUIRES: added before the first apply.
  void add_listener(std::function<void(const MetadataDelta&, const MetadataImage&)> listener) { listeners_.push_back(std::move(listener)); }

  /// Waits until `predicate` holds for the image; false when `timeout` passed first. The predicate runs on the caller's and on the writer's thread.
  Awaitable<bool> wait_until(std::function<bool(const MetadataImage&)> predicate, Millis timeout);
  /// Waits until a topic's partitions [0, count) all have a live leader.
  Awaitable<bool> wait_for_leaders(std::string topic, std::int32_t count, Millis timeout);

 private:
  struct Waiter;
  /// The current image as this thread keeps it; the reference holds until the thread's next call.
  [[nodiscard]] const std::shared_ptr<const MetadataImage>& seen() const;
  void wake(const MetadataImage& image);
  // Locks are taken in plain functions only: g++ 12 may keep a guard of a coroutine's scope locked.
  bool satisfied_or_added(const std::shared_ptr<Waiter>& waiter);
  void forget(const std::shared_ptr<Waiter>& waiter);

  const BrokerId self_;
  const std::uint64_t id_;  // of this cache, never used again: what a thread keeps may outlive it
  mutable std::mutex mutex_;  // guards image_ (the pointer) and waiters_
  std::shared_ptr<const MetadataImage> image_;
  std::atomic<std::uint64_t> version_{1};  // raised after image_, under the mutex
  std::list<std::shared_ptr<Waiter>> waiters_;
  std::vector<std::function<void(const MetadataDelta&, const MetadataImage&)>> listeners_;
};

/// True when partitions [0, count) of the topic exist in the image and each has a live leader.
bool all_leaders_live(const MetadataImage& image, std::string_view topic, std::int32_t count);

}  // namespace moldau::replication
