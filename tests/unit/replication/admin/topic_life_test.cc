// Topics and configurations from request to metadata, in process: TopicAdmin and ConfigAdmin over a store in memory, a real controller, and a broker that
// takes its control requests. No network, no disk, one thread.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <future>

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
                                        .channels = [this, receiver](const LiveBroker&) { return make_local_channel(context_.get_executor(), receiver); },
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
    configs_->stop();
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
