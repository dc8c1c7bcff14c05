#include "server/broker.h"

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "config/metric_handles.h"
#include "config/process_metrics.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/random.h"
#include "replication/admin/config_admin.h"
#include "replication/admin/producer_id_blocks.h"
#include "replication/admin/topic_admin.h"
#include "replication/controller/cluster_membership.h"
#include "replication/controller/kafka_controller.h"
#include "replication/controller/local_channel.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/partition/replica_manager.h"
#include "replication/store/embedded_store.h"
#include "replication/store/znodes.h"
#include "server/broker_settings.h"
#include "server/cluster_identity.h"
#include "server/coordinator/runtime/group_coordinator.h"
#include "server/coordinator/runtime/group_metrics.h"
#include "server/coordinator/runtime/replica_coordinator_log.h"
#include "server/coordinator/transaction/producer_id_manager.h"
#include "server/fetch_session/fetch_session_cache.h"
#include "server/handlers/request_dispatcher.h"
#include "server/health.h"
#include "server/http/http_server.h"
#include "server/http/metrics_text.h"
#include "server/logging_levels.h"
#include "server/network/io_threads.h"
#include "server/network/socket_server.h"
#include "server/sync_wait.h"
#include "storage/io/posix_disk.h"
#include "storage/log/log_manager.h"

namespace moldau::server {
namespace {

constexpr std::size_t kBlockingThreads = 4;
constexpr std::chrono::seconds kStopGrace{5};
constexpr Millis kSettleTime{5000};

}  // namespace

/// The parts in the order in which they are made; destroyed in reverse.
struct Broker::Parts {
  explicit Parts(const config::LoadResult& loaded) : config(loaded) {}

  Status open_storage();
  Status open_metadata();
  Status load_logs();
  Status bind_sockets();
  void make_replicas();
  Status join_cluster();
  /// Clients come only when the broker knows itself and its partitions have their leaders; gives up after a while (a topic being deleted).
  void wait_for_leaders();
  /// Ends the process when no log directory is left, as Apache Kafka does.
  void on_dir_failure(const std::string& dir);
  void serve();
  void follow_logging_levels();
  void start_http();
  void stop();

  void on_leadership(std::span<const replication::LeadershipChange> changes);
  [[nodiscard]] std::int32_t offsets_partitions();
  [[nodiscard]] replication::znodes::BrokerRegistration registration() const;
  [[nodiscard]] config::BrokerConfigPtr settings() const { return config.current(); }

