#include "server/broker.h"

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "config/metric_handles.h"
#include "config/process_metrics.h"
#include "protocol/base/event.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "replication/admin/config_admin.h"
#include "replication/admin/producer_id_blocks.h"
#include "replication/admin/topic_admin.h"
#include "replication/controller/cluster_membership.h"
#include "replication/controller/kafka_controller.h"
#include "replication/controller/local_channel.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/partition/log_dir_event.h"
#include "replication/partition/replica_manager.h"
#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"
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
#include "server/own_partitions.h"
#include "server/platform.h"
#include "server/snapshot/snapshot_api.h"
#include "server/start_report.h"
#include "server/stop_phases.h"
#include "server/sync_wait.h"
#include "server/unknown_logs.h"
#include "storage/cleaner/log_cleaner.h"
#include "storage/log/log_manager.h"

namespace moldau::server {
namespace {

constexpr std::chrono::seconds kStopGrace{5};
constexpr Millis kSettleTime{5000};
/// How long a start waits for logs that must be recovered, before it goes on without them: most are done by then, and clients find all partitions at once.
constexpr Millis kLoadPatience{1000};
constexpr Millis kStopCheckInterval{100};
constexpr Millis kLongestRest{200};
constexpr std::size_t kLateTold = 3;
constexpr std::size_t kStraysTold = 10;

Error start_stopped() { return Error(ErrorCode::broker_not_available, "the start was stopped"); }

}  // namespace

/// The parts in the order in which they are made; destroyed in reverse.
struct Broker::Parts {
  Parts(const config::LoadResult& loaded, Platform p);

  Status open_storage();
  Status open_metadata();
  Status load_logs();
  Status bind_sockets();
  void make_replicas();
  Status join_cluster();
  /// Clients come only when the broker knows itself and its partitions have their leaders; gives up after a while. Tells of logs that nobody serves.
  Status wait_for_leaders();
  /// Tells the controller, or ends the process when no log directory is left, as Apache Kafka does.
  void on_dir_failure(const std::string& dir);
  Awaitable<void> publish_dir_failure();
  /// A log came after its partition had its role.
  void on_log_loaded();
  void serve();
  void follow_logging_levels();
  /// What changes while the broker runs and is followed here: limits on connections, listeners and advertised addresses (Kafka 3.9 DynamicListenerConfig),
  /// expiration of producer ids.
  void follow_settings();
  void on_settings(const config::BrokerConfig& before, const config::BrokerConfig& after);
  Awaitable<void> publish_registration();
  Status start_http();
  /// What `moldau snapshot` asks for; only while requests are served.
  void route_snapshot_calls();
  void report_start() const;
  void stop();

  void on_leadership(std::span<const replication::LeadershipChange> changes);
  [[nodiscard]] Result<std::int32_t> offsets_partitions();
  [[nodiscard]] replication::znodes::BrokerRegistration registration() const;
  [[nodiscard]] config::BrokerConfigPtr settings() const { return config.current(); }

