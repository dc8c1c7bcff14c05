#include "replication/controller/kafka_controller.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

#include "config/metric_handles.h"
#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::replication {

namespace asio = boost::asio;

namespace {

constexpr Millis kStopWait{30'000};

std::uint64_t micros(std::chrono::steady_clock::duration time) { return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()); }

}  // namespace

std::shared_ptr<KafkaController> KafkaController::make(KafkaControllerDeps deps) { return std::shared_ptr<KafkaController>(new KafkaController(std::move(deps))); }

KafkaController::KafkaController(KafkaControllerDeps deps)
    : deps_(std::move(deps)),
      store_(deps_.store),
      batch_(context_, deps_.self, deps_.inter_broker_listener),
      partitions_(context_, batch_),
      replicas_(context_, batch_) {}

KafkaController::~KafkaController() { deps_.store.remove_listener(this); }

void KafkaController::start() {
  deps_.store.add_listener(this);
  enqueue("Startup", [this] { return on_controller_change(); });
}

// ---- event loop ----

void KafkaController::enqueue(std::string name, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back({std::move(name), std::move(work), std::chrono::steady_clock::now()});
    config::metrics().event_queue_size.set(static_cast<double>(queue_.size()));
    if (running_) return;
    running_ = true;
  }
  // The loop ends when the queue is empty, and holds the controller meanwhile. Refused: the controller has stopped.
  tasks_.spawn(deps_.executor, [self = shared_from_this()] { return self->run_events(); });
}

Awaitable<void> KafkaController::run_events() {
  co_await asio::post(asio::use_awaitable);  // never on the stack of whoever queued the event
  // What the gauges show is counted when there is nothing else to do.
  while (auto next = next_event()) {
    config::metrics().event_queue_time.record(micros(std::chrono::steady_clock::now() - next->since));
    co_await run_one(std::move(next->name), std::move(next->work));
    if (is_idle()) publish_metrics();
  }
}

bool KafkaController::is_idle() {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

std::optional<KafkaController::Queued> KafkaController::next_event() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    running_ = false;
    return std::nullopt;
  }
  std::optional next(std::move(queue_.front()));
  queue_.pop_front();
  config::metrics().event_queue_size.set(static_cast<double>(queue_.size()));
  return next;
}

void KafkaController::drop_events() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  queue_.clear();
  config::metrics().event_queue_size.set(0);
  stop_.set();
}

namespace {

/// Records how long an event took under the name that Apache Kafka gives it; events without a metric pass.
void record_event(std::string_view name, std::chrono::steady_clock::duration took) {
  const auto us = micros(took);
  const auto& m = config::metrics();
  if (name == "TopicChange")
    m.topic_change_time.record(us);
  else if (name == "TopicDeletion" || name == "TopicDeletionStopReplicaResponse")
    m.topic_deletion_time.record(us);
  else if (name == "IsrChangeNotification")
    m.isr_change_time.record(us);
  else if (name == "Startup" || name == "Reelect" || name == "ControllerChange")
    m.controller_change_time.record(us);
  else if (name == "BrokerChange")
    m.leader_election_time.record(us);
  else if (name == "LeaderAndIsrResponse")
    m.leader_and_isr_response_time.record(us);
}

}  // namespace

void KafkaController::publish_metrics() const {
  const auto& m = config::metrics();
  std::size_t partitions = 0;
  std::size_t offline = 0;
  std::size_t imbalanced = 0;
  for (const auto& [name, topic] : context_.topics) {
    partitions += topic.partitions.size();
    if (context_.is_queued_for_deletion(name)) continue;
    for (const auto& [number, p] : topic.partitions) {
      if (p.state != PartitionStateName::online) ++offline;
      if (p.leadership && !p.assignment.replicas.empty() && p.leadership->leader != p.assignment.replicas.front()) ++imbalanced;
    }
  }
  m.active_controller_count.set(is_active() ? 1 : 0);
  m.active_broker_count.set(static_cast<double>(context_.live_brokers.size()));
  m.global_topic_count.set(static_cast<double>(context_.topics.size()));
  m.global_partition_count.set(static_cast<double>(partitions));
  m.offline_partitions_count.set(static_cast<double>(offline));
  m.preferred_replica_imbalance_count.set(static_cast<double>(imbalanced));
  m.topics_to_delete_count.set(static_cast<double>(context_.topics_to_delete.size()));
  m.topics_ineligible_to_delete_count.set(static_cast<double>(context_.topics_ineligible_for_deletion.size()));
}