  config::DynamicConfig config;
  Clock& clock = system_clock();
  std::unique_ptr<Random> random = make_system_random();
  Health health;
  std::vector<config::MetricFamilyBase::Registration> metrics;
  config::DynamicConfig::Registration logging_registration;
  boost::asio::thread_pool blocking{kBlockingThreads};
  Executor controller_strand = boost::asio::make_strand(blocking.get_executor());
  Executor config_strand = boost::asio::make_strand(blocking.get_executor());
  std::unique_ptr<IoThreads> io;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<storage::LogManager> logs;
  storage::BrokerIdentity found;  ///< What meta.properties say.
  std::unique_ptr<replication::MetadataStore> store;
  BrokerId self = kNoBroker;
  std::string cluster_id;
  std::atomic<std::int64_t> broker_epoch{-1};
  std::unique_ptr<replication::MetadataCache> metadata;
  std::shared_ptr<replication::ConfigAdmin> configs;
  std::unique_ptr<replication::ReplicaManager> replicas;
  std::shared_ptr<replication::KafkaController> controller;
  std::atomic<replication::KafkaController*> controller_started{nullptr};  ///< For callbacks of other strands.
  std::unique_ptr<replication::TopicAdmin> topics;
  std::unique_ptr<ReplicaCoordinatorLog> offsets_log;
  std::unique_ptr<GroupCoordinator> groups;
  std::unique_ptr<GroupMetrics> group_metrics;
  std::unique_ptr<FetchSessionCache> fetch_sessions;
  std::unique_ptr<ProducerIdManager> producer_ids;
  Services services;
  std::unique_ptr<RequestDispatcher> dispatcher;
  std::unique_ptr<ConnectionQuotas> quotas;
  std::unique_ptr<SocketServer> sockets;
  bool logs_loaded = false;
  bool stopped = false;
};

Status Broker::Parts::open_storage() {
  const auto cfg = settings();
  logs = storage::LogManager::make(make_log_manager_config(*cfg), std::make_shared<const config::LogConfig>(cfg->log_defaults),
                                   {storage::posix_disk(), clock, *random, blocking.get_executor()});
  const auto identity = logs->open_dirs();
  if (!identity) return identity.error();
  found = *identity;
  return {};
}

Status Broker::Parts::open_metadata() {
  const auto cfg = settings();
  const auto dir = replication::find_embedded_store(cfg->data_dirs);
  if (!dir) return dir.error();
  auto opened = replication::open_embedded_store(*dir, clock);
  if (!opened) return opened.error();
  store = std::move(*opened);
  auto identity = sync_wait(controller_strand, settle_identity(*store, cfg, found, *random));
  if (!identity) return identity.error();
  self = identity->broker_id;
  cluster_id = identity->cluster_id;
  if (auto written = logs->write_identity(self, cluster_id); !written) return written;

  metadata = std::make_unique<replication::MetadataCache>(self);
  replication::ConfigAdminDeps deps{.self = self,
                                    .store = *store,
                                    .metadata = *metadata,
                                    .config = config,
                                    .clock = clock,
                                    .executor = config_strand,
                                    .apply_topic = {},
                                    .apply_default = {},
                                    .unclean_enabled = {}};
  deps.apply_topic = [this](const std::string& topic, std::shared_ptr<const config::LogConfig> log_config) {
    for (const auto& log : logs->all_logs())
      if (log->topic_partition().topic == topic) log->update_config(log_config);
  };
  deps.apply_default = [this](std::shared_ptr<const config::LogConfig> defaults) {
    logs->update_default_config(std::move(defaults));
    for (const auto& log : logs->all_logs()) log->update_config(configs->log_config(log->topic_partition().topic));
  };
  deps.unclean_enabled = [this](const std::string& topic) {
    if (auto* active = controller_started.load(); active != nullptr) active->retry_offline_partitions(topic);
  };
  configs = replication::ConfigAdmin::make(std::move(deps));
  return sync_wait(config_strand, configs->start());
}

Status Broker::Parts::load_logs() {
  health.set(BrokerState::recovery);
  const auto loaded = logs->load_logs([this](const std::string& topic) { return configs->log_config(topic); },
                                      [this](std::size_t done, std::size_t total) { health.set_progress(done, total); });
  if (!loaded) return loaded;
  logs_loaded = true;
  logs->start();
  health.set(BrokerState::starting);
  return {};
}

void Broker::Parts::make_replicas() {
  const auto cfg = settings();
  replicas = std::make_unique<replication::ReplicaManager>(replication::ReplicaManagerDeps{
      .self = self,
      .clock = clock,
      .logs = *logs,
      .metadata = *metadata,
      .topic_config = [this](std::string_view topic) { return configs->log_config(topic); },
      .broker_epoch = [this] { return broker_epoch.load(); },
      .blocking = blocking.get_executor(),
      .blocking_threads = kBlockingThreads,
      .timers = io->context(0).get_executor(),
      .replica_lag_time_max_ms = cfg->replica_lag_time_max_ms,
  });
  replicas->set_dir_failure_listener([this](const std::string& dir) { on_dir_failure(dir); });
  offsets_log = std::make_unique<ReplicaCoordinatorLog>(*replicas, std::string(GroupCoordinator::kTopic), Millis(cfg->offsets_commit_timeout_ms));
  groups = std::make_unique<GroupCoordinator>(GroupCoordinatorDeps{.log = *offsets_log,
                                                                   .clock = clock,
                                                                   .random = *random,
                                                                   .executor = boost::asio::make_strand(blocking.get_executor()),
                                                                   .blocking = blocking.get_executor(),
                                                                   .groups = make_group_config(*cfg),
                                                                   .offsets = make_offsets_topic_config(*cfg)});
  fetch_sessions = std::make_unique<FetchSessionCache>(cfg->max_incremental_fetch_session_cache_slots, clock, *random);
}

Status Broker::Parts::bind_sockets() {
  const auto cfg = settings();
  services.clock = &clock;
  services.config = &config;
  services.blocking = blocking.get_executor();
  dispatcher = std::make_unique<RequestDispatcher>(services);
  quotas = std::make_unique<ConnectionQuotas>(make_connection_quota_config(*cfg));
  sockets = std::make_unique<SocketServer>(*io, *dispatcher, *quotas, make_socket_server_config(*cfg));
  return sockets->bind(make_listener_configs(*cfg));
}

Status Broker::Parts::join_cluster() {
  const auto cfg = settings();
  replicas->add_leadership_listener([this](std::span<const replication::LeadershipChange> changes) { on_leadership(changes); });
  metadata->add_listener([this](const replication::MetadataDelta& delta, const replication::MetadataImage&) {
    if (!delta.deleted_partitions.empty()) groups->on_partitions_deleted(delta.deleted_partitions);
    for (const auto& topic : delta.deleted_topics) configs->forget_topic(topic);
  });
  const auto epoch = sync_wait(controller_strand, replication::register_broker(*store, registration()));
  if (!epoch) return epoch.error();
  broker_epoch = *epoch;
  groups->start(offsets_partitions());
  group_metrics = std::make_unique<GroupMetrics>(*groups, clock, [this](TopicPartitionView tp) -> std::optional<std::int64_t> {
    const auto log = replicas->leader_log(tp);
    if (!log) return std::nullopt;
    return log->high_watermark().value();
  });

  replication::ControlReceiver receiver;
  receiver.leader_and_isr = [this](const protocol::LeaderAndIsrRequest& request, Arena& arena) {
    return replicas->become_leader_or_follower(request, protocol::LeaderAndIsrRequest::kMaxVersion, arena);
  };
  receiver.stop_replica = [this](const protocol::StopReplicaRequest& request, Arena& arena) {
    return replicas->stop_replicas(request, protocol::StopReplicaRequest::kMaxVersion, arena);
  };
  receiver.update_metadata = [this](const protocol::UpdateMetadataRequest& request) { return replicas->update_metadata(request); };
  replication::KafkaControllerDeps deps{.self = self,
                                        .store = *store,
                                        .clock = clock,
                                        .random = *random,
                                        .executor = controller_strand,
                                        .channels = {},
                                        .inter_broker_listener = cfg->inter_broker_listener,
                                        .delete_topic_enable = cfg->delete_topic_enable,
                                        .unclean_allowed = {},
                                        .register_again = {}};
  deps.channels = [this, receiver](const replication::LiveBroker&) {
    return replication::make_local_channel(boost::asio::make_strand(blocking.get_executor()), receiver);
  };
  deps.unclean_allowed = [this](std::string_view topic) { return configs->log_config(topic)->unclean_leader_election_enable; };
  deps.register_again = [this]() -> Awaitable<void> {
    const auto again = co_await replication::register_broker(*store, registration());
    if (again) broker_epoch = *again;
  };
  controller = replication::KafkaController::make(std::move(deps));
  topics = std::make_unique<replication::TopicAdmin>(replication::TopicAdminDeps{.self = self,
                                                                                 .store = *store,
                                                                                 .metadata = *metadata,
                                                                                 .configs = *configs,
                                                                                 .config = config,
                                                                                 .random = *random,
                                                                                 .is_controller = [this] { return controller->is_active(); },
                                                                                 .cap_internal_replication = true});
  producer_ids = std::make_unique<ProducerIdManager>([this]() -> Awaitable<Result<ProducerIdBlock>> {
    const auto block = co_await replication::allocate_producer_id_block(*store, self);
    if (!block) co_return block.error();
    co_return ProducerIdBlock{block->first, block->last - block->first + 1};
  });
  controller_started = controller.get();
  controller->start();
  return {};
}

void Broker::Parts::on_leadership(std::span<const replication::LeadershipChange> changes) {
  using Role = replication::LeadershipChange::Role;
  for (const auto& change : changes) {
    if (change.partition.topic != GroupCoordinator::kTopic) continue;
    if (change.role == Role::leader) {
      groups->on_elected(change.partition.partition, change.leader_epoch);
    } else {
      groups->on_resigned(change.partition.partition, change.role == Role::deleted ? std::nullopt : std::optional(change.leader_epoch));
    }
  }
}

std::int32_t Broker::Parts::offsets_partitions() {
  const auto node = sync_wait(controller_strand, store->get(replication::znodes::topic_path(GroupCoordinator::kTopic)));
  if (node) {
    if (const auto topic = replication::znodes::decode_topic(node->data); topic && !topic->partitions.empty())
      return static_cast<std::int32_t>(topic->partitions.size());
  }
  return settings()->offsets_topic_num_partitions;
}

replication::znodes::BrokerRegistration Broker::Parts::registration() const {
  const auto cfg = settings();
  replication::znodes::BrokerRegistration made;
  made.id = self;
  made.endpoints = make_advertised_endpoints(*cfg, [this](std::string_view listener) { return sockets->port(listener); });
  made.rack = cfg->broker_rack;
  made.timestamp_ms = clock.wall_ms();
  return made;
}

void Broker::Parts::follow_logging_levels() {
  const auto apply = [](const config::BrokerConfig& cfg) {
    for (const auto& wrong : apply_logging_levels(cfg.logging_level)) MOLDAU_LOG(config, warn, "{}", wrong);
  };
  apply(*settings());
  logging_registration = config.on_change([apply](const config::BrokerConfig& before, const config::BrokerConfig& after) {
    if (before.logging_level != after.logging_level) apply(after);
  });
}

void Broker::Parts::wait_for_leaders() {
  std::vector<TopicPartition> known;
  for (const auto& log : logs->all_logs()) known.push_back(log->topic_partition());
  auto settled = [this, known = std::move(known)](const replication::MetadataImage& image) {
    if (image.broker(self) == nullptr || !image.controller_id()) return false;
    return std::all_of(known.begin(), known.end(), [&](const TopicPartition& tp) {
      const auto* partition = image.partition(tp);
      return partition != nullptr && partition->leader == self;
    });
  };
  auto wait = metadata->wait_until(std::move(settled), kSettleTime);
  if (!sync_wait(Executor(io->context(0).get_executor()), std::move(wait)))
    MOLDAU_LOG(server, warn, "not every partition has a leader after {} ms; serving all the same", kSettleTime.count());
}

void Broker::Parts::on_dir_failure(const std::string& dir) {
  const auto dirs = logs->dirs();
  if (std::any_of(dirs.begin(), dirs.end(), [](const storage::LogDirInfo& d) { return d.online; })) return;
  MOLDAU_LOG(server, critical, "Shutdown broker because all log dirs have failed (the last one: {}); mend the disk and start again", dir);
  logger(LogCategory::server).flush();
  std::_Exit(1);
}

void Broker::Parts::serve() {
  services.replicas = replicas.get();
  services.metadata = metadata.get();
  services.store = store.get();
  services.topics = topics.get();
  services.configs = configs.get();
  services.groups = groups.get();
  services.fetch_sessions = fetch_sessions.get();
  services.producer_ids = producer_ids.get();
  services.cluster_id = cluster_id;
  sockets->start_accepting();
}

void Broker::Parts::start_http() {
  const auto endpoint = settings()->http_endpoint;
  if (!endpoint) return;
  http = std::make_unique<HttpServer>(blocking.get_executor());
  http->route("/healthz", [this] { return health.healthz(); });
  http->route("/readyz", [this] { return health.readyz(); });
  http->route("/metrics", [] { return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text()}; });
  if (const auto listening = http->listen(endpoint->host, static_cast<std::uint16_t>(endpoint->port)); !listening) {
    MOLDAU_LOG(http, warn, "{}; going on without HTTP (change http.listeners, or leave it empty)", listening.error().message);
    http.reset();
  }
}

