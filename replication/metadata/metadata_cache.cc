#include "replication/metadata/metadata_cache.h"

#include <algorithm>
#include <atomic>

#include "protocol/base/event.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/messages/update_metadata.h"

namespace moldau::replication {
namespace {

constexpr BrokerId kDeleted{-2};

std::map<BrokerId, BrokerMetadata> brokers_of(const protocol::UpdateMetadataRequest& request) {
  std::map<BrokerId, BrokerMetadata> out;
  for (const auto& b : request.live_brokers) {
    BrokerMetadata broker;
    broker.id = b.id;
    if (b.rack) broker.rack = std::string(*b.rack);
    for (const auto& e : b.endpoints) {
      BrokerEndpoint endpoint;
      endpoint.listener = e.listener;
      endpoint.host = e.host;
      endpoint.port = e.port;
      endpoint.security_protocol = e.security_protocol;
      broker.endpoints.push_back(std::move(endpoint));
    }
    out.emplace(b.id, std::move(broker));
  }
  return out;
}

std::span<const BrokerId> view(const Array<BrokerId>& ids) { return {ids.data(), ids.size()}; }

}  // namespace

/// One coroutine that waits for the image to be as it likes.
struct MetadataCache::Waiter {
  explicit Waiter(std::function<bool(const MetadataImage&)> p) : predicate(std::move(p)) {}
  const std::function<bool(const MetadataImage&)> predicate;
  Event satisfied;
};

namespace {

std::uint64_t next_cache_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// What a thread saw last. One cache a thread is enough: a broker's process has one.
struct Seen {
  std::uint64_t cache = 0;
  std::uint64_t version = 0;
  std::shared_ptr<const MetadataImage> image;
};

}  // namespace

MetadataCache::MetadataCache(BrokerId self) : self_(self), id_(next_cache_id()), image_(std::make_shared<const MetadataImage>()) {}

const std::shared_ptr<const MetadataImage>& MetadataCache::seen() const {
  thread_local Seen seen;
  if (seen.cache == id_ && seen.version == version_.load(std::memory_order_acquire)) [[likely]] return seen.image;
  std::shared_ptr<const MetadataImage> now;
  {
    const std::lock_guard lock(mutex_);
    now = image_;
    seen.version = version_.load(std::memory_order_relaxed);
  }
  seen.cache = id_;
  // Wrapped, so that the thread counts its references on a cache line of its own.
  const auto* const image = now.get();
  seen.image = std::shared_ptr<const MetadataImage>(std::make_shared<std::shared_ptr<const MetadataImage>>(std::move(now)), image);
  return seen.image;
}

std::optional<std::int32_t> MetadataCache::partition_count(std::string_view topic) const {
  const auto& now = seen();
  const auto* t = now->topic(topic);
  if (t == nullptr) return std::nullopt;
  return static_cast<std::int32_t>(t->partitions().size());
}

std::optional<LeaderAndEpoch> MetadataCache::leader(TopicPartitionView tp) const {
  const auto& now = seen();
  const auto* p = now->partition(tp);
  if (p == nullptr) return std::nullopt;
  return LeaderAndEpoch{p->leader, p->leader_epoch};
}

std::optional<TopicId> MetadataCache::topic_id(std::string_view name) const {
  const auto& now = seen();
  const auto* t = now->topic(name);
  if (t == nullptr || t->id().is_zero()) return std::nullopt;
  return t->id();
}

std::optional<std::string> MetadataCache::topic_name(TopicId id) const {
  const auto& now = seen();
  const auto* t = now->topic(id);
  if (t == nullptr) return std::nullopt;
  return t->name();
}

MetadataDelta MetadataCache::apply(const protocol::UpdateMetadataRequest& request) {
  const auto before = image();
  MetadataImageBuilder builder(*before);
  MetadataDelta delta;
  auto brokers = brokers_of(request);
  delta.brokers_changed = brokers != before->brokers();
  if (delta.brokers_changed) builder.set_brokers(std::move(brokers));
  builder.set_controller(request.controller_id.value() >= 0 ? std::optional(request.controller_id) : std::nullopt, request.controller_epoch);

  for (const auto& topic : request.topic_states) {
    std::vector<PartitionMetadata> changed;
    std::vector<std::int32_t> deleted;
    changed.reserve(topic.partition_states.size());
    for (const auto& s : topic.partition_states) {
      if (s.leader == kDeleted) {
        deleted.push_back(s.partition_index);
        delta.deleted_partitions.push_back({std::string(topic.topic_name), s.partition_index});
        continue;
      }
      PartitionMetadata p;
      p.partition = s.partition_index;
      p.leader = s.leader;
      p.leader_epoch = s.leader_epoch;
      p.controller_epoch = s.controller_epoch;
      p.partition_epoch = s.zk_version;
      p.replicas = view(s.replicas);
      p.isr = view(s.isr);
      p.offline_replicas = view(s.offline_replicas);
      changed.push_back(p);
    }
    if (!deleted.empty() && builder.remove_partitions(topic.topic_name, deleted)) delta.deleted_topics.emplace_back(topic.topic_name);
    if (!changed.empty()) {
      builder.update_topic(topic.topic_name, topic.topic_id, std::move(changed));
      delta.updated_topics.emplace_back(topic.topic_name);
    }
  }

  auto fresh = builder.build();
  {
    const std::lock_guard lock(mutex_);
    image_ = fresh;
    version_.fetch_add(1, std::memory_order_release);
  }
  for (const auto& listener : listeners_) listener(delta, *fresh);
  wake(*fresh);
  return delta;
}

void MetadataCache::wake(const MetadataImage& image) {
  std::vector<std::shared_ptr<Waiter>> ready;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      if ((*it)->predicate(image)) {
        ready.push_back(*it);
        it = waiters_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const auto& waiter : ready) waiter->satisfied.set();
}

bool MetadataCache::satisfied_or_added(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  if (waiter->predicate(*image_)) return true;
  waiters_.push_back(waiter);
  return false;
}

void MetadataCache::forget(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  waiters_.remove(waiter);
}

Awaitable<bool> MetadataCache::wait_until(std::function<bool(const MetadataImage&)> predicate, Millis timeout) {
  const auto waiter = std::make_shared<Waiter>(std::move(predicate));
  if (timeout <= Millis(0)) co_return waiter->predicate(*image());
  if (satisfied_or_added(waiter)) co_return true;
  const bool satisfied = co_await waiter->satisfied.wait_for(timeout);
  if (!satisfied) forget(waiter);
  co_return satisfied;
}

bool all_leaders_live(const MetadataImage& image, std::string_view topic, std::int32_t count) {
  const auto* t = image.topic(topic);
  if (t == nullptr || t->partitions().size() < static_cast<std::size_t>(count)) return false;
  return std::all_of(t->partitions().begin(), t->partitions().end(),
                     [&](const PartitionMetadata& p) { return p.partition >= count || (p.leader.value() >= 0 && image.broker(p.leader) != nullptr); });
}

Awaitable<bool> MetadataCache::wait_for_leaders(std::string topic, std::int32_t count, Millis timeout) {
  return wait_until([topic = std::move(topic), count](const MetadataImage& image) { return all_leaders_live(image, topic, count); }, timeout);
}

}  // namespace moldau::replication