  Platform platform;
  config::DynamicConfig config;
  Clock& clock;
  Random& random;
  Health health;
  std::vector<config::MetricFamilyBase::Registration> metrics;
  config::DynamicConfig::Registration logging_registration;
  config::DynamicConfig::Registration settings_registration;
  std::unique_ptr<boost::asio::thread_pool> pool;  ///< Null when the platform drives.
  std::unique_ptr<IoThreads> io;
  Executor blocking;  ///< The pool's, or the driven context's.
  Executor controller_strand;
  Executor config_strand;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<storage::LogManager> logs;
  storage::LogCleaner* cleaner = nullptr;  ///< The logs' own; null with log.cleaner.enable=false.
  storage::BrokerIdentity found;  ///< What meta.properties say.
  std::unique_ptr<replication::MetadataStore> store;
  BrokerId self = kNoBroker;
  std::string cluster_id;
  std::atomic<std::int64_t> broker_epoch{-1};
  std::unique_ptr<replication::MetadataCache> metadata;
  std::shared_ptr<replication::ConfigAdmin> configs;
  std::unique_ptr<replication::ReplicaManager> replicas;
  TaskGroup control_requests{"control requests to this broker", LogCategory::controller};
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
  TaskGroup background{"broker", LogCategory::server};
  std::function<bool()> stop_asked = [] { return false; };  ///< Ends the start early.
  bool logs_opened = false;
  SteadyTime loading_began;  ///< Before the first log is loaded.
  std::atomic<bool> late_roles_due{false};
  std::atomic<bool> stopped = false;
  StopPhases stopping;
};

Broker::Parts::Parts(const config::LoadResult& loaded, Platform p) : platform(std::move(p)), config(loaded), clock(*platform.clock), random(*platform.random) {
  if (platform.driven != nullptr) {
    io = std::make_unique<IoThreads>(*platform.driven);
    blocking = platform.driven->get_executor();
  } else {
    pool = std::make_unique<boost::asio::thread_pool>(static_cast<std::size_t>(settings()->disk_threads));
    blocking = pool->get_executor();
  }
  controller_strand = boost::asio::make_strand(blocking);
  config_strand = boost::asio::make_strand(blocking);
}

Status Broker::Parts::open_storage() {
  const auto cfg = settings();
  auto manager = make_log_manager_config(*cfg);
  if (platform.driven != nullptr) manager.load_threads = 1;
  logs = storage::LogManager::make(std::move(manager), std::make_shared<const config::LogConfig>(cfg->log_defaults), {*platform.disk, clock, random, blocking});
  if (cfg->log_cleaner_enable) {
    const storage::LogCleaner::Seams seams{*platform.disk, clock, random, blocking};
    auto made = std::make_unique<storage::LogCleaner>(make_cleaner_config(*cfg), seams, cfg->data_dirs, [this] { return logs->unified_logs(); });
    cleaner = made.get();
    logs->set_compactor(std::move(made));
  }
  const auto identity = logs->open_dirs();
  if (!identity) return identity.error();
  found = *identity;
  return {};
}

Status Broker::Parts::open_metadata() {
  const auto cfg = settings();
  auto opened = platform.open_store(*cfg);
  if (!opened) return opened.error();
  store = std::move(*opened);
  auto identity = sync_wait(controller_strand, settle_identity(*store, cfg, found, random));
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
    for (const auto& list : {logs->all_logs(), logs->all_futures()})
      for (const auto& log : list)
        if (log->topic_partition().topic == topic) log->update_config(log_config);
  };
  deps.apply_default = [this](std::shared_ptr<const config::LogConfig> defaults) {
    logs->update_default_config(std::move(defaults));
    for (const auto& list : {logs->all_logs(), logs->all_futures()})
      for (const auto& log : list) log->update_config(configs->log_config(log->topic_partition().topic));
  };
  deps.unclean_enabled = [this](const std::string& topic) {
    if (auto* active = controller_started.load(); active != nullptr) active->retry_offline_partitions(topic);
  };
  configs = replication::ConfigAdmin::make(std::move(deps));
  return sync_wait(config_strand, configs->start());
}

Status Broker::Parts::load_logs() {
  health.set(BrokerState::recovery);
  loading_began = clock.steady();
  logs_opened = true;
  health.set_load_progress([this] { return logs->load_progress(); });
  const auto patience = serves_while_recovering(*settings()) ? std::optional(kLoadPatience) : std::nullopt;
  const auto loaded = logs->load_logs([this](const std::string& topic) { return configs->log_config(topic); }, {}, stop_asked, patience);
  if (!loaded) return loaded;
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
      .blocking = blocking,
      .blocking_threads = pool ? static_cast<std::size_t>(cfg->disk_threads) : 1,
      .timers = io->context(0).get_executor(),
      .replica_lag_time_max_ms = cfg->replica_lag_time_max_ms,
      .alter_log_dirs_threads = static_cast<std::size_t>(cfg->num_replica_alter_log_dirs_threads.value_or(static_cast<std::int32_t>(cfg->data_dirs.size()))),
  });
  logs->set_loaded_listener([this] { on_log_loaded(); });
  replicas->set_dir_failure_listener([this](const std::string& dir) { on_dir_failure(dir); });
  offsets_log = std::make_unique<ReplicaCoordinatorLog>(*replicas, std::string(replication::kGroupMetadataTopic), Millis(cfg->offsets_commit_timeout_ms));
  groups = std::make_unique<GroupCoordinator>(GroupCoordinatorDeps{.log = *offsets_log,
                                                                   .clock = clock,
                                                                   .random = random,
                                                                   .threads = io->executors(),
                                                                   .blocking = blocking,
                                                                   .groups = make_group_config(*cfg),
                                                                   .offsets = make_offsets_topic_config(*cfg)});
  fetch_sessions = std::make_unique<FetchSessionCache>(cfg->max_incremental_fetch_session_cache_slots, clock, random);
}

