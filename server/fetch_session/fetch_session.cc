#include "server/fetch_session/fetch_session.h"

namespace moldau::server {

FetchSession::Topic* FetchSession::find_topic(std::string_view name, TopicId id) {
  if (uses_topic_ids_) {
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : it->second.get();
  }
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second.get();
}

FetchSession::Partition* FetchSession::find(const SessionKey& key) {
  Topic* topic = find_topic(key.topic, key.id);
  if (topic == nullptr) return nullptr;
  const auto it = topic->partitions.find(key.partition);
  return it == topic->partitions.end() ? nullptr : &it->second;
}

void FetchSession::link_last(Partition& p) noexcept {
  p.previous = last_;
  p.next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = &p;
  last_ = &p;
}

void FetchSession::unlink(Partition& p) noexcept {
  (p.previous == nullptr ? first_ : p.previous->next) = p.next;
  (p.next == nullptr ? last_ : p.next->previous) = p.previous;
  p.previous = p.next = nullptr;
}

void FetchSession::put(const SessionPartition& partition) {
  Topic* topic = find_topic(partition.topic, partition.id);
  if (topic == nullptr) {
    auto made = std::make_unique<Topic>();
    made->name = std::string(partition.topic);
    made->id = partition.id;
    topic = made.get();
    if (uses_topic_ids_) {
      by_id_.emplace(partition.id, std::move(made));
    } else {
      by_name_.emplace(made->name, std::move(made));
    }
  }
  const auto [it, added] = topic->partitions.try_emplace(partition.partition);
  Partition& p = it->second;
  p.position = partition.position;
  if (!added) return;
  p.topic = topic;
  p.index = partition.partition;
  link_last(p);
  ++size_;
}

void FetchSession::forget(const SessionKey& key) {
  Partition* p = find(key);
  if (p == nullptr) return;
  Topic* topic = p->topic;
  unlink(*p);
  --size_;
  topic->partitions.erase(key.partition);
  if (!topic->partitions.empty()) return;
  if (uses_topic_ids_) {
    by_id_.erase(topic->id);
  } else {
    by_name_.erase(by_name_.find(topic->name));
  }
}

bool FetchSession::note(const SessionKey& key, const FetchedState& answered) {
  Partition* p = find(key);
  if (p == nullptr) return true;
  bool news = answered.has_records || answered.diverging || answered.preferred_replica;
  if (p->high_watermark != answered.high_watermark) {
    p->high_watermark = answered.high_watermark;
    news = true;
  }
  if (p->log_start_offset != answered.log_start_offset) {
    p->log_start_offset = answered.log_start_offset;
    news = true;
  }
  if (answered.error != ErrorCode::none) {
    // When the error is gone the partition is news again.
    p->high_watermark = kNoOffset;
    news = true;
  }
  if (news && answered.has_records) {
    unlink(*p);
    link_last(*p);
  }
  return news;
}

}  // namespace moldau::server
