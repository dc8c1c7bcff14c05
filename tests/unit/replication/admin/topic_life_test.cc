// Topics and configurations from request to metadata, in process: TopicAdmin and ConfigAdmin over a store in memory, a real controller, and a broker that
// takes its control requests. No network, no disk, one thread.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <limits>

#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "replication/admin/config_admin.h"
#include "replication/admin/producer_id_blocks.h"
#include "replication/admin/topic_admin.h"
#include "replication/controller/cluster_membership.h"
#include "replication/controller/kafka_controller.h"
#include "replication/controller/local_channel.h"
#include "replication/store/memory_store.h"
#include "replication/store/znode_tree.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

/// A cluster of one.
class World {
 public:
  World() : ensemble_(context_.get_executor(), clock_), store_(ensemble_.connect()), config_(config::Settings{{"num.partitions", "3"}}), metadata_(BrokerId(1)) {
    REQUIRE(wait(prepare_cluster(*store_, std::nullopt, *random_)).has_value());
    ConfigAdminDeps config_deps{.self = BrokerId(1),
                                .store = *store_,
                                .metadata = metadata_,
                                .config = config_,
                                .clock = clock_,
                                .executor = context_.get_executor(),
                                .apply_topic = [this](const std::string& topic, std::shared_ptr<const config::LogConfig> c) { applied_[topic] = std::move(c); },
                                .apply_default = {},
                                .unclean_enabled = {}};
    configs_ = ConfigAdmin::make(std::move(config_deps));
    REQUIRE(wait(configs_->start()).has_value());
    znodes::BrokerRegistration me;
    me.id = BrokerId(1);
    me.endpoints.push_back({"PLAINTEXT", "h", 9092, 0});
    REQUIRE(wait(register_broker(*store_, me)).has_value());
    ControlReceiver receiver;
    receiver.leader_and_isr = [](const protocol::LeaderAndIsrRequest&, Arena&) -> Awaitable<protocol::LeaderAndIsrResponse> { co_return protocol::LeaderAndIsrResponse{}; };
    receiver.stop_replica = [this](const protocol::StopReplicaRequest&, Arena&) -> Awaitable<protocol::StopReplicaResponse> {
      ++stopped_;
      co_return protocol::StopReplicaResponse{};
    };
    receiver.update_metadata = [this](const protocol::UpdateMetadataRequest& request) -> Awaitable<protocol::UpdateMetadataResponse> {
      metadata_.apply(request);
      co_return protocol::UpdateMetadataResponse{};
    };
    KafkaControllerDeps controller_deps{.self = BrokerId(1),
                                        .store = *store_,
                                        .clock = clock_,
                                        .random = *random_,
                                        .executor = context_.get_executor(),
                                        .channels = [this, receiver](const LiveBroker&) { return make_local_channel(context_.get_executor(), receiver, control_requests_); },
                                        .inter_broker_listener = "PLAINTEXT",
                                        .delete_topic_enable = true,
                                        .unclean_allowed = {},
                                        .register_again = {}};
    controller_ = KafkaController::make(std::move(controller_deps));
    controller_->start();
    topics_ = std::make_unique<TopicAdmin>(TopicAdminDeps{.self = BrokerId(1),
                                                          .store = *store_,
                                                          .metadata = metadata_,
                                                          .configs = *configs_,
                                                          .config = config_,
                                                          .random = *random_,
                                                          .is_controller = [this] { return controller_->is_active(); },
                                                          .cap_internal_replication = true});
    settle();
  }
  ~World() {
    wait(controller_->stop());
    wait(configs_->stop());
    REQUIRE(control_requests_.running() == 0);
    topics_.reset();
    store_->close();
    settle();
  }

  template <class T>
  T wait(Awaitable<T> what) {
    auto result = boost::asio::co_spawn(context_, std::move(what), boost::asio::use_future);
    settle();
    return result.get();
  }
  void settle() {
    context_.restart();
    context_.run();
  }

  CreatedTopic create(TopicSpec spec, Millis timeout = Millis(1000), bool validate_only = false) {
    std::vector<TopicSpec> specs;
    specs.push_back(std::move(spec));
    return wait(topics_->create_topics(std::move(specs), timeout, validate_only)).front();
  }
  static TopicSpec spec(std::string name, std::int32_t partitions = -1) {
    TopicSpec s;
    s.name = std::move(name);
    s.partitions = partitions;
    return s;
  }