Awaitable<void> KafkaController::run_one(std::string name, Work work) {
  const auto began = std::chrono::steady_clock::now();
  bool moved = false;
  bool lost = false;
  try {
    co_await work();
  } catch (const ControllerMoved& e) {
    MOLDAU_LOG(controller, info, "{}: {}", name, e.what());
    moved = true;
  } catch (const StoreLost& e) {
    MOLDAU_LOG(controller, warn, "{} is given up: {}", name, e.what());
    lost = true;
  } catch (const StoreFailure& e) {
    MOLDAU_LOG(controller, warn, "{} is given up: {}", name, e.what());
  } catch (const std::exception& e) {
    MOLDAU_LOG(controller, err, "{} failed: {}", name, e.what());
  }
  record_event(name, std::chrono::steady_clock::now() - began);
  // An election that broke off leaves half a context, a lost store one that is out of date (Kafka 3.9 KafkaController.triggerControllerMove).
  const bool broken = std::exchange(electing_, false) || lost;
  if (!moved && !broken) co_return;
  resign();
  if (moved)
    enqueue("Reelect", [this] { return join_election(); });
  else if (!std::exchange(retry_queued_, true))
    enqueue("Reelect", [this] { return retry_election(); });
}

Awaitable<void> KafkaController::stop() {
  deps_.store.remove_listener(this);
  const auto self = shared_from_this();
  drop_events();
  const bool ended = co_await tasks_.join(kStopWait);
  if (!ended) {
    MOLDAU_LOG(controller, warn, "the controller's event in progress does not end; stopping all the same");
    co_return;  // it may still use the context
  }
  // The loop has ended and no event starts any more: nobody else touches the context.
  resign();
  publish_metrics();
}

void KafkaController::on_store_event(const StoreEvent& event) {
  const auto& path = event.path;
  const auto when_active = [this](const char* name, auto make) {
    enqueue(name, [this, make]() -> Awaitable<void> {
      if (is_active()) co_await make();
    });
  };
  if (path == znodes::kController) {
    const bool gone = event.type == StoreEventType::node_deleted;
    enqueue(gone ? "Reelect" : "ControllerChange", [this] { return on_controller_change(); });
  } else if (path == znodes::kTopics) {
    when_active("TopicChange", [this] { return on_topics_changed(); });
  } else if (path == znodes::kBrokerIds) {
    when_active("BrokerChange", [this] { return on_brokers_changed(); });
  } else if (path == znodes::kDeleteTopics) {
    when_active("TopicDeletion", [this] { return on_topic_deletions(); });
  } else if (path == znodes::kLogDirEvents) {
    when_active("LogDirEventNotification", [this] { return on_log_dir_events(); });
  } else if (path == znodes::kIsrChanges) {
    when_active("IsrChangeNotification", [this] { return on_isr_changes(); });
  } else if (event.type == StoreEventType::node_data_changed && path.size() > znodes::kTopics.size() + 1 && path.starts_with(znodes::kTopics)) {
    auto topic = path.substr(znodes::kTopics.size() + 1);
    if (topic.find('/') == std::string::npos) when_active("PartitionModifications", [this, topic] { return on_partitions_modified(topic); });
  } else if (event.type == StoreEventType::node_data_changed && path.size() > znodes::kBrokerIds.size() + 1 && path.starts_with(znodes::kBrokerIds)) {
    std::int32_t id = 0;
    const auto* end = path.data() + path.size();
    if (std::from_chars(path.data() + znodes::kBrokerIds.size() + 1, end, id).ptr == end) when_active("BrokerModifications", [this, id] { return on_broker_modified(BrokerId(id)); });
  }
}

void KafkaController::on_session_state(SessionState state) {
  if (state == SessionState::expired) enqueue("Expire", [this] { return on_session_expired(); });
}

void KafkaController::retry_offline_partitions(std::string topic) {
  enqueue("UncleanLeaderElectionEnable", [this, topic = std::move(topic)]() -> Awaitable<void> {
    if (!is_active()) co_return;
    std::vector<TopicPartition> retry;
    for (auto& tp : context_.partitions_in(PartitionStateName::new_partition, PartitionStateName::offline))
      if ((topic.empty() || tp.topic == topic) && !context_.is_queued_for_deletion(tp.topic)) retry.push_back(std::move(tp));
    co_await bring_online(std::move(retry), ElectionStrategy::offline);
  });
}

// ---- election (reference/zookeeper.md §5) ----

Awaitable<void> KafkaController::on_controller_change() {
  electing_ = true;
  bool led = co_await see_controller();
  while (!led) {
    co_await elect();
    led = co_await see_controller();
  }
  electing_ = false;
}

