#include "tests/sim/support/sim_world.h"

#include <cstdlib>

#include "replication/store/embedded_store.h"
#include "server/platform.h"
#include "tests/sim/support/sim_life.h"

namespace moldau::sim {

namespace {

NetworkWeather weather_of(Random& random) {
  NetworkWeather weather;
  if (random.below(3) > 0) weather.reset_one_in = 50 + random.below(2'000);
  if (random.below(3) == 0) weather.stall_one_in = 100 + random.below(1'000);
  weather.max_delay_us = static_cast<std::int64_t>(100 + random.below(5'000));
  return weather;
}

config::LoadResult load_config(Random& random, Scenario scenario) {
  config::LoadRequest request;
  request.use_default_file = false;
  const auto set = [&](const std::string& key, const std::string& value) { request.overrides.push_back(key + "=" + value); };
  const auto between = [&](std::uint64_t low, std::uint64_t high) { return std::to_string(low + random.below(high - low)); };
  set("log.dirs", "/data");
  set("broker.id", "1");
  set("listeners", "PLAINTEXT://sim:9092");
  set("http.listeners", "");
  if (std::getenv("MOLDAU_SIM_LOG") == nullptr) set("logging.level", "off");
  set("offsets.topic.num.partitions", "3");
  set("group.initial.rebalance.delay.ms", between(1, 500));
  set("log.segment.bytes", between(8'000, 60'000));
  set("log.index.interval.bytes", between(100, 3'000));
  set("log.index.size.max.bytes", between(200, 3'000));
  set("log.initial.task.delay.ms", "200");
  set("log.flush.offset.checkpoint.interval.ms", between(100, 5'000));
  set("log.flush.start.offset.checkpoint.interval.ms", between(100, 5'000));
  set("replica.high.watermark.checkpoint.interval.ms", between(100, 5'000));
  set("log.retention.check.interval.ms", between(500, 5'000));
  // The committed offsets lie in a compacted log that rolls.
  set("offsets.topic.segment.bytes", between(500, 6'000));
  set("log.cleaner.backoff.ms", between(20, 3'000));
  set("log.cleaner.min.cleanable.ratio", random.below(2) == 0 ? "0.01" : "0.5");
  set("log.cleaner.delete.retention.ms", between(1, 10'000));
  set("log.segment.delete.delay.ms", between(1, 10'000));
  set("connections.max.idle.ms", between(1'000, 60'000));
  if (scenario == Scenario::synced_power_loss) set("log.flush.interval.messages", "1");
  if (scenario == Scenario::lossy_power_loss && random.below(2) == 0) set("log.flush.scheduler.interval.ms", between(50, 2'000));
  auto loaded = config::load(request);
  if (!loaded.ok()) throw std::runtime_error("the simulation's configuration: " + loaded.errors.front());
  return loaded;
}

}  // namespace

SimWorld::SimWorld(std::uint64_t seed, Scenario scenario)
    : scenario_(scenario), random_(make_seeded_random(seed)), disk_(seed, &time_), config_(load_config(*random_, scenario)) {
  model_.loss = scenario == Scenario::lossy_power_loss ? Loss::unsynced : Loss::nothing_acknowledged;
  // The log directory itself was made by the operator long ago.
  expect(disk_.make_directory("/data", true).has_value() && disk_.sync_directory("/").has_value(), "no /data");
  model_.topics["a"].partitions = 3;
  model_.topics["b"].partitions = 2;
  for (const auto& [name, topic] : model_.topics)
    for (std::int32_t p = 0; p < topic.partitions; ++p) model_.partitions[{name, p}];
  for (int i = 0; i < 3; ++i) {
    ProducerModel producer;
    producer.name = "p" + std::to_string(i);
    producer.idempotent = i < 2;
    producer.acks = i == 2 && random_->below(2) == 0 ? std::int16_t{1} : std::int16_t{-1};
    for (const auto& [tp, partition] : model_.partitions) producer.flows[tp];
    model_.producers.push_back(std::move(producer));
  }
}

SimWorld::~SimWorld() = default;

void SimWorld::note(std::uint64_t connection, bool at_broker, Bytes bytes) {
  const auto add = [this](std::uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3ULL; };
  add(static_cast<std::uint64_t>(time_.now().time_since_epoch().count()));
  add(connection * 2 + (at_broker ? 1 : 0));
  for (const auto b : bytes) add(static_cast<std::uint64_t>(b));
}

void SimWorld::run(int lives) {
  for (int i = 0; i < lives; ++i) live(false);
  live(true);
}

void SimWorld::start(Life& life) {
  server::Platform platform;
  platform.clock = &time_;
  platform.random = make_seeded_random(random_->next());
  platform.disk = &life.machine;
  platform.network = &life.network;
  platform.driven = &time_.context();
  platform.open_store = [this, &life](const config::BrokerConfig& config) -> Result<std::unique_ptr<replication::MetadataStore>> {
    replication::EmbeddedStoreOptions options;
    options.executor = time_.context().get_executor();
    options.file_system = life.files.name();
    auto store = replication::open_embedded_store(config.data_dirs.front(), time_, std::move(options));
    if (store) life.store = store->get();
    return store;
  };
  platform.halt = [&life] { life.halted = true; };
  life.broker = std::make_unique<server::Broker>(config_, std::move(platform));
  const auto started = life.broker->start();
  if (!started && life.machine.is_on()) throw Violation("the broker does not start: " + started.error().message);
  if (!started) throw MachineStopped();
}

void SimWorld::live(bool last) {
  SimMachine* machine = nullptr;
  time_.begin([&machine] { return machine != nullptr && !machine->is_on(); });
  Life life(*this, lives_++, weather_of(*random_));
  machine = &life.machine;
  model_.begin_life();
  const auto duration = Millis(static_cast<std::int64_t>(50 + random_->below(6'000)));
  const bool orderly = random_->below(4) == 0;
  if (!last && !orderly && random_->below(2) == 0) life.machine.stop_at(1 + random_->below(random_->below(3) == 0 ? 60 : 3'000));
  try {
    start(life);
    check(life);
    life.actors.start();
    if (!last) time_.run_for(duration);
    if (orderly && life.machine.is_on()) life.broker->stop();
  } catch (const MachineStopped&) {
  }
  expect(!life.halted || !life.machine.is_on(), "the broker gave up its log directory although the disk works");
  clear_away(life);
  if (scenario_ != Scenario::kill) disk_.crash();
  time_.pass(Millis(static_cast<std::int64_t>(random_->below(10'000))));
}

void SimWorld::clear_away(Life& life) {
  life.machine.switch_off();
  life.network.cut();
  time_.ignore_stop();
  life.actors.finish();
  if (life.store != nullptr) life.store->close();
  life.broker->stop();
  time_.run_until([&] { return life.actors.running() == 0; }, std::chrono::minutes(5), "the clients see that the broker is gone");
  if (life.actors.failure()) std::rethrow_exception(life.actors.failure());
  if (!time_.end()) throw Stuck("something of a stopped broker goes on");
  life.broker.reset();
}

}  // namespace moldau::sim
