// FetchSessionCache: all fetch sessions of the broker (Kafka 3.9 FetchManager, FetchSessionCache, FetchSessionCacheShard).
//
// Sessions are spread over shards by their id; a shard's lock is short and never held across co_await: begin() copies what is to be read into the request's
// arena, finish() takes note of what is answered. Two requests with one session cannot both pass the epoch check.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/metrics.h"
#include "protocol/base/arena.h"
#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "server/fetch_session/fetch_session.h"

namespace moldau::protocol {
struct FetchRequest;
}
namespace moldau::replication {
class MetadataImage;
}

namespace moldau::server {

/// One Fetch with regard to its session.
struct FetchContext {
  enum class Kind : std::uint8_t { sessionless, full, incremental };

  ErrorCode error = ErrorCode::none;  ///< Top-level: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
  Kind kind = Kind::sessionless;
  std::int32_t session_id = 0;
  std::int32_t expected_epoch = 0;       ///< incremental: the session's epoch while this request is served
  bool privileged = false;
  bool uses_topic_ids = false;
  Array<SessionPartition> partitions;    ///< To be read, in this order. Texts live in the arena, the frame or the image given.
};

class FetchSessionCache {
 public:
  static constexpr std::size_t kShards = 8;
  static constexpr std::int64_t kEvictionMs = 120'000;  // MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS

  /// `slots`: max.incremental.fetch.session.cache.slots. With few slots there is one shard.
  FetchSessionCache(std::int32_t slots, Clock& clock, Random& random);
  FetchSessionCache(const FetchSessionCache&) = delete;
  FetchSessionCache& operator=(const FetchSessionCache&) = delete;

  /// Decides what the request is about and which partitions are to be read. `image` names topic ids and must live as long as the context.
  FetchContext begin(const protocol::FetchRequest& request, std::int16_t version, bool from_follower, const replication::MetadataImage& image, Arena& arena);
  /// Takes the outcome of all partitions of the context, in its order. Gives the session id of the answer, and in `include` (same size) which partitions go into
  /// it. The context's error is set to INVALID_FETCH_SESSION_EPOCH when the session went on meanwhile.
  std::int32_t finish(FetchContext& context, std::span<const FetchedState> answered, std::span<bool> include);

  [[nodiscard]] std::size_t sessions() const;
  [[nodiscard]] std::size_t cached_partitions() const;

 private:
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::int32_t, std::unique_ptr<FetchSession>> sessions;
    std::size_t max_entries = 0;
    std::int32_t first_id = 1;
    std::int32_t last_id = INT32_MAX;
  };

  Shard& shard_of(std::int32_t session_id);
  std::int32_t create(const FetchContext& context, std::span<const FetchedState> answered);
  bool make_room(Shard& shard, bool privileged, std::size_t size, std::int64_t now_ms);
  void evict(Shard& shard, std::int32_t id);

  Clock& clock_;
  Random& random_;
  std::int32_t id_range_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<std::uint32_t> next_shard_{0};
  std::vector<config::MetricFamilyBase::Registration> gauges_;
};

}  // namespace moldau::server