  boost::asio::io_context context_;
  ManualClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(5);
  MemoryEnsemble ensemble_;
  std::unique_ptr<MetadataStore> store_;
  config::DynamicConfig config_;
  MetadataCache metadata_;
  std::map<std::string, std::shared_ptr<const config::LogConfig>> applied_;
  int stopped_ = 0;
  std::shared_ptr<ConfigAdmin> configs_;
  TaskGroup control_requests_{"control requests", LogCategory::controller};
  std::shared_ptr<KafkaController> controller_;
  std::unique_ptr<TopicAdmin> topics_;
};

}  // namespace

TEST_CASE("topics: created, expanded and deleted through znode, controller and metadata", "[admin]") {
  World w;
  REQUIRE(w.controller_->is_active());
  auto spec = World::spec("t");
  spec.configs.emplace_back("retention.ms", "1000");
  const auto made = w.create(std::move(spec));
  CHECK(made.error == ErrorCode::none);
  CHECK(made.partitions == 3);
  CHECK(made.replication_factor == 1);
  CHECK(w.metadata_.topic_id("t") == made.id);
  CHECK(w.metadata_.partition_count("t") == 3);
  CHECK(w.configs_->log_config("t")->retention_ms == 1000);
  CHECK(w.create(World::spec("t")).error == ErrorCode::topic_already_exists);

  NewPartitionsSpec more;
  more.topic = "t";
  more.count = 5;
  CHECK(w.wait(w.topics_->create_partitions({more}, Millis(1000), false)).front().error == ErrorCode::none);
  CHECK(w.metadata_.partition_count("t") == 5);
  CHECK(w.metadata_.topic_id("t") == made.id);

  CHECK(w.wait(w.topics_->delete_topics({"t"}, Millis(1000))).front().error == ErrorCode::none);
  CHECK_FALSE(w.metadata_.contains("t"));
  CHECK(w.ensemble_.tree().find("/brokers/topics/t") == nullptr);
  CHECK(w.ensemble_.tree().find("/config/topics/t") == nullptr);
  CHECK(w.ensemble_.tree().find("/admin/delete_topics/t") == nullptr);
  CHECK(w.stopped_ >= 2);
  // At once again, under a new id.
  const auto again = w.create(World::spec("t", 1));
  CHECK(again.error == ErrorCode::none);
  CHECK(again.id != made.id);
}

TEST_CASE("topics: validate_only and a timeout of 0 do what Kafka does", "[admin]") {
  World w;
  CHECK(w.create(World::spec("v"), Millis(1000), true).error == ErrorCode::none);
  CHECK(w.ensemble_.tree().find("/brokers/topics/v") == nullptr);
  const auto late = w.create(World::spec("l"), Millis(0));
  CHECK(late.error == ErrorCode::request_timed_out);
  CHECK_FALSE(late.message);
  CHECK(late.partitions == -1);
  CHECK(w.metadata_.contains("l"));
}

TEST_CASE("topics: what a client names is created once, however many ask", "[admin]") {
  World w;
  std::vector<std::future<ErrorCode>> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(boost::asio::co_spawn(w.context_, w.topics_->auto_create("auto", Millis(1000)), boost::asio::use_future));
  w.settle();
  for (auto& a : asked) CHECK(a.get() == ErrorCode::none);
  CHECK(w.metadata_.partition_count("auto") == 3);
  CHECK(w.wait(w.topics_->auto_create("bad name", Millis(10))) == ErrorCode::invalid_topic_exception);
  // Internal topics have their own settings, and no more replicas than there are brokers.
  CHECK(w.wait(w.topics_->auto_create("__consumer_offsets", Millis(1000))) == ErrorCode::none);
  CHECK(w.metadata_.partition_count("__consumer_offsets") == 50);
  CHECK(w.metadata_.image()->topic("__consumer_offsets")->partitions()[0].replicas.size() == 1);
  CHECK(w.configs_->log_config("__consumer_offsets")->cleanup_compact);
}

