#include "server/fetch_session/fetch_session_cache.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "config/metric_handles.h"
#include "protocol/messages/fetch.h"
#include "replication/metadata/metadata_image.h"

namespace moldau::server {

namespace {

constexpr std::int32_t kNoSession = 0;
constexpr std::int32_t kInitialEpoch = 0;
constexpr std::int32_t kFinalEpoch = -1;
constexpr std::int16_t kFirstWithTopicIds = 13;

/// Of a partition that is asked for more than once the last wish counts, in the place of the first (the oracle keeps them in a linked map).
void drop_duplicates(Array<SessionPartition>& partitions, Arena& arena) {
  const std::size_t n = partitions.size();
  if (n < 2) return;
  Array<std::uint32_t> order(arena, n);
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(i);
  const auto key = [&](std::uint32_t i) {
    const SessionPartition& p = partitions[i];
    return std::tuple(p.partition, p.id, p.topic);
  };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return std::pair(key(a), a) < std::pair(key(b), b); });
  bool any = false;
  for (std::size_t i = 1; i < n; ++i) any = any || key(order[i]) == key(order[i - 1]);
  if (!any) return;
  Array<bool> dropped(arena, n);
  for (std::size_t i = 0; i < n;) {
    const std::uint32_t first = order[i];
    for (++i; i < n && key(order[i]) == key(first); ++i) {
      partitions[first].position = partitions[order[i]].position;
      dropped[order[i]] = true;
    }
  }
  Array<SessionPartition> kept;
  for (std::size_t i = 0; i < n; ++i)
    if (!dropped[i]) kept.push_back(arena, partitions[i]);
  partitions = kept;
}

/// Calls `f(SessionPartition)` for each partition of the request.
template <class F>
void for_each_requested(const protocol::FetchRequest& request, bool ids, const replication::MetadataImage& image, F&& f) {
  for (const auto& topic : request.topics) {
    SessionPartition p;
    p.topic = topic.topic;
    if (ids) {
      p.id = topic.topic_id;
      const auto* known = image.topic(topic.topic_id);
      p.topic = known != nullptr ? std::string_view(known->name()) : std::string_view();
    }
    for (const auto& partition : topic.partitions) {
      p.partition = partition.partition;
      p.position.fetch_offset = partition.fetch_offset;
      p.position.log_start_offset = partition.log_start_offset;
      p.position.max_bytes = partition.partition_max_bytes;
      p.position.current_leader_epoch = partition.current_leader_epoch;
      p.position.last_fetched_epoch = partition.last_fetched_epoch;
      f(p);
    }
  }
}

}  // namespace

FetchSessionCache::FetchSessionCache(std::int32_t slots, Clock& clock, Random& random) : clock_(clock), random_(random) {
  // Fewer slots than shards would leave shards without any.
  const std::size_t count = slots < static_cast<std::int32_t>(kShards) ? 1 : kShards;
  id_range_ = INT32_MAX / static_cast<std::int32_t>(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto shard = std::make_unique<Shard>();
    shard->max_entries = static_cast<std::size_t>(std::max(0, slots)) / count;
    shard->first_id = std::max(1, static_cast<std::int32_t>(i) * id_range_);
    shard->last_id = static_cast<std::int32_t>(i + 1 == count ? INT32_MAX : static_cast<std::int32_t>(i + 1) * id_range_ - 1);
    shards_.push_back(std::move(shard));
  }
  auto& m = config::metrics();
  gauges_.push_back(m.fetch_sessions.register_callback([this](const config::Emit& emit) { emit({}, static_cast<double>(sessions())); }));
  gauges_.push_back(m.fetch_session_partitions.register_callback([this](const config::Emit& emit) { emit({}, static_cast<double>(cached_partitions())); }));
}

FetchSessionCache::Shard& FetchSessionCache::shard_of(std::int32_t session_id) {
  const auto index = static_cast<std::size_t>(std::max(0, session_id) / id_range_);
  return *shards_[std::min(index, shards_.size() - 1)];
}

void FetchSessionCache::evict(Shard& shard, std::int32_t id) {
  shard.sessions.erase(id);
  config::metrics().fetch_session_evictions.add();
}

