#include "replication/partition/topic_metrics.h"

namespace moldau::replication {

TopicMetrics::TopicMetrics(std::string topic) : topic_(std::move(topic)) {
  auto& m = config::metrics();
  bytes_in_ = m.bytes_in.with({topic_});
  bytes_out_ = m.bytes_out.with({topic_});
  bytes_rejected_ = m.bytes_rejected.with({topic_});
  messages_in_ = m.messages_in.with({topic_});
  produce_requests_ = m.total_produce_requests.with({topic_});
  fetch_requests_ = m.total_fetch_requests.with({topic_});
  failed_produce_ = m.failed_produce_requests.with({topic_});
  failed_fetch_ = m.failed_fetch_requests.with({topic_});
  fetch_conversions_ = m.fetch_message_conversions.with({topic_});
}

TopicMetrics::~TopicMetrics() {
  auto& m = config::metrics();
  m.bytes_in.remove({topic_});
  m.bytes_out.remove({topic_});
  m.bytes_rejected.remove({topic_});
  m.messages_in.remove({topic_});
  m.total_produce_requests.remove({topic_});
  m.total_fetch_requests.remove({topic_});
  m.failed_produce_requests.remove({topic_});
  m.failed_fetch_requests.remove({topic_});
  m.fetch_message_conversions.remove({topic_});
}

std::shared_ptr<TopicMetrics> TopicMetricsRegistry::get(std::string_view topic) {
  const std::lock_guard lock(mutex_);
  const auto it = topics_.find(topic);
  if (it != topics_.end())
    if (auto known = it->second.lock()) return known;
  auto made = std::make_shared<TopicMetrics>(std::string(topic));
  topics_.insert_or_assign(std::string(topic), made);
  return made;
}

}  // namespace moldau::replication