void Broker::Parts::stop() {
  if (std::exchange(stopped, true)) return;
  health.set(BrokerState::shutting_down);
  // Groups first: a JoinGroup may wait for minutes, and its connection would for as long as it may.
  if (groups) sync_wait(Executor(blocking.get_executor()), groups->stop());
  if (sockets)
    sockets->stop(kStopGrace, [this] {
      if (replicas) replicas->shutdown();
    });
  if (controller) sync_wait(Executor(blocking.get_executor()), controller->stop());
  if (configs) configs->stop();
  if (logs && logs_loaded) logs->shutdown();
  if (store) store->close();
  if (http) http->stop();
  if (io) io->stop();
  blocking.stop();
  blocking.join();
  health.set(BrokerState::not_running);
}

Broker::Broker(const config::LoadResult& loaded) : parts_(std::make_unique<Parts>(loaded)) {}

Broker::~Broker() { stop(); }

Status Broker::start() {
  const auto began = std::chrono::steady_clock::now();
  auto& p = *parts_;
  p.health.set(BrokerState::starting);
  p.metrics = config::register_process_metrics();
  p.follow_logging_levels();
  p.io = std::make_unique<IoThreads>(static_cast<std::size_t>(p.settings()->io_thread_count()));
  p.start_http();
  if (auto s = p.open_storage(); !s) return s;
  if (auto s = p.open_metadata(); !s) return s;
  if (auto s = p.load_logs(); !s) return s;
  if (auto s = p.bind_sockets(); !s) return s;
  p.make_replicas();
  if (auto s = p.join_cluster(); !s) return s;
  p.wait_for_leaders();
  p.serve();
  p.health.set(BrokerState::running);
  MOLDAU_LOG(server, info, "[KafkaServer id={}] started in {} ms (port {})", p.self,
             std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count(),
             p.sockets->port(p.settings()->inter_broker_listener));
  return {};
}

void Broker::stop() { parts_->stop(); }

}  // namespace moldau::server
