// Simulation: idempotent producers write to one broker that loses power or is killed again and again. One seed decides everything.
//
// The broker is the real storage and replication code on SimDisk and ManualClock. Two worlds:
//   power loss  flush.messages=1; at some write the machine stops, unsynced pages are lost or torn
//   kill -9     default configuration; the process dies between two requests or in the middle of one, the page cache stays
// After each restart, per partition and producer: every acknowledged record is there once, in order, with the offsets that were acknowledged; at most the one
// batch whose answer never came is there beyond them. LSO <= HW <= LEO, leader epochs never go back.
//
//   MOLDAU_SIM_LOG=1   with the broker's log
//   MOLDAU_SIM_SEED=n   only this seed          MOLDAU_SIM_COUNT=n   this many seeds, from 1 or MOLDAU_SIM_SEED on
#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>

#include "protocol/base/log.h"
#include "protocol/records/record_batch.h"
#include "tests/unit/replication/partition/local_broker.h"

using namespace moldau;
using namespace moldau::replication;
using namespace moldau::replication::testing;

namespace {

constexpr std::int32_t kPartitions = 3;
constexpr std::int64_t kProducers = 3;

/// One producer's view of one partition, as an idempotent client has it with one batch in flight.
struct ProducerModel {
  std::int32_t next_sequence = 0;
  std::vector<std::pair<Offset, std::string>> acknowledged;
  std::optional<std::vector<std::string>> unanswered;  ///< Sent, no answer: to be sent again with the same sequence.
};

class World {
 public:
  World(std::uint64_t seed, bool power_loss) : power_loss_(power_loss), random_(make_seeded_random(seed)), disk_(seed, &clock_) {
    // The log directory itself was made by the operator long ago.
    REQUIRE(disk_.make_directory("/data", true).has_value());
    REQUIRE(disk_.sync_directory("/").has_value());
    if (power_loss_) config_.flush_messages = 1;
    config_.segment_bytes = static_cast<std::int32_t>(2'000 + random_->below(20'000));
    config_.index_interval_bytes = static_cast<std::int32_t>(100 + random_->below(1000));
    config_.segment_index_bytes = 1000;
  }

  void run() {
    for (int life = 0; life < 8; ++life) {
      LocalBroker broker(disk_, clock_, *random_, config_);
      ++epoch_;
      for (const auto error : broker.lead("t", kPartitions, epoch_, life == 0)) REQUIRE(error == ErrorCode::none);
      check(broker);
      live(broker);
    }
    LocalBroker broker(disk_, clock_, *random_, config_);
    ++epoch_;
    broker.lead("t", kPartitions, epoch_, false);
    check(broker);
  }

 private:
  /// One life of the broker, up to its end.
  void live(LocalBroker& broker) {
    const std::uint64_t steps = 1 + random_->below(60);
    if (power_loss_) disk_.stop_at(disk_.mutations() + 1 + random_->below(steps * 4));
    for (std::uint64_t i = 0; i < steps; ++i) step(broker);
    if (power_loss_) {
      disk_.crash();
    } else if (random_->below(4) == 0) {
      broker.replicas().shutdown();
      broker.logs().shutdown();  // an orderly stop
    }
    // Otherwise: kill -9. Nothing is closed; what was written stays.
  }

  void step(LocalBroker& broker) {
    clock_.advance(Millis(static_cast<std::int64_t>(random_->below(50))));
    const auto producer = static_cast<std::int64_t>(random_->below(kProducers));
    const auto partition = static_cast<std::int32_t>(random_->below(kPartitions));
    const TopicPartition tp{"t", partition};
    ProducerModel& model = models_[{partition, producer}];
    if (!model.unanswered) {
      std::vector<std::string> values;
      const std::uint64_t n = 1 + random_->below(5);
      for (std::uint64_t i = 0; i < n; ++i) {
        const auto sequence = model.next_sequence + static_cast<std::int32_t>(i);
        values.push_back(std::to_string(producer) + ":" + std::to_string(sequence) + std::string(random_->below(300), '.'));
      }
      model.unanswered = std::move(values);
    }
    auto batch = make_batch(*model.unanswered, ProducerId(producer), model.next_sequence, ProducerEpoch(0), clock_.wall_ms());
    auto pending = broker.start(broker.produce(tp, std::move(batch), random_->below(2) == 0 ? std::int16_t{1} : std::int16_t{-1}));
    if (!power_loss_ && random_->below(50) == 0) return;  // the connection broke: no answer reaches the client
    if (!pending->value) return;
    const PartitionAppendResult& result = *pending->value;
    INFO("produce to " << partition << " by " << producer << " sequence " << model.next_sequence << ": " << to_string(result.error) << " " << result.message);
    if (result.error == ErrorCode::kafka_storage_error || result.error == ErrorCode::not_leader_or_follower) return;
    REQUIRE(result.error == ErrorCode::none);
    for (std::size_t i = 0; i < model.unanswered->size(); ++i) {
      model.acknowledged.emplace_back(result.info.first_offset + static_cast<std::int64_t>(i), (*model.unanswered)[i]);
    }
    model.next_sequence += static_cast<std::int32_t>(model.unanswered->size());
    model.unanswered.reset();
    check_offsets(broker, tp);
  }

