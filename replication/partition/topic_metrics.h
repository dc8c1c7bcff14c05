// TopicMetrics: the traffic counters of one topic, beside those of the whole broker (Kafka 3.9 BrokerTopicStats).
//
// Shared by the partitions of a topic, so that the hot path never looks a label up. Counting is per-thread and lock-free.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/metric_handles.h"
#include "protocol/base/ids.h"

namespace moldau::replication {

class TopicMetrics {
 public:
  explicit TopicMetrics(std::string topic);
  TopicMetrics(const TopicMetrics&) = delete;
  TopicMetrics& operator=(const TopicMetrics&) = delete;
  ~TopicMetrics();

  void count_produce_request() const {
    config::metrics().total_produce_requests.add();
    produce_requests_.add();
  }
  void count_failed_produce() const {
    config::metrics().failed_produce_requests.add();
    failed_produce_.add();
  }
  void count_appended(std::uint64_t bytes, std::uint64_t records) const {
    config::metrics().bytes_in.add(bytes);
    config::metrics().messages_in.add(records);
    bytes_in_.add(bytes);
    messages_in_.add(records);
  }
  void count_rejected(std::uint64_t bytes) const {
    config::metrics().bytes_rejected.add(bytes);
    bytes_rejected_.add(bytes);
  }
  void count_fetch_request() const {
    config::metrics().total_fetch_requests.add();
    fetch_requests_.add();
  }
  void count_failed_fetch() const {
    config::metrics().failed_fetch_requests.add();
    failed_fetch_.add();
  }
  void count_fetched(std::uint64_t bytes) const {
    config::metrics().bytes_out.add(bytes);
    bytes_out_.add(bytes);
  }
  void count_fetch_conversion() const {
    config::metrics().fetch_message_conversions.add();
    fetch_conversions_.add();
  }

 private:
  const std::string topic_;
  config::Counter bytes_in_, bytes_out_, bytes_rejected_, messages_in_;
  config::Counter produce_requests_, fetch_requests_, failed_produce_, failed_fetch_, fetch_conversions_;
};

/// Hands out one TopicMetrics a topic; a topic's series end with its last partition. Thread-safe.
class TopicMetricsRegistry {
 public:
  std::shared_ptr<TopicMetrics> get(std::string_view topic);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<TopicMetrics>, StringHash, std::equal_to<>> topics_;
};

}  // namespace moldau::replication
