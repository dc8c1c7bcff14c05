#include "replication/metadata/metadata_cache.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>

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

/// One coroutine that waits for the image to be as it likes. The timer belongs to the coroutine's executor.
struct MetadataCache::Waiter {
  Waiter(Executor e, std::function<bool(const MetadataImage&)> p) : executor(e), timer(std::move(e)), predicate(std::move(p)) {}
  Executor executor;
  boost::asio::steady_timer timer;
  std::function<bool(const MetadataImage&)> predicate;
  std::atomic<bool> satisfied{false};
};

std::optional<std::int32_t> MetadataCache::partition_count(std::string_view topic) const {
  const auto now = image();
  const auto* t = now->topic(topic);
  if (t == nullptr) return std::nullopt;
  return static_cast<std::int32_t>(t->partitions().size());
}

std::optional<LeaderAndEpoch> MetadataCache::leader(TopicPartitionView tp) const {
  const auto now = image();
  const auto* p = now->partition(tp);
  if (p == nullptr) return std::nullopt;
  return LeaderAndEpoch{p->leader, p->leader_epoch};
}

std::optional<TopicId> MetadataCache::topic_id(std::string_view name) const {
  const auto now = image();
  const auto* t = now->topic(name);
  if (t == nullptr || t->id().is_zero()) return std::nullopt;
  return t->id();
}

std::optional<std::string> MetadataCache::topic_name(TopicId id) const {
  const auto now = image();
  const auto* t = now->topic(id);
  if (t == nullptr) return std::nullopt;
  return t->name();
}

std::vector<BrokerId> MetadataCache::alive_brokers() const {
  const auto now = image();
  std::vector<BrokerId> out;
  for (const auto& [id, broker] : now->brokers()) out.push_back(id);
  return out;
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
  for (auto& waiter : ready) {
    waiter->satisfied.store(true);
    boost::asio::post(waiter->executor, [waiter] { waiter->timer.cancel(); });
  }
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
  auto executor = co_await boost::asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(std::move(executor), std::move(predicate));
  if (timeout <= Millis(0)) co_return waiter->predicate(*image());
  if (satisfied_or_added(waiter)) co_return true;
  waiter->timer.expires_after(timeout);
  // A wake-up may have come before the wait began: its cancel() then found nothing to cancel, but its post is still ahead of us or `satisfied` is set.
  if (!waiter->satisfied.load()) {
    boost::system::error_code ignored;  // cancelled: woken
    co_await waiter->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  forget(waiter);
  co_return waiter->satisfied.load();
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
