// What must hold after each start of the broker: metadata, logs and the clients' memory agree.
#include <cstdlib>

#include "protocol/records/record_batch.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/partition/replica_manager.h"
#include "replication/store/znodes.h"
#include "server/handlers/request_context.h"
#include "server/sync_wait.h"
#include "storage/io/read_slice.h"
#include "storage/log/log.h"
#include "tests/sim/support/sim_life.h"

namespace moldau::sim {
namespace {

namespace znodes = replication::znodes;

/// Blocks for one answer of the store.
template <class T>
T ask(SimTime& time, Awaitable<T> work) {
  return server::sync_wait(Executor(time.context().get_executor()), std::move(work));
}

std::vector<std::byte> bytes_of(const storage::FileSlice& slice) {
  std::vector<std::byte> out(slice.size);
  const auto got = storage::read_slice(slice, out);
  out.resize(got ? *got : 0);
  return out;
}

struct StoredRecord {
  std::int64_t offset = 0;
  std::string value;
};

/// All records of a log, whose batches must be whole, in order and of epochs that never go back.
std::vector<StoredRecord> read_log(const TopicPartition& tp, const storage::Log& log) {
  std::vector<StoredRecord> records;
  Offset next = log.log_start_offset();
  LeaderEpoch epoch{0};
  while (next < log.log_end_offset()) {
    const auto data = log.read(next, 1 << 20, storage::FetchIsolation::log_end, true);
    expect(data.has_value(), to_string(tp) + " can't be read at " + std::to_string(next.value()));
    const auto bytes = bytes_of(data->slice);
    expect(!bytes.empty(), to_string(tp) + " has nothing at " + std::to_string(next.value()));
    for (std::size_t at = 0; at < bytes.size();) {
      const auto batch = protocol::RecordBatchView::open(Bytes(bytes).subspan(at));
      expect(batch.has_value() && batch->is_valid(), to_string(tp) + " is damaged at " + std::to_string(next.value()));
      expect(batch->base_offset() == next, to_string(tp) + " has a gap before " + std::to_string(batch->base_offset().value()));
      expect(batch->partition_leader_epoch() >= epoch, to_string(tp) + ": the epoch of a batch goes back at " + std::to_string(next.value()));
      epoch = batch->partition_leader_epoch();
      auto cursor = batch->records();
      protocol::RecordView record;
      while (cursor.next(record)) records.push_back({record.offset.value(), std::string(record.value ? as_string(*record.value) : std::string_view())});
      next = batch->next_offset();
      at += batch->size_in_bytes();
    }
  }
  return records;
}

/// "p1:42:..." is 42.
std::uint64_t number_of(const std::string& value) { return std::strtoull(value.c_str() + value.find(':') + 1, nullptr, 10); }

/// Each record of an idempotent producer once, in the order of its numbers, from the first on.
void check_exactly_once(const TopicPartition& tp, const ProducerModel& producer, const ProducerFlow& flow, const std::vector<StoredRecord>& records) {
  std::uint64_t next = 0;
  for (const auto& record : records) {
    if (!record.value.starts_with(producer.name + ":")) continue;
    const auto expected = producer.name + ":" + std::to_string(next) + ":";
    if (!record.value.starts_with(expected) && flow.sent_anew.contains(record.value) && number_of(record.value) < next) continue;
    expect(record.value.starts_with(expected), to_string(tp) + " at " + std::to_string(record.offset) + " has " + record.value.substr(0, 16) + ", next is " + expected);
    ++next;
  }
  expect(next >= flow.acknowledged.size(), to_string(tp) + " has " + std::to_string(next) + " records of " + producer.name + ", " + std::to_string(flow.acknowledged.size()) +
                                               " were acknowledged");
  expect(next <= flow.next_value, to_string(tp) + " has records that " + producer.name + " never sent");
}

}  // namespace

void SimWorld::check(Life& life) {
  check_metadata(life);
  const auto& services = life.broker->services();
  for (auto& [tp, partition] : model_.partitions) {
    const auto topic = model_.topics.find(tp.topic);
    const auto log = services.replicas->leader_log(tp);
    expect(log || !topic->second.created, "the acknowledged " + to_string(tp) + " has no leader");
    if (log) check_partition(tp, *log);
  }
}

void SimWorld::check_metadata(Life& life) {
  const auto& services = life.broker->services();
  auto& store = *life.store;
  const auto topics = ask(time_, store.children("/brokers/topics"));
  expect(topics.has_value(), "no /brokers/topics");

  // All that the tree names comes to have its leader here.
  std::vector<TopicPartition> named;
  for (const auto& name : *topics) {
    const auto node = ask(time_, store.get(znodes::topic_path(name)));
    if (!node) continue;  // its deletion goes on
    const auto topic = znodes::decode_topic(node->data);
    expect(topic.has_value(), "the node of topic " + name + " can't be read");
    for (const auto& [number, replicas] : topic->partitions) named.push_back(TopicPartition{name, number});
    const auto known = model_.topics.find(name);
    if (known == model_.topics.end()) continue;
    expect(!known->second.deleted, "topic " + name + " is there again after its deletion was acknowledged");
    expect(static_cast<std::int32_t>(topic->partitions.size()) == known->second.partitions, "topic " + name + " has " + std::to_string(topic->partitions.size()) + " partitions");
  }
  for (const auto& [name, topic] : model_.topics)
    if (topic.created && !topic.delete_sent)
      expect(std::find(topics->begin(), topics->end(), name) != topics->end(), "topic " + name + " is gone although its creation was acknowledged");
  const auto led = [&] {
    return std::all_of(named.begin(), named.end(), [&](const TopicPartition& tp) {
      const auto known = model_.topics.find(tp.topic);
      return (known != model_.topics.end() && known->second.delete_sent) || services.replicas->leader_log(tp) != nullptr;
    });
  };
  time_.run_until(led, std::chrono::seconds(30), "every partition of the tree has its leader");

  for (const auto& tp : named) {
    const auto state_node = ask(time_, store.get(znodes::state_path(tp.topic, tp.partition)));
    const auto log = services.replicas->leader_log(tp);
    if (!state_node || !log) continue;  // being deleted
    const auto state = znodes::decode_state(state_node->data);
    expect(state.has_value() && state->leader == BrokerId(1), "the state of " + to_string(tp) + " names another leader");
    const auto partition = services.replicas->partition(tp);
    expect(partition && partition->leader_epoch() == state->leader_epoch, to_string(tp) + ": the partition's leader epoch is not the node's");
    if (const auto known = model_.partitions.find(tp); known != model_.partitions.end()) {
      expect(state->leader_epoch >= known->second.leader_epoch, "the leader epoch of " + to_string(tp) + " went back");
      known->second.leader_epoch = state->leader_epoch;
    }
    const auto topic = znodes::decode_topic(ask(time_, store.get(znodes::topic_path(tp.topic)))->data);
    expect(topic.has_value() && log->topic_id() == topic->topic_id, to_string(tp) + ": the log's topic id is not the node's");
  }

  const auto epoch = ask(time_, store.get("/controller_epoch"));
  const auto controller_epoch = epoch ? znodes::decode_epoch(epoch->data) : Result<std::int32_t>(0);
  expect(controller_epoch.has_value() && *controller_epoch > model_.controller_epoch, "the controller epoch did not rise");
  model_.controller_epoch = *controller_epoch;
  const auto registered = ask(time_, store.exists(znodes::broker_path(BrokerId(1))));
  expect(registered.has_value() && registered->czxid > model_.broker_epoch, "the broker epoch did not rise");
  model_.broker_epoch = registered->czxid;
}

void SimWorld::check_partition(const TopicPartition& tp, const storage::Log& log) {
  const auto at = log.offsets();
  expect(at.log_start <= at.high_watermark && at.high_watermark <= at.log_end, to_string(tp) + ": the high watermark is outside of the log");
  expect(at.last_stable <= at.high_watermark, to_string(tp) + ": the last stable offset is beyond the high watermark");
  const auto records = read_log(tp, log);
  auto& known = model_.partitions[tp].known;
  const auto end = at.log_end.value();
  if (model_.loss == Loss::unsynced) {
    // The tail may be gone; what comes in its place is new.
    known.erase(known.lower_bound(end), known.end());
  } else if (!known.empty()) {
    expect(known.rbegin()->first < end, to_string(tp) + " ends at " + std::to_string(end) + ", but a client knows offset " + std::to_string(known.rbegin()->first));
  }
  std::map<std::int64_t, const std::string*> stored;
  for (const auto& record : records) stored[record.offset] = &record.value;
  for (const auto& [offset, value] : known) {
    const auto it = stored.find(offset);
    expect(it != stored.end() && *it->second == value, to_string(tp) + " at " + std::to_string(offset) + " does not hold what was acknowledged: " + value.substr(0, 24));
  }
  if (model_.loss == Loss::unsynced) return;
  for (const auto& producer : model_.producers)
    if (producer.idempotent) check_exactly_once(tp, producer, producer.flows.at(tp), records);
}

}  // namespace moldau::sim
