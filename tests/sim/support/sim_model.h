// The model: what clients were told and what they sent, across the lives of the broker. The broker's state is checked against it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/ids.h"

namespace moldau::sim {

/// The broker did what it must not do.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw Violation(what);
}

/// What a crash may take.
enum class Loss : std::uint8_t {
  nothing_acknowledged,  ///< kill -9, or power loss with flush.messages=1
  unsynced,              ///< power loss with the default flush settings: the tail of a log, never its middle
};

struct SentBatch {
  std::int32_t sequence = -1;
  std::vector<std::string> values;
};

/// One producer's records of one partition.
struct ProducerFlow {
  std::int32_t next_sequence = 0;
  bool established = false;  ///< The partition knows the producer id. Until then one batch at a time: any sequence is good as the first (Kafka's rule).
  std::uint64_t next_value = 0;
  std::deque<SentBatch> unanswered;  ///< To be sent again, in this order.
  std::vector<std::pair<std::int64_t, std::string>> acknowledged;
  std::set<std::string> sent_anew;  ///< Under another producer id: may be there twice.
};

struct ProducerModel {
  std::string name;
  bool idempotent = true;
  std::int16_t acks = -1;
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::map<TopicPartition, ProducerFlow> flows;
};

struct PartitionModel {
  std::map<std::int64_t, std::string> known;  ///< Values by offset, as answers and readers saw them.
  LeaderEpoch leader_epoch{-1};
  std::int64_t read_position = 0;
  std::int64_t commit_sent = -1;
  std::int64_t commit_acknowledged = -1;
  std::int64_t commit_in_doubt = INT64_MAX;  ///< The lowest that was sent in this life without an answer: it may come late and win.

  void learn(std::int64_t offset, const std::string& value, const char* from) {
    const auto [it, fresh] = known.try_emplace(offset, value);
    expect(fresh || it->second == value, std::string(from) + ": offset " + std::to_string(offset) + " holds " + value.substr(0, 24) + ", it held " + it->second.substr(0, 24));
  }
};

struct TopicModel {
  std::int32_t partitions = 1;
  bool created = false;  ///< Acknowledged.
  bool in_doubt = false;  ///< A request of this life to create it may still come.
  bool delete_sent = false;
  bool deleted = false;  ///< Acknowledged.
};

struct GroupModel {
  std::int32_t generation = -1;  ///< The last one that was synced.
  std::int64_t commit_sent = -1;
};

struct Model {
  Loss loss = Loss::nothing_acknowledged;
  std::map<std::string, TopicModel> topics;
  std::map<TopicPartition, PartitionModel> partitions;
  std::vector<ProducerModel> producers;
  GroupModel group;
  std::int32_t controller_epoch = 0;
  std::int64_t broker_epoch = -1;
  // What was done, to see that a simulation did something.
  std::uint64_t acknowledged = 0;
  std::uint64_t read = 0;
  std::uint64_t commits = 0;
  std::uint64_t generations = 0;
  std::uint64_t sessions = 0;
  std::uint64_t fresh_ids = 0;  ///< Producers that lost their place and began with a new id.

  /// A new life of the broker: what was on its way to the old one is gone.
  void begin_life() {
    for (auto& [tp, partition] : partitions) partition.commit_in_doubt = INT64_MAX;
    for (auto& [name, topic] : topics) topic.in_doubt = false;
  }
};

}  // namespace moldau::sim