Awaitable<bool> KafkaController::see_controller() {
  const std::string path(znodes::kController);
  const auto node = co_await deps_.store.get(path, true);
  if (node) {
    const auto holder = znodes::decode_controller(node->data);
    if (!holder) MOLDAU_LOG(controller, err, "znode {} is not understood: {}", path, holder.error().message);
    const bool mine = holder && holder->broker_id == deps_.self && node->stat.ephemeral_owner == deps_.store.session_id();
    if (!mine && is_active()) resign();
    if (!mine || is_active()) co_return true;
    // We hold the node and do not lead: an event broke off. Nobody can be elected before it is gone.
    const auto removed = co_await deps_.store.remove(path, node->stat.version);
    if (!removed && removed.error() != StoreError::no_node && removed.error() != StoreError::bad_version) throw StoreFailure(std::string(to_string(removed.error())));
  } else if (node.error() != StoreError::no_node) {
    throw StoreFailure(std::string(to_string(node.error())));
  }
  // The watch of a missing node is set by exists().
  const auto there = co_await deps_.store.exists(path, true);
  bool led = false;
  if (there)
    led = co_await see_controller();
  else if (is_active())
    resign();
  co_return led;
}

Awaitable<void> KafkaController::on_session_expired() {
  resign();
  unregistered_ = true;
  co_await join_election();
}

Awaitable<void> KafkaController::join_election() {
  electing_ = true;
  if (unregistered_ && deps_.register_again) {
    const auto registered = co_await deps_.register_again();
    if (!registered) throw StoreFailure(registered.error().message);
  }
  unregistered_ = false;
  co_await on_controller_change();
}

Awaitable<void> KafkaController::retry_election() {
  retry_queued_ = false;
  const auto backoff = std::exchange(retry_backoff_, std::min(retry_backoff_ * 2, kLongestRetry));
  const bool stopped = co_await stop_.wait_for(backoff);
  if (stopped) co_return;
  co_await join_election();
}

Awaitable<void> KafkaController::elect() {
  auto& store = deps_.store;
  const std::string epoch_path(znodes::kControllerEpoch);
  auto current = co_await store.get(epoch_path);
  if (!current && current.error() == StoreError::no_node) {
    // First election ever: epoch 0 is made, then raised to 1 with the controller node.
    const auto made = co_await store.create(epoch_path, "0");
    if (!made && made.error() != StoreError::node_exists) throw StoreFailure(std::string(to_string(made.error())));
    current = co_await store.get(epoch_path);
  }
  if (!current) throw StoreFailure(std::string(to_string(current.error())));
  const auto epoch = znodes::decode_epoch(current->data);
  if (!epoch) throw StoreFailure(epoch_path + ": " + epoch.error().message);
  const auto next = *epoch + 1;

  znodes::ControllerNode me;
  me.broker_id = deps_.self;
  me.timestamp_ms = deps_.clock.wall_ms();
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::create(std::string(znodes::kController), znodes::encode(me), CreateMode::ephemeral));
  ops.push_back(StoreOp::set(epoch_path, std::to_string(next), current->stat.version));
  auto answer = co_await store.multi(std::move(ops));
  std::int32_t version = current->stat.version + 1;
  if (answer.ok()) {
    version = answer.results[1].stat.version;
  } else if (answer.error == StoreError::node_exists || answer.error == StoreError::bad_version) {
    // A lost answer looks like a lost election: we won if the node is our session's and the epoch is the one we wanted.
    const auto node = co_await store.get(std::string(znodes::kController), true);
    const auto now = co_await store.get(epoch_path);
    const bool won = node && now && node->stat.ephemeral_owner == store.session_id() && znodes::decode_epoch(now->data) && *znodes::decode_epoch(now->data) == next;
    if (!won) {
      MOLDAU_LOG(controller, debug, "another broker was elected controller");
      co_return;
    }
    version = now->stat.version;
  } else {
    throw StoreFailure(std::string(to_string(answer.error)));
  }
  // Watched from now on: its deletion (by an operator) makes us resign.
  static_cast<void>(co_await store.get(std::string(znodes::kController), true));
  context_.clear();
  context_.epoch = next;
  context_.epoch_version = version;
  store_.set_epoch_version(version);
  epoch_.store(next, std::memory_order_release);
  active_.store(true, std::memory_order_release);
  MOLDAU_LOG(controller, info, "broker {} is the controller, epoch {}", deps_.self, next);
  co_await fail_over();
  retry_backoff_ = kFirstRetry;
}

void KafkaController::resign() {
  if (active_.exchange(false)) MOLDAU_LOG(controller, info, "broker {} is no longer the controller", deps_.self);
  channels_.clear();
  static_cast<void>(batch_.take());
  context_.clear();
}

}  // namespace moldau::replication
