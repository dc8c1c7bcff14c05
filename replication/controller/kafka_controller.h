// KafkaController (Kafka 3.9, same name): elects itself on /controller, and while it holds that node runs the cluster: topics, partitions, brokers, deletions.
//
// One event at a time, in the order of arrival, on one executor (a strand): watches of the store, answers of brokers and calls from outside only queue events.
// While an event waits for the store no other event runs, so the context changes between events only. Decisions are made by the pure parts
// (state_machines.h, leader_election.h, request_batch.h); this class does their I/O.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/random.h"
#include "protocol/base/task_group.h"
#include "replication/controller/broker_channel.h"
#include "replication/controller/controller_context.h"
#include "replication/controller/controller_store.h"
#include "replication/controller/request_batch.h"
#include "replication/controller/state_machines.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

struct KafkaControllerDeps {
  BrokerId self;
  MetadataStore& store;
  Clock& clock;
  Random& random;
  Executor executor;  ///< Runs one task at a time (a strand).
  BrokerChannelFactory channels;
  std::string inter_broker_listener;
  bool delete_topic_enable = true;
  /// unclean.leader.election.enable of a topic, now.
  std::function<bool(std::string_view topic)> unclean_allowed;
  /// After an expired session, before the new election: registers the broker again. Called until it succeeds.
  std::function<Awaitable<Status>()> register_again;
};

class KafkaController final : public StoreListener, public std::enable_shared_from_this<KafkaController> {
 public:
  static std::shared_ptr<KafkaController> make(KafkaControllerDeps deps);
  ~KafkaController() override;

  /// Watches /controller and takes part in the election. REQUIRES: the broker is registered.
  void start();
  /// Takes no more events, waits for the one in progress, closes the channels. /controller goes with the session. REQUIRES: not on `executor`'s only thread.
  Awaitable<void> stop();

  /// This broker is the controller.
  [[nodiscard]] bool is_active() const noexcept { return active_.load(std::memory_order_acquire); }
  /// Epoch of its last election; 0: never elected.
  [[nodiscard]] std::int32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  /// The unclean election switch of a topic (or, with an empty name, the broker's default) went on: offline partitions are tried again.
  void retry_offline_partitions(std::string topic);

  // StoreListener
  void on_store_event(const StoreEvent& event) override;
  void on_session_state(SessionState state) override;

 private:
  static constexpr Millis kFirstRetry{200};
  static constexpr Millis kLongestRetry{5000};

  using Work = std::function<Awaitable<void>()>;
  /// An event that waits. The queue's bound: a watch fires once until its event has read the node again, and a request to a broker is answered once.
  struct Queued {
    std::string name;
    Work work;
    std::chrono::steady_clock::time_point since;
  };
  explicit KafkaController(KafkaControllerDeps deps);

  // ---- event loop (kafka_controller.cc) ----
  void enqueue(std::string name, Work work);
  // Locks are taken in plain functions only: g++ 12 may keep a guard of a coroutine's scope locked.
  std::optional<Queued> next_event();
  void publish_metrics() const;
  void drop_events();
  bool is_idle();
  Awaitable<void> run_events();
  Awaitable<void> run_one(std::string name, Work work);

  // ---- election ----
  Awaitable<void> on_controller_change();
  /// True when somebody leads, we or another; false when /controller is free.
  Awaitable<bool> see_controller();
  Awaitable<void> on_session_expired();
  Awaitable<void> join_election();
  Awaitable<void> retry_election();
  Awaitable<void> elect();
  Awaitable<void> fail_over();
  Awaitable<void> prepare_features();
  Awaitable<void> load_context();
  void resign();

  // ---- events of the active controller (controller_events.cc) ----
  Awaitable<void> on_brokers_changed();
  Awaitable<void> on_broker_modified(BrokerId id);
  Awaitable<void> on_topics_changed();
  Awaitable<void> on_partitions_modified(std::string topic);
  Awaitable<void> on_topic_deletions();
  Awaitable<void> on_log_dir_events();
  Awaitable<void> on_isr_changes();
  Awaitable<void> on_leader_and_isr_answer(BrokerId broker, ControlResponse response);
  Awaitable<void> on_stop_replica_answer(BrokerId broker, std::vector<TopicPartition> deleted, ControlResponse response);

  Awaitable<void> brokers_started(const std::vector<BrokerId>& brokers);
  Awaitable<void> brokers_failed(const std::vector<BrokerId>& brokers);
  Awaitable<void> replicas_became_offline(std::vector<PartitionReplica> replicas);
  Awaitable<void> create_partitions(std::vector<TopicPartition> partitions);
  Awaitable<void> resume_deletions();
  Awaitable<void> delete_partitions_of(std::vector<std::string> topics);

  // ---- state changes with their I/O (controller_io.cc) ----
  Awaitable<void> bring_online(std::vector<TopicPartition> partitions, ElectionStrategy strategy);
  Awaitable<void> elect_leaders(std::vector<TopicPartition> partitions, ElectionStrategy strategy);
  Awaitable<void> take_offline(std::vector<PartitionReplica> replicas);
  Awaitable<void> shrink_isr(std::vector<PartitionReplica> replicas);
  void send_batch();
  void send_metadata(const std::vector<BrokerId>& brokers, const std::vector<TopicPartition>& partitions);
  void send(ControllerRequestBatch::Outgoing outgoing);

  KafkaControllerDeps deps_;
  ControllerStore store_;

  // The executor only:
  ControllerContext context_;
  ControllerRequestBatch batch_;
  PartitionStateMachine partitions_;
  ReplicaStateMachine replicas_;
  std::map<BrokerId, std::unique_ptr<BrokerChannel>> channels_;
  bool electing_ = false;      ///< An election is in progress, or was broken off: it has to be tried again.
  bool retry_queued_ = false;
  bool unregistered_ = false;  ///< The session that registered this broker is over.
  Millis retry_backoff_ = kFirstRetry;

  std::atomic<bool> active_{false};
  std::atomic<std::int32_t> epoch_{0};

  std::mutex mutex_;  // guards what follows
  std::deque<Queued> queue_;
  bool running_ = false;
  bool stopping_ = false;

  Event stop_;  ///< Ends the wait before an election is tried again.

  TaskGroup tasks_{"controller", LogCategory::controller};  // the event loop
};

}  // namespace moldau::replication