Status Broker::Parts::bind_sockets() {
  const auto cfg = settings();
  services.clock = &clock;
  services.config = &config;
  services.blocking = blocking;
  dispatcher = std::make_unique<RequestDispatcher>(services);
  quotas = std::make_unique<ConnectionQuotas>(make_connection_quota_config(*cfg));
  sockets = std::make_unique<SocketServer>(*io, *platform.network, *dispatcher, *quotas, make_socket_server_config(*cfg));
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
  const auto partitions = offsets_partitions();
  if (!partitions) return partitions.error();
  groups->start(*partitions);
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
                                        .random = random,
                                        .executor = controller_strand,
                                        .channels = {},
                                        .inter_broker_listener = cfg->inter_broker_listener,
                                        .delete_topic_enable = cfg->delete_topic_enable,
                                        .unclean_allowed = {},
                                        .register_again = {}};
  deps.channels = [this, receiver](const replication::LiveBroker&) {
    return replication::make_local_channel(boost::asio::make_strand(blocking), receiver, control_requests);
  };
  deps.unclean_allowed = [this](std::string_view topic) { return configs->log_config(topic)->unclean_leader_election_enable; };
  deps.register_again = [this]() -> Awaitable<Status> {
    const auto again = co_await replication::register_broker(*store, registration());
    if (!again) co_return again.error();
    broker_epoch = *again;
    co_return Status{};
  };
  controller = replication::KafkaController::make(std::move(deps));
  topics = std::make_unique<replication::TopicAdmin>(replication::TopicAdminDeps{.self = self,
                                                                                 .store = *store,
                                                                                 .metadata = *metadata,
                                                                                 .configs = *configs,
                                                                                 .config = config,
                                                                                 .random = random,
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
    if (change.partition.topic != replication::kGroupMetadataTopic) continue;
    if (change.role == Role::leader) {
      groups->on_elected(change.partition.partition, change.leader_epoch);
    } else {
      groups->on_resigned(change.partition.partition, change.role == Role::deleted ? std::nullopt : std::optional(change.leader_epoch));
    }
  }
}

