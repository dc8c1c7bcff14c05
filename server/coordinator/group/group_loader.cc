#include "server/coordinator/group/group_loader.h"

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/control_record.h"

namespace moldau::server {

namespace {
/// Names of groups are a client's: enough of them to find the record.
constexpr std::size_t kMaxKindsSaid = 100;
}  // namespace

std::optional<Offset> GroupLoader::feed(Bytes data) {
  std::optional<Offset> next;
  protocol::BatchCursor cursor(data);
  while (const auto batch = cursor.next()) {
    on_batch(*batch);
    next = batch->next_offset();
  }
  return next;
}

void GroupLoader::on_batch(const protocol::AnyBatch& batch) {
  if (batch.is_control_batch()) {
    on_marker(batch);
    return;
  }
  auto records = protocol::DeepRecords::open(batch);
  if (!records) {
    skip(fmt::format("a batch that can't be read ({})", records.error().message));
    return;
  }
  const ProducerId producer = batch.is_transactional() ? batch.producer_id() : kNoProducerId;
  std::optional<std::int64_t> first_offset;
  protocol::RecordView record;
  while (records->next(record)) {
    ++records_;
    if (!first_offset) first_offset = record.offset.value();
    if (!record.key) {
      skip("a record without key");
      continue;
    }
    const auto key = read_key(*record.key);
    if (const auto* offset = std::get_if<OffsetKey>(&key)) {
      on_offset(*offset, record, producer, *first_offset);
    } else if (const auto* group = std::get_if<GroupKey>(&key)) {
      on_group(*group, record);
    } else if (const auto* unknown = std::get_if<UnknownKey>(&key)) {
      skip(fmt::format("records of key version {}", unknown->version));
    } else {
      skip("a broken key");
    }
  }
  if (records->failed()) skip(fmt::format("the rest of a batch that can't be read ({})", records->error().message));
}

void GroupLoader::on_marker(const protocol::AnyBatch& batch) {
  const ProducerId producer = batch.producer_id();
  auto records = protocol::DeepRecords::open(batch);
  protocol::RecordView record;
  if (!records || !records->next(record)) {
    // Compaction leaves empty control batches behind; their transaction has ended before.
    pending_.erase(producer);
    return;
  }
  const auto type = protocol::parse_control_record_type(record);
  const auto at = pending_.find(producer);
  if (at == pending_.end()) return;
  if (type && *type == protocol::ControlRecordType::commit) {
    for (auto& [group, offsets] : at->second) {
      auto& of_group = entry(group).offsets;
      for (auto& [tp, offset] : offsets) {
        const auto* current = of_group.find(tp);
        if (current == nullptr || current->record_offset < offset.record_offset) of_group.load(tp, std::move(offset));
      }
    }
  }
  pending_.erase(at);
}

void GroupLoader::on_offset(const OffsetKey& key, const protocol::RecordView& record, ProducerId producer, std::int64_t batch_offset) {
  const TopicPartitionView tp(key.topic, key.partition);
  const bool transactional = producer != kNoProducerId;
  if (!record.value) {
    if (transactional) {
      if (const auto groups = pending_.find(producer); groups != pending_.end()) {
        if (const auto offsets = groups->second.find(std::string(key.group)); offsets != groups->second.end())
          offsets->second.erase(TopicPartition{std::string(key.topic), key.partition});
      }
    } else if (const auto at = loaded_.groups.find(key.group); at != loaded_.groups.end()) {
      at->second.offsets.unload(tp);
    }
    return;
  }
  auto offset = read_offset_value(*record.value);
  if (!offset) {
    skip(fmt::format("the offset of group {} for {}", key.group, tp));
    return;
  }
  offset->record_offset = batch_offset;
  if (transactional) {
    pending_[producer][std::string(key.group)].insert_or_assign(TopicPartition{std::string(key.topic), key.partition}, std::move(*offset));
  } else {
    entry(key.group).offsets.load(tp, std::move(*offset));
  }
}

void GroupLoader::on_group(const GroupKey& key, const protocol::RecordView& record) {
  if (!record.value) {
    // Its offsets have tombstones of their own; those written since belong to the next group of that name.
    if (const auto at = loaded_.groups.find(key.group); at != loaded_.groups.end()) at->second.metadata.reset();
    return;
  }
  auto stored = read_group_value(*record.value);
  if (!stored) {
    skip(fmt::format("the state of group {}", key.group));
    return;
  }
  entry(key.group).metadata = std::move(stored);
}

LoadedGroups::Entry& GroupLoader::entry(std::string_view group) {
  const auto at = loaded_.groups.find(group);
  if (at != loaded_.groups.end()) return at->second;
  return loaded_.groups.emplace(std::string(group), LoadedGroups::Entry{}).first->second;
}

void GroupLoader::skip(std::string what) {
  if (skipped_.size() >= kMaxKindsSaid) return;
  const auto [said, fresh] = skipped_.insert(std::move(what));
  if (fresh) MOLDAU_LOG(group, warn, "loading __consumer_offsets-{}: skipping {}", partition_, *said);
}

LoadedGroups GroupLoader::finish() {
  for (auto& [producer, groups] : pending_) {
    for (auto& [group, offsets] : groups) {
      if (offsets.empty()) continue;
      auto& of_group = entry(group);
      of_group.producers.insert(producer);
      for (auto& [tp, offset] : offsets) of_group.offsets.load_transactional(producer, tp, std::move(offset));
    }
  }
  pending_.clear();
  // A group whose record is gone and whose offsets are gone is no group.
  for (auto at = loaded_.groups.begin(); at != loaded_.groups.end();) {
    at = !at->second.metadata && at->second.offsets.empty() ? loaded_.groups.erase(at) : std::next(at);
  }
  return std::move(loaded_);
}

}  // namespace moldau::server