FetchContext FetchSessionCache::begin(const protocol::FetchRequest& request, std::int16_t version, bool from_follower,
                                      const replication::MetadataImage& image, Arena& arena) {
  FetchContext context;
  context.privileged = from_follower;
  context.uses_topic_ids = version >= kFirstWithTopicIds;
  const bool full = request.session_epoch == kInitialEpoch || request.session_epoch == kFinalEpoch;
  if (full) {
    if (request.session_id != kNoSession) {
      Shard& shard = shard_of(request.session_id);
      const std::lock_guard lock(shard.mutex);
      shard.sessions.erase(request.session_id);
    }
    context.kind = request.session_epoch == kFinalEpoch ? FetchContext::Kind::sessionless : FetchContext::Kind::full;
    for_each_requested(request, context.uses_topic_ids, image, [&](const SessionPartition& p) { context.partitions.push_back(arena, p); });
    drop_duplicates(context.partitions, arena);
    return context;
  }

  Shard& shard = shard_of(request.session_id);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.sessions.find(request.session_id);
  if (it == shard.sessions.end()) {
    context.error = ErrorCode::fetch_session_id_not_found;
    return context;
  }
  FetchSession& session = *it->second;
  if (session.epoch() != request.session_epoch) {
    context.error = ErrorCode::invalid_fetch_session_epoch;
    return context;
  }
  if (session.uses_topic_ids() != context.uses_topic_ids) {
    context.error = ErrorCode::fetch_session_topic_id_error;
    return context;
  }
  for_each_requested(request, context.uses_topic_ids, image, [&](const SessionPartition& p) { session.put(p); });
  for (const auto& topic : request.forgotten_topics_data)
    for (const std::int32_t partition : topic.partitions) session.forget(SessionKey{topic.topic, topic.topic_id, partition});
  if (session.size() == 0) {
    shard.sessions.erase(it);
    context.kind = FetchContext::Kind::sessionless;
    return context;
  }
  session.touch(clock_.wall_ms());
  session.advance_epoch();
  context.kind = FetchContext::Kind::incremental;
  context.session_id = session.id();
  context.expected_epoch = session.epoch();
  context.partitions.reserve(arena, session.size());
  // One copy of the name a topic, as long as its partitions stand together.
  std::string_view in_session;
  std::string_view copy;
  session.for_each(
      [&](SessionPartition p) {
        if (p.topic.data() != in_session.data()) {
          in_session = p.topic;
          copy = arena.dup(p.topic);
        }
        p.topic = copy;
        context.partitions.push_back(arena, p);
      },
      [&](TopicId id) {
        const auto* known = image.topic(id);
        return known != nullptr ? std::string_view(known->name()) : std::string_view();
      });
  return context;
}

std::int32_t FetchSessionCache::finish(FetchContext& context, std::span<const FetchedState> answered, std::span<bool> include) {
  std::fill(include.begin(), include.end(), true);
  switch (context.kind) {
    case FetchContext::Kind::sessionless:
      return kNoSession;
    case FetchContext::Kind::full:
      return create(context, answered);
    case FetchContext::Kind::incremental:
      break;
  }
  Shard& shard = shard_of(context.session_id);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.sessions.find(context.session_id);
  // Evicted meanwhile: this answer still goes out as it is, the next request learns of it.
  if (it == shard.sessions.end()) return context.session_id;
  FetchSession& session = *it->second;
  if (session.epoch() != context.expected_epoch) {
    context.error = ErrorCode::invalid_fetch_session_epoch;
    return context.session_id;
  }
  for (std::size_t i = 0; i < answered.size(); ++i) {
    const SessionPartition& p = context.partitions[i];
    include[i] = session.note(SessionKey{p.topic, p.id, p.partition}, answered[i]);
  }
  return context.session_id;
}

std::int32_t FetchSessionCache::create(const FetchContext& context, std::span<const FetchedState> answered) {
  const std::int64_t now = clock_.wall_ms();
  Shard& shard = *shards_[next_shard_.fetch_add(1, std::memory_order_relaxed) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  if (shard.sessions.size() >= shard.max_entries && !make_room(shard, context.privileged, context.partitions.size(), now)) return kNoSession;
  std::int32_t id = 0;
  const auto range = static_cast<std::uint64_t>(shard.last_id - shard.first_id) + 1;
  do {
    id = shard.first_id + static_cast<std::int32_t>(random_.below(range));
  } while (id == kNoSession || shard.sessions.contains(id));
  auto session = std::make_unique<FetchSession>(id, context.privileged, context.uses_topic_ids, now);
  for (std::size_t i = 0; i < answered.size(); ++i) {
    const SessionPartition& p = context.partitions[i];
    session->put(p);
    FetchedState state = answered[i];
    state.has_records = false;  // the order stays that of the request
    session->note(SessionKey{p.topic, p.id, p.partition}, state);
  }
  shard.sessions.emplace(id, std::move(session));
  return id;
}

bool FetchSessionCache::make_room(Shard& shard, bool privileged, std::size_t size, std::int64_t now_ms) {
  const FetchSession* oldest = nullptr;
  const FetchSession* cheapest = nullptr;
  const auto cheaper = [](const FetchSession& a, const FetchSession& b) {
    if (a.is_privileged() != b.is_privileged()) return b.is_privileged();
    if (a.size() != b.size()) return a.size() < b.size();
    return a.id() < b.id();
  };
  for (const auto& [id, session] : shard.sessions) {
    if (oldest == nullptr || session->last_used_ms() < oldest->last_used_ms()) oldest = session.get();
    // A follower pushes out any consumer; else a session is safe in its first two minutes (as of when it was last used).
    const bool aged = session->last_used_ms() - session->created_ms() > kEvictionMs;
    if (!aged && !(privileged && !session->is_privileged())) continue;
    if (cheapest == nullptr || cheaper(*session, *cheapest)) cheapest = session.get();
  }
  if (oldest == nullptr) return false;
  if (now_ms - oldest->last_used_ms() > kEvictionMs) {
    evict(shard, oldest->id());
    return true;
  }
  if (cheapest == nullptr) return false;
  // The newcomer must be worth more than the cheapest.
  if (privileged != cheapest->is_privileged() ? !privileged : size <= cheapest->size()) return false;
  evict(shard, cheapest->id());
  return true;
}

std::size_t FetchSessionCache::sessions() const {
  std::size_t n = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    n += shard->sessions.size();
  }
  return n;
}

std::size_t FetchSessionCache::cached_partitions() const {
  std::size_t n = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    for (const auto& [id, session] : shard->sessions) n += session->size();
  }
  return n;
}

}  // namespace moldau::server
