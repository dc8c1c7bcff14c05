// Partitions of a request by topic: an answer names each topic once and, where Kafka 3.9 keeps a map, each partition once, however the request repeats them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/base/arena.h"
#include "protocol/base/ids.h"

namespace moldau::server {

/// A partition's place in an answer: indexes of the topic and, within it, of the partition.
struct Place {
  std::size_t topic = 0;
  std::size_t partition = 0;
};

/// Gives out places in the order of the first mention. Borrows the topics' names.
class Places {
 public:
  /// The partition's place; a new one when it was not asked for before.
  Place of(std::string_view topic, std::int32_t partition) {
    const std::size_t t = index_of(topic);
    const auto [known, added] = partitions_.try_emplace({t, partition}, sizes_[t]);
    if (added) ++sizes_[t];
    return {t, known->second};
  }
  /// A place of its own for each mention.
  Place another(std::string_view topic) {
    const std::size_t t = index_of(topic);
    return {t, sizes_[t]++};
  }
  /// The topic's place, for an answer that shows it without partitions too.
  Place of_topic(std::string_view topic) { return {index_of(topic), 0}; }

 private:
  std::size_t index_of(std::string_view topic) {
    const auto [known, added] = topics_.try_emplace(topic, sizes_.size());
    if (added) sizes_.push_back(0);
    return known->second;
  }

  std::unordered_map<std::string_view, std::size_t> topics_;
  std::vector<std::size_t> sizes_;
  std::map<std::pair<std::size_t, std::int32_t>, std::size_t> partitions_;
};

/// The topic at the place; added when the place is new.
template <class Topics>
auto& topic_at(Arena& arena, Topics& topics, Place place) {
  return place.topic == topics.size() ? topics.add(arena) : topics[place.topic];
}

/// The partition at the place; added when the place is new.
template <class Partitions>
auto& partition_at(Arena& arena, Partitions& partitions, Place place) {
  return place.partition == partitions.size() ? partitions.add(arena) : partitions[place.partition];
}

/// All partitions that `topics` asks for, each once, those of a topic together. `name(topic)`: what the topic is called.
template <class Topics, class Name>
std::vector<TopicPartitionView> each_once(const Topics& topics, Name&& name) {
  Places places;
  std::vector<std::vector<TopicPartitionView>> by_topic;
  std::size_t count = 0;
  for (const auto& topic : topics) {
    for (const std::int32_t partition : topic.partition_indexes) {
      const Place place = places.of(name(topic), partition);
      if (place.topic == by_topic.size()) by_topic.emplace_back();
      auto& those = by_topic[place.topic];
      if (place.partition < those.size()) continue;
      those.emplace_back(name(topic), partition);
      ++count;
    }
  }
  std::vector<TopicPartitionView> all;
  all.reserve(count);
  for (const auto& those : by_topic) all.insert(all.end(), those.begin(), those.end());
  return all;
}

}  // namespace moldau::server