TEST_CASE("configurations: a change is applied when its call returns", "[admin]") {
  World w;
  w.create(World::spec("t"));
  ConfigResource topic;
  topic.type = ConfigResourceType::topic;
  topic.name = "t";
  config::Alteration set;
  set.name = "max.message.bytes";
  set.value = "5000";
  REQUIRE(w.wait(w.configs_->incremental_alter(topic, {set}, false)).has_value());
  REQUIRE(w.applied_.contains("t"));
  CHECK(w.applied_["t"]->max_message_bytes == 5000);
  CHECK(w.ensemble_.tree().find("/config/topics/t")->data == R"({"version":1,"config":{"max.message.bytes":"5000"}})");
  CHECK(w.ensemble_.tree().find("/config/changes/config_change_0000000000")->data == R"({"version":2,"entity_path":"topics/t"})");

  ConfigResource everyone;
  everyone.type = ConfigResourceType::broker;
  config::Alteration retention;
  retention.name = "log.retention.ms";
  retention.value = "77";
  REQUIRE(w.wait(w.configs_->incremental_alter(everyone, {retention}, false)).has_value());
  CHECK(w.configs_->default_log_config()->retention_ms == 77);
  CHECK(w.configs_->log_config("t")->retention_ms == 77);
  CHECK(w.configs_->log_config("t")->max_message_bytes == 5000);
  // AlterConfigs replaces everything.
  REQUIRE(w.wait(w.configs_->alter(topic, {}, false)).has_value());
  CHECK(w.applied_["t"]->max_message_bytes == 1048588);

  set.value = "-5";
  const auto bad = w.wait(w.configs_->incremental_alter(topic, {set}, false));
  CHECK(bad.error().code == ErrorCode::invalid_config);
  CHECK(bad.error().message ==
        "Invalid config value for resource ConfigResource(type=TOPIC, name='t'): Invalid value -5 for configuration max.message.bytes: Value must be at least 0");
}

TEST_CASE("configurations: notifications of others are followed, old ones removed", "[admin]") {
  World w;
  w.create(World::spec("t"));
  auto other = w.ensemble_.connect();
  const auto change = [&](const std::string& json) {
    REQUIRE(w.wait(other->set("/config/topics/t", json)).has_value());
    REQUIRE(w.wait(other->create("/config/changes/config_change_", znodes::encode_config_change("topics/t"), CreateMode::persistent_sequential)).has_value());
  };
  change(R"({"version":1,"config":{"retention.ms":"5"}})");
  CHECK(w.applied_["t"]->retention_ms == 5);
  // A broken entity changes nothing.
  change("{broken");
  CHECK(w.applied_["t"]->retention_ms == 5);
  w.clock_.advance(std::chrono::minutes(16));
  change(R"({"version":1,"config":{"retention.ms":"6"}})");
  CHECK(w.applied_["t"]->retention_ms == 6);
  CHECK(w.ensemble_.tree().find("/config/changes")->children.size() == 1);
}

TEST_CASE("producer id blocks: no id twice, whoever asks", "[admin]") {
  World w;
  const auto first = w.wait(allocate_producer_id_block(*w.store_, BrokerId(1)));
  const auto second = w.wait(allocate_producer_id_block(*w.store_, BrokerId(2)));
  REQUIRE((first.has_value() && second.has_value()));
  CHECK(first->first == 0);
  CHECK(first->last == 999);
  CHECK(second->first == 1000);
  CHECK(w.ensemble_.tree().find("/latest_producer_id_block")->data == R"({"version":1,"broker":2,"block_start":"1000","block_end":"1999"})");
}

