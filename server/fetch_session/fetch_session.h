// FetchSession: what one consumer or follower fetches again and again (KIP-227; Kafka 3.9 FetchSession).
//
// A pure structure: no clock, no I/O. The session remembers the partitions with their fetch positions in the order in which they are served; an incremental
// request brings only what changed, an incremental answer only what is news. FetchSessionCache guards it with its lock.
// Invariants:
//   1. Partitions are known by topic id if uses_topic_ids(), else by topic name.
//   2. A partition that gave data goes to the end of the order, so that all are served in turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/base/error_code.h"
#include "protocol/base/ids.h"

namespace moldau::server {

/// What is asked of one partition.
struct FetchPosition {
  Offset fetch_offset{0};
  Offset log_start_offset = kNoOffset;  ///< A follower's own.
  std::int32_t max_bytes = 0;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
};

/// What was answered for one partition, as far as it decides what is news.
struct FetchedState {
  ErrorCode error = ErrorCode::none;
  Offset high_watermark = kNoOffset;
  Offset log_start_offset = kNoOffset;
  bool has_records = false;
  bool diverging = false;
  bool preferred_replica = false;
};

/// Names a partition of a session: by name or by id.
struct SessionKey {
  std::string_view topic;
  TopicId id;
  std::int32_t partition = 0;
};

/// Names a partition to the outside, with its position.
struct SessionPartition {
  std::string_view topic;  ///< Empty: the id is not known (yet).
  TopicId id;
  std::int32_t partition = 0;
  FetchPosition position;
};

class FetchSession {
 public:
  FetchSession(std::int32_t id, bool privileged, bool uses_topic_ids, std::int64_t now_ms)
      : id_(id), privileged_(privileged), uses_topic_ids_(uses_topic_ids), created_ms_(now_ms), last_used_ms_(now_ms) {}
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;

  [[nodiscard]] std::int32_t id() const noexcept { return id_; }
  /// Of a follower.
  [[nodiscard]] bool is_privileged() const noexcept { return privileged_; }
  [[nodiscard]] bool uses_topic_ids() const noexcept { return uses_topic_ids_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::int32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::int64_t created_ms() const noexcept { return created_ms_; }
  [[nodiscard]] std::int64_t last_used_ms() const noexcept { return last_used_ms_; }
  void touch(std::int64_t now_ms) noexcept { last_used_ms_ = now_ms; }
  void advance_epoch() noexcept { epoch_ = next_epoch(epoch_); }
  /// 1, 2, ... 2^31-1, 1, ...
  static std::int32_t next_epoch(std::int32_t epoch) noexcept { return epoch < 0 ? -1 : epoch == INT32_MAX ? 1 : epoch + 1; }

  /// Adds a partition at the end of the order, or gives a known one a new position.
  void put(const SessionPartition& partition);
  void forget(const SessionKey& key);
  /// Partitions in the order in which they are to be served. `f(const SessionPartition&)`; `resolve(TopicId)` gives the name of an id that was unknown so far.
  template <class F, class Resolve>
  void for_each(F&& f, Resolve&& resolve) {
    for (Partition* p = first_; p != nullptr; p = p->next) {
      if (p->topic->name.empty() && uses_topic_ids_) p->topic->name = std::string(resolve(p->topic->id));
      f(SessionPartition{p->topic->name, p->topic->id, p->index, p->position});
    }
  }
  /// Takes note of what is answered; true when the partition belongs into the incremental answer. An unknown partition (forgotten meanwhile) always does.
  bool note(const SessionKey& key, const FetchedState& answered);

 private:
  struct Topic;
  struct Partition {
    Topic* topic = nullptr;
    std::int32_t index = 0;
    FetchPosition position;
    Offset high_watermark = kNoOffset;    // as the client knows it
    Offset log_start_offset = kNoOffset;
    Partition* previous = nullptr;
    Partition* next = nullptr;
  };
  struct Topic {
    std::string name;
    TopicId id;
    std::unordered_map<std::int32_t, Partition> partitions;
  };

  Topic* find_topic(std::string_view name, TopicId id);
  Partition* find(const SessionKey& key);
  void link_last(Partition& p) noexcept;
  void unlink(Partition& p) noexcept;

  const std::int32_t id_;
  const bool privileged_;
  const bool uses_topic_ids_;
  const std::int64_t created_ms_;
  std::int64_t last_used_ms_;
  std::int32_t epoch_ = 1;
  std::size_t size_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Topic>, StringHash, std::equal_to<>> by_name_;
  std::unordered_map<TopicId, std::unique_ptr<Topic>> by_id_;
  Partition* first_ = nullptr;
  Partition* last_ = nullptr;
};

}  // namespace moldau::server
