// Producers of a simulation: idempotent ones with up to five requests in flight that send again what was not answered, as the Java client does it, and plain ones.
#include <algorithm>

#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/produce.h"
#include "protocol/records/record_batch_builder.h"
#include "tests/sim/support/sim_actors.h"

namespace moldau::sim {
namespace {

constexpr std::size_t kMaxInFlight = 5;
constexpr std::int16_t kProduceVersion = 8;

protocol::ByteBuffer encode_batch(const SentBatch& batch, const ProducerModel& producer, std::int64_t timestamp) {
  protocol::RecordBatchOptions options;
  if (producer.idempotent) {
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    options.base_sequence = batch.sequence;
  }
  protocol::RecordBatchBuilder builder(options);
  for (const auto& value : batch.values) builder.append(timestamp, as_bytes("k"), as_bytes(value));
  return std::move(builder.build().value());
}

bool may_be_sent_again(ErrorCode error) {
  switch (error) {
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::leader_not_available:
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::request_timed_out:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append: return true;
    default: return false;
  }
}

}  // namespace

struct SimActors::InFlight {
  TopicPartition tp;
  std::int32_t sequence = 0;
  std::string first_value;
};

void SimActors::start_anew(ProducerModel& producer) {
  producer.id = kNoProducerId;
  ++model_.fresh_ids;
  for (auto& [tp, flow] : producer.flows) {
    flow.next_sequence = 0;
    flow.established = false;
    for (auto& batch : flow.unanswered) {
      flow.sent_anew.insert(batch.values.begin(), batch.values.end());
      batch.sequence = flow.next_sequence;
      flow.next_sequence += static_cast<std::int32_t>(batch.values.size());
    }
  }
}

Awaitable<bool> SimActors::begin_producing(SimClient& client, ProducerModel& producer) {
  if (!producer.idempotent || producer.id != kNoProducerId) co_return true;
  protocol::InitProducerIdRequest request;
  request.transactional_id.reset();
  const auto answer = co_await client.call(request, 1);
  if (!answer || answer->value.error_code != ErrorCode::none) co_return false;
  for (const auto& other : model_.producers) expect(other.id != answer->value.producer_id, "a producer id was given twice");
  producer.id = answer->value.producer_id;
  producer.epoch = answer->value.producer_epoch;
  co_return true;
}

Awaitable<bool> SimActors::send_batch(SimClient& client, ProducerModel& producer, TopicPartition tp, std::size_t index) {
  const auto bytes = encode_batch(producer.flows[tp].unanswered[index], producer, clock_.wall_ms());
  Arena arena;
  protocol::ProduceRequest request;
  request.acks = producer.acks;
  request.timeout_ms = 10'000;
  auto& topic = request.topic_data.add(arena);
  topic.name = tp.topic;
  auto& partition = topic.partition_data.add(arena);
  partition.index = tp.partition;
  partition.records = protocol::Records(bytes.bytes());
  co_return co_await client.send(request, kProduceVersion);
}

Awaitable<void> SimActors::produce(SimClient& client, ProducerModel& producer) {
  trace(producer.name + " connects");
  if (!(co_await begin_producing(client, producer))) co_return;
  std::deque<InFlight> in_flight;
  std::map<TopicPartition, std::size_t> sent;  // of each flow's unanswered batches, how many went by this connection
  while (!ending_) {
    while (in_flight.size() < kMaxInFlight) {
      TopicPartition tp;
      for (auto& [candidate, flow] : producer.flows)
        if (sent[candidate] < (flow.established ? flow.unanswered.size() : std::min<std::size_t>(1, flow.unanswered.size()))) tp = candidate;
      if (tp.topic.empty()) {
        if (!in_flight.empty() && random_.below(3) == 0) break;
        auto chosen = producer.flows.begin();
        std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(producer.flows.size())));
        tp = chosen->first;
        auto& flow = chosen->second;
        if (!flow.established && !flow.unanswered.empty()) {
          if (in_flight.empty()) throw Violation("a producer has nothing to do");  // its first batch would be in flight
          break;
        }
        SentBatch batch;
        batch.sequence = flow.next_sequence;
        const auto count = 1 + random_.below(4);
        for (std::uint64_t i = 0; i < count; ++i)
          batch.values.push_back(producer.name + ":" + std::to_string(flow.next_value++) + ":" + std::string(random_.below(random_.below(10) == 0 ? 1'500 : 200), '.'));
        flow.next_sequence += static_cast<std::int32_t>(count);
        flow.unanswered.push_back(std::move(batch));
      }
      const auto index = sent[tp]++;
      const auto& batch = producer.flows[tp].unanswered[index];
      in_flight.push_back({tp, batch.sequence, batch.values.front()});
      trace(producer.name + " sends to " + to_string(tp) + " sequence " + std::to_string(batch.sequence) + ", " + std::to_string(batch.values.size()) + " records");
      if (!(co_await send_batch(client, producer, tp, index))) co_return;
    }
    const auto answer = co_await client.receive<protocol::ProduceRequest>(kProduceVersion);
    if (!answer) co_return;
    const auto& partition = answer->value.responses[0].partition_responses[0];
    const auto done = in_flight.front();
    in_flight.pop_front();
    if (!take_answer(producer, done, partition.error_code, partition.base_offset.value())) co_return;
    --sent[done.tp];
    if (random_.below(4) == 0) co_await pause(random_.below(20) == 0 ? 2'000 : 30);
  }
}

bool SimActors::take_answer(ProducerModel& producer, const InFlight& sent, ErrorCode error, std::int64_t base_offset) {
  auto& flow = producer.flows[sent.tp];
  const auto what = producer.name + " to " + to_string(sent.tp) + ", sequence " + std::to_string(sent.sequence);
  trace(what + ": " + std::string(to_string(error)) + " at " + std::to_string(base_offset));
  if (may_be_sent_again(error)) return false;
  if (error == ErrorCode::out_of_order_sequence_number || error == ErrorCode::unknown_producer_id) {
    // A producer's snapshot keeps its last batch only (Kafka's format): when a start reads one that was written between the batches in flight, those before
    // the last can't be told from lost ones. Java's producer goes on with a new epoch then. With one in flight this can't be.
    expect(model_.loss == Loss::unsynced || flow.unanswered.size() > 1, what + ": " + std::string(to_string(error)) + " although nothing before it is missing");
    start_anew(producer);
    return false;
  }
  expect(error == ErrorCode::none || error == ErrorCode::duplicate_sequence_number, what + ": " + std::string(to_string(error)));
  expect(!flow.unanswered.empty() && flow.unanswered.front().values.front() == sent.first_value, what + ": answered out of turn");
  auto& known = model_.partitions[sent.tp];
  const auto batch = std::move(flow.unanswered.front());
  flow.unanswered.pop_front();
  flow.established = true;
  if (error == ErrorCode::duplicate_sequence_number) return true;
  for (const auto& value : batch.values) {
    known.learn(base_offset, value, "a produce answer");
    flow.acknowledged.emplace_back(base_offset++, value);
    ++model_.acknowledged;
  }
  return true;
}

}  // namespace moldau::sim