Result<std::int32_t> Broker::Parts::offsets_partitions() {
  const auto node = sync_wait(controller_strand, store->get(replication::znodes::topic_path(replication::kGroupMetadataTopic)));
  if (node) {
    if (const auto topic = replication::znodes::decode_topic(node->data); topic && !topic->partitions.empty())
      return static_cast<std::int32_t>(topic->partitions.size());
  } else if (node.error() != replication::StoreError::no_node) {
    return Error(ErrorCode::unknown_server_error, fmt::format("metadata store: {}", replication::to_string(node.error())));
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

void Broker::Parts::follow_settings() {
  settings_registration = config.on_change([this](const config::BrokerConfig& before, const config::BrokerConfig& after) { on_settings(before, after); });
}

void Broker::Parts::on_settings(const config::BrokerConfig& before, const config::BrokerConfig& after) {
  const bool listeners_changed = before.endpoints != after.endpoints;
  if (listeners_changed)
    for (const auto& failed : sockets->change_listeners(make_listener_configs(after))) MOLDAU_LOG(network, err, "listeners: {}", failed.message);
  if (cleaner != nullptr) cleaner->reconfigure(make_cleaner_config(after));
  if (before.log_dir_min_free_bytes != after.log_dir_min_free_bytes) logs->update_min_free_bytes(after.log_dir_min_free_bytes);
  if (before.producer_id_expiration_ms != after.producer_id_expiration_ms) logs->update_producer_id_expiration(after.producer_id_expiration_ms);
  if (auto limits = make_connection_quota_config(after); limits != make_connection_quota_config(before)) sockets->update_quotas(std::move(limits));
  if (listeners_changed || before.advertised_endpoints != after.advertised_endpoints) background.spawn(controller_strand, publish_registration());
}

Awaitable<void> Broker::Parts::publish_registration() {
  const auto written = co_await replication::update_broker_registration(*store, registration());
  if (!written) MOLDAU_LOG(server, err, "the new listeners are not published: {}", written.error().message);
}

Status Broker::Parts::wait_for_leaders() {
  std::vector<TopicPartition> on_disk;
  for (const auto& log : logs->all_logs()) on_disk.push_back(log->topic_partition());
  auto read = sort_logs(*store, self, std::move(on_disk));
  auto sorted = sync_wait(controller_strand, std::move(read));
  if (!sorted) return sorted.error();
  if (!sorted->strays.empty())
    MOLDAU_LOG(server, warn, "in log.dirs, but not in the metadata, and not served: {}; left as they are", some_of(sorted->strays, kStraysTold));
  auto settled = [this, mine = sorted->mine](const replication::MetadataImage& image) {
    return image.broker(self) != nullptr && image.controller_id() && all_have_leaders(image, mine);
  };
  // In slices, so that a stop is heard; virtual time stands still between them, and its owner stops nothing from outside.
  const auto slice = platform.driven != nullptr ? kSettleTime : kStopCheckInterval;
  for (auto left = kSettleTime; left > Millis(0); left -= slice) {
    auto wait = metadata->wait_until(settled, slice);
    if (sync_wait(Executor(io->context(0).get_executor()), std::move(wait)) || stop_asked()) return {};
  }
  const auto late = without_leader(*metadata->image(), sorted->mine);
  MOLDAU_LOG(server, warn, "after {} ms {}; serving all the same", kSettleTime.count(),
             late.empty() ? "there is no controller" : fmt::format("not every partition has a leader ({} do not: {})", late.size(), some_of(late, kLateTold)));
  return {};
}

void Broker::Parts::on_log_loaded() {
  // One task settles all that are loaded until it has its turn.
  if (late_roles_due.exchange(true)) return;
  background.spawn(blocking, [this]() -> Awaitable<void> {
    // A pass looks at every partition that still waits, which may be thousands: it can't follow each single log, and rests for a share of the time so far.
    const auto loading_for = std::chrono::duration_cast<Millis>(clock.steady() - loading_began);
    Event nothing;
    (void)co_await nothing.wait_for(std::min(loading_for / 16, kLongestRest));
    late_roles_due = false;
    co_await replicas->apply_late_roles();
  });
}

void Broker::Parts::on_dir_failure(const std::string& dir) {
  if (stopped) return;  // the stop closes what can be closed
  if (logs->any_online()) {
    background.spawn(controller_strand, publish_dir_failure());
    return;
  }
  MOLDAU_LOG(server, critical, "Shutdown broker because all log dirs have failed (the last one: {}); mend the disk and start again", dir);
  logger(LogCategory::server).flush();
  platform.halt();
}

Awaitable<void> Broker::Parts::publish_dir_failure() {
  const auto told = co_await replication::propagate_log_dir_event(*store, self);
  if (!told) MOLDAU_LOG(server, err, "the controller is not told of the failed log directory: {}", to_string(told.error()));
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
  follow_settings();
}

Status Broker::Parts::start_http() {
  const auto endpoint = settings()->http_endpoint;
  if (!endpoint) return {};
  http = std::make_unique<HttpServer>(blocking, parse_http_remote_access(settings()->http_remote_access));
  http->route("/healthz", HttpAudience::everyone, [this] { return health.healthz(); });
  http->route("/readyz", HttpAudience::everyone, [this] { return health.readyz(); });
  http->route("/metrics", HttpAudience::everyone, [] { return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text()}; });
  route_snapshot_calls();
  if (const auto listening = http->listen(endpoint->host, static_cast<std::uint16_t>(endpoint->port)); !listening) {
    http.reset();
    if (settings()->http_chosen) return Error(ErrorCode::invalid_config, listening.error().message + "; change http.listeners, or leave it empty");
    MOLDAU_LOG(http, warn, "{}; going on without HTTP (change http.listeners, or leave it empty)", listening.error().message);
  }
  return {};
}

void Broker::Parts::route_snapshot_calls() {
  const auto when_running = [this](auto answer) {
    return [this, answer] { return health.state() == BrokerState::running ? answer() : HttpReply{503, "text/plain; charset=utf-8", "the broker is starting or stopping\n"}; };
  };
  http->route(kSnapshotInternalPath, HttpAudience::this_machine, when_running([this] { return snapshot_outlines(*logs, SnapshotLogs::internal); }));
  http->route(kSnapshotDataPath, HttpAudience::this_machine, when_running([this] { return snapshot_outlines(*logs, SnapshotLogs::data); }));
  const auto metadata_copy = [this] {
    const auto dir = replication::find_embedded_store(settings()->data_dirs);
    return dir ? snapshot_metadata(*store, *dir) : HttpReply{503, "text/plain; charset=utf-8", dir.error().message + "\n"};
  };
  http->route(kSnapshotMetadataPath, HttpAudience::this_machine, when_running(metadata_copy), HttpUse::acts);
}

void Broker::Parts::report_start() const {
  const auto bound_port = [this](std::string_view listener) { return sockets->port(listener); };
  for (const auto& line : start_report(*settings(), self, bound_port, http ? std::optional(http->port()) : std::nullopt)) MOLDAU_LOG(server, info, "{}", line);
}

void Broker::Parts::stop() {
  if (stopped.exchange(true)) return;
  health.set(BrokerState::shutting_down);
  // Health is told until the end; clients find the port closed at once.
  if (sockets) stopping.run("the listeners to close", kStopGrace, [this] { sockets->stop_listening(); });
  stopping.run("a change of settings", kStopGrace, [this] { settings_registration.reset(); });
  if (store) store->stop_retrying();
  stopping.run("tasks of the broker", kStopGrace, [this] { (void)background.join_blocking(kStopGrace); }, [this] { return background.running(); });
  // Groups first: a JoinGroup may wait for minutes, and its connection would for as long as it may.
  if (groups) stopping.run("the groups", kStopGrace, [this] { sync_wait(Executor(blocking), groups->stop()); });
  if (sockets) {
    const auto end_waits = [this] {
      if (replicas) replicas->shutdown();
    };
    stopping.run("connections with requests in flight", 2 * kStopGrace, [this, end_waits] { sockets->stop(kStopGrace, end_waits); }, [this] { return sockets->connections(); });
  }
  if (controller) stopping.run("the controller's event in progress", 2 * kStopGrace, [this] { sync_wait(Executor(blocking), controller->stop()); });
  stopping.run("control requests", kStopGrace, [this] { (void)control_requests.join_blocking(kStopGrace); }, [this] { return control_requests.running(); });
  if (configs) stopping.run("a change of configuration", kStopGrace, [this] { sync_wait(Executor(blocking), configs->stop()); });
  if (replicas) stopping.run("moves between log directories", kStopGrace, [this] {
      replicas->shutdown();
      (void)replicas->join_moves(kStopGrace);
    }, [this] { return replicas->mover().moving(); });
  // The one step without a deadline: whatever became of the others, the logs are closed and vouched for.
  if (logs && logs_opened) stopping.run("the logs to be flushed and closed", std::nullopt, [this] { logs->shutdown(); });
  if (store) stopping.run("the metadata store", kStopGrace, [this] { store->close(); });
  if (http) stopping.run("HTTP", kStopGrace, [this] { http->stop(); });
  stopping.run("threads at work", kStopGrace, [this] {
    if (io) io->stop();
    if (pool) {
      pool->stop();
      pool->join();
    }
  });
  health.set(BrokerState::not_running);
}

Broker::Broker(const config::LoadResult& loaded) : Broker(loaded, system_platform()) {}

Broker::Broker(const config::LoadResult& loaded, Platform platform) : parts_(std::make_unique<Parts>(loaded, std::move(platform))) {}

Broker::~Broker() {
  stop();
  if (parts_->stopping.left_behind()) (void)parts_.release();  // what was left behind still uses them
}

Status Broker::start(const std::function<bool()>& stop_asked) {
  const auto began = std::chrono::steady_clock::now();
  auto& p = *parts_;
  if (stop_asked) p.stop_asked = stop_asked;
  p.health.set(BrokerState::starting);
  p.metrics = config::register_process_metrics();
  p.follow_logging_levels();
  if (!p.io) p.io = std::make_unique<IoThreads>(static_cast<std::size_t>(p.settings()->io_thread_count()));
  if (auto s = p.start_http(); !s) return s;
  if (auto s = p.open_storage(); !s) return s;
  if (auto s = p.open_metadata(); !s) return s;
  if (p.stop_asked()) return start_stopped();
  auto unknown = refuse_unknown_logs(*p.store, *p.platform.disk, p.settings()->data_dirs);
  if (auto s = sync_wait(p.controller_strand, std::move(unknown)); !s) return s;
  if (auto s = p.load_logs(); !s) return s;
  if (auto s = p.bind_sockets(); !s) return s;
  p.make_replicas();
  if (auto s = p.join_cluster(); !s) return s;
  if (auto s = p.wait_for_leaders(); !s) return s;
  if (p.stop_asked()) return start_stopped();
  p.serve();
  p.health.set(BrokerState::running);
  MOLDAU_LOG(server, info, "[KafkaServer id={}] started in {} ms (port {})", p.self,
             std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count(),
             p.sockets->port(p.settings()->inter_broker_listener));
  p.report_start();
  return {};
}

void Broker::stop() { parts_->stop(); }

const Services& Broker::services() const noexcept { return parts_->services; }

}  // namespace moldau::server