TEST_CASE("topics: one request creates a bounded number of partitions", "[admin]") {
  World w;
  REQUIRE(w.create(World::spec("t", 1)).error == ErrorCode::none);
  for (const bool validate_only : {false, true}) {
    const auto huge = w.create(World::spec("huge", 2'000'000'000), Millis(1000), validate_only);
    CHECK(huge.error == ErrorCode::invalid_partitions);
    CHECK(huge.message->starts_with("Excessively large number of partitions per request"));
    NewPartitionsSpec more;
    more.topic = "t";
    more.count = 2'000'000'000;
    CHECK(w.wait(w.topics_->create_partitions({more}, Millis(1000), validate_only)).front().error == ErrorCode::invalid_partitions);
    more.count = std::numeric_limits<std::int32_t>::min();
    const auto fewer = w.wait(w.topics_->create_partitions({more}, Millis(1000), validate_only)).front();
    CHECK(fewer.error == ErrorCode::invalid_partitions);
    CHECK(fewer.message == "Topic currently has 1 partitions, which is higher than the requested -2147483648.");
  }
  // All topics of a request together.
  std::vector<TopicSpec> specs;
  for (const auto* name : {"a", "b", "c"}) specs.push_back(World::spec(name, kMaxPartitionsPerRequest / 2));
  const auto made = w.wait(w.topics_->create_topics(std::move(specs), Millis(1000), true));
  CHECK(made[0].error == ErrorCode::none);
  CHECK(made[1].error == ErrorCode::none);
  CHECK(made[2].error == ErrorCode::invalid_partitions);
  // Kafka's own refusals come first where they are sane.
  auto spec = World::spec("r", 100);
  spec.replication_factor = 32767;
  CHECK(w.create(spec).error == ErrorCode::invalid_replication_factor);
  spec.replication_factor = -2;
  CHECK(w.create(spec).error == ErrorCode::invalid_replication_factor);
  CHECK(w.create(World::spec("r", std::numeric_limits<std::int32_t>::min())).message == "Number of partitions must be larger than 0.");
}

TEST_CASE("topics: a manual assignment of many replicas costs a short answer", "[admin]") {
  World w;
  REQUIRE(w.create(World::spec("t", 1)).error == ErrorCode::none);
  TopicSpec spec;
  spec.name = "m";
  spec.assignments.emplace_back(0, std::vector<BrokerId>(90'000, BrokerId(1)));
  const auto duplicates = w.create(spec);
  CHECK(duplicates.error == ErrorCode::invalid_replica_assignment);
  CHECK(duplicates.message->size() < 32'767);
  spec.assignments.emplace_back(1, std::vector<BrokerId>(90'000, BrokerId(1)));
  CHECK(w.create(spec).error == ErrorCode::invalid_partitions);
  NewPartitionsSpec more;
  more.topic = "t";
  more.count = 2;
  more.assignments.emplace();
  more.assignments->emplace_back();
  for (int i = 0; i < 50'000; ++i) more.assignments->back().emplace_back(-i);
  const auto unknown = w.wait(w.topics_->create_partitions({more}, Millis(1000), false)).front();
  CHECK(unknown.error == ErrorCode::invalid_replica_assignment);
  CHECK(unknown.message->size() < 32'767);
}

TEST_CASE("topics: all that one client names are written together, and what is no name is told", "[admin]") {
  World w;
  const auto errors = w.wait(w.topics_->auto_create(std::vector<std::string>{"a", "bad name", "b", "a.b", "c"}, Millis(1000)));
  CHECK(errors == std::vector<ErrorCode>{ErrorCode::none, ErrorCode::invalid_topic_exception, ErrorCode::none, ErrorCode::none, ErrorCode::none});
  // One after the other, the controller's writes for the first would lie between the first and the last topic's.
  const auto* first = w.ensemble_.tree().find("/brokers/topics/a");
  const auto* last = w.ensemble_.tree().find("/brokers/topics/c");
  REQUIRE((first != nullptr && last != nullptr));
  CHECK(last->czxid - first->czxid == 6);
  const auto again = w.wait(w.topics_->auto_create(std::vector<std::string>{"a_b", "a"}, Millis(1000)));
  CHECK(again == std::vector<ErrorCode>{ErrorCode::invalid_topic_exception, ErrorCode::none});
}

TEST_CASE("topics: a store that is away is answered REQUEST_TIMED_OUT in time", "[admin]") {
  World w;
  w.ensemble_.set_connected(*w.store_, false);
  const auto began = std::chrono::steady_clock::now();
  CHECK(w.create(World::spec("t", 1), Millis(200)).error == ErrorCode::request_timed_out);
  CHECK(w.wait(w.topics_->auto_create("auto", Millis(200))) == ErrorCode::leader_not_available);
  CHECK(w.wait(w.topics_->delete_topics({"t"}, Millis(200))).front().error == ErrorCode::request_timed_out);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(3));
  w.ensemble_.set_connected(*w.store_, true);
  w.settle();
  CHECK(w.create(World::spec("t", 1)).error == ErrorCode::none);
  CHECK(w.wait(w.topics_->auto_create("auto", Millis(1000))) == ErrorCode::none);
}

TEST_CASE("controller: gives an event up that the store does not answer, and is elected anew when the store is back", "[controller]") {
  World w;
  w.store_->set_patience(Millis(0));
  const auto epoch = w.controller_->epoch();
  auto other = w.ensemble_.connect();
  // The store goes away at the moment when the controller hears of the topic.
  struct Away final : StoreListener {
    explicit Away(World& world) : w(world) {}
    void on_store_event(const StoreEvent& event) override {
      if (event.path == znodes::kTopics) w.ensemble_.set_connected(*w.store_, false);
    }
    World& w;
  };
  Away away(w);
  w.store_->add_listener(&away);
  boost::asio::steady_timer back(w.context_, std::chrono::milliseconds(300));
  back.async_wait([&](boost::system::error_code) {
    w.store_->remove_listener(&away);
    w.ensemble_.set_connected(*w.store_, true);
  });
  znodes::TopicAssignment topic;
  topic.topic_id = Uuid::make_random(*w.random_);
  topic.partitions[0].replicas = {BrokerId(1)};
  REQUIRE(w.wait(other->create(znodes::topic_path("t"), znodes::encode(topic))).has_value());
  w.settle();
  CHECK(w.controller_->is_active());
  CHECK(w.controller_->epoch() > epoch);
  CHECK(w.metadata_.partition_count("t") == 1);
  other->close();
}
