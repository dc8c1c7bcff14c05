// The identifiers of Kafka's world as strong types.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/base/strong.h"
#include "protocol/base/uuid.h"

namespace moldau {

using Offset = Strong<struct OffsetTag, std::int64_t>;            ///< Record offset in a partition; -1 often means "none".
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;  ///< Kafka's leader epoch; -1 unknown.
using BrokerId = Strong<struct BrokerIdTag, std::int32_t>;        ///< broker.id; -1 none.
using ProducerId = Strong<struct ProducerIdTag, std::int64_t>;    ///< Idempotent or transactional producer; -1 none.
using ProducerEpoch = Strong<struct ProducerEpochTag, std::int16_t>;
using TopicId = Uuid;

inline constexpr Offset kNoOffset{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr BrokerId kNoBroker{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};

/// A partition by topic name, owning its name.
struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// A partition by topic name, borrowing it: the key for look-ups that must not allocate.
struct TopicPartitionView {
  std::string_view topic;
  std::int32_t partition = 0;

  TopicPartitionView() = default;
  TopicPartitionView(std::string_view t, std::int32_t p) : topic(t), partition(p) {}
  TopicPartitionView(const TopicPartition& tp) : topic(tp.topic), partition(tp.partition) {}  // NOLINT(google-explicit-constructor)
  friend auto operator<=>(const TopicPartitionView&, const TopicPartitionView&) = default;
};

/// Transparent hash and equality for unordered containers keyed by TopicPartition.
struct TopicPartitionHash {
  using is_transparent = void;
  std::size_t operator()(TopicPartitionView tp) const noexcept {
    return std::hash<std::string_view>{}(tp.topic) * 31 + static_cast<std::size_t>(tp.partition);
  }
};
struct TopicPartitionEqual {
  using is_transparent = void;
  bool operator()(TopicPartitionView a, TopicPartitionView b) const noexcept { return a == b; }
};

/// Transparent hash for unordered containers keyed by std::string, looked up by std::string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};

/// "topic-partition", as Kafka prints it and names the directory.
std::string to_string(TopicPartitionView tp);

}  // namespace moldau