  void check_offsets(LocalBroker& broker, const TopicPartition& tp) {
    const auto log = broker.replicas().leader_log(tp);
    if (!log) return;
    const auto at = log->offsets();
    CHECK(at.last_stable <= at.high_watermark);
    CHECK(at.high_watermark <= at.log_end);
    CHECK(at.log_start <= at.high_watermark);
  }

  void check(LocalBroker& broker) {
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      const TopicPartition tp{"t", partition};
      check_offsets(broker, tp);
      const auto log = broker.replicas().leader_log(tp);
      REQUIRE(log);
      CHECK(log->latest_epoch() == LeaderEpoch(epoch_));
      check_records(*log, partition);
    }
  }

  void check_records(const storage::Log& log, std::int32_t partition) {
    std::map<std::int64_t, std::vector<std::pair<Offset, std::string>>> found;
    Offset next = log.log_start_offset();
    LeaderEpoch epoch{0};
    while (next < log.log_end_offset()) {
      const auto data = log.read(next, 1 << 20, storage::FetchIsolation::log_end, true);
      REQUIRE(data.has_value());
      const auto bytes = bytes_of(data->slice);
      REQUIRE(!bytes.empty());
      for (std::size_t at = 0; at < bytes.size();) {
        const auto batch = protocol::RecordBatchView::open(Bytes(bytes).subspan(at));
        REQUIRE(batch.has_value());
        REQUIRE(batch->is_valid());
        CHECK(batch->base_offset() == next);
        CHECK(batch->partition_leader_epoch() >= epoch);
        epoch = batch->partition_leader_epoch();
        auto cursor = batch->records();
        protocol::RecordView record;
        while (cursor.next(record)) found[batch->producer_id().value()].emplace_back(record.offset, std::string(as_string(*record.value)));
        next = batch->next_offset();
        at += batch->size_in_bytes();
      }
    }
    for (std::int64_t producer = 0; producer < kProducers; ++producer) {
      const ProducerModel& model = models_[{partition, producer}];
      const auto& there = found[producer];
      INFO("partition " << partition << " producer " << producer << ": " << model.acknowledged.size() << " acknowledged, " << there.size() << " found");
      REQUIRE(there.size() >= model.acknowledged.size());
      for (std::size_t i = 0; i < model.acknowledged.size(); ++i) {
        INFO("record " << i);
        REQUIRE(there[i].first.value() == model.acknowledged[i].first.value());
        REQUIRE(there[i].second == model.acknowledged[i].second);
      }
      const std::size_t beyond = there.size() - model.acknowledged.size();
      if (beyond == 0) continue;
      REQUIRE(model.unanswered.has_value());
      REQUIRE(beyond == model.unanswered->size());
      for (std::size_t i = 0; i < beyond; ++i) REQUIRE(there[model.acknowledged.size() + i].second == (*model.unanswered)[i]);
    }
  }

  const bool power_loss_;
  ManualClock clock_;
  std::unique_ptr<Random> random_;
  storage::SimDisk disk_;
  config::LogConfig config_;
  std::int32_t epoch_ = -1;
  std::map<std::pair<std::int32_t, std::int64_t>, ProducerModel> models_;
};

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void simulate(bool power_loss) {
  if (std::getenv("MOLDAU_SIM_LOG") == nullptr) {
    set_log_level(LogCategory::storage, "critical");
    set_log_level(LogCategory::replica, "critical");
  }
  const std::uint64_t first = number("MOLDAU_SIM_SEED", 1);
  const std::uint64_t count = number("MOLDAU_SIM_COUNT", std::getenv("MOLDAU_SIM_SEED") != nullptr ? 1 : 200);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("MOLDAU_SIM_SEED=" << seed);
    World world(seed, power_loss);
    world.run();
  }
}

}  // namespace

TEST_CASE("sim: power loss with flush.messages=1 loses nothing that was acknowledged", "[sim]") { simulate(true); }

TEST_CASE("sim: kill -9 loses nothing that was acknowledged", "[sim]") { simulate(false); }
