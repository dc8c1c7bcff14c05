// TopicAdmin: creation, expansion and deletion of topics as requests ask for them (Kafka 3.9 ZkAdminManager, AdminZkClient, AutoTopicCreationManager).
//
// It checks, writes znodes, and waits until this broker's metadata shows the outcome; what happens in between is the controller's doing. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/describe.h"
#include "config/dynamic_config.h"
#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/event.h"
#include "protocol/base/ids.h"
#include "protocol/base/random.h"
#include "replication/admin/config_admin.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

/// What one request may create, all its topics together. DIFFERS: Apache Kafka with ZooKeeper takes any number and ends out of memory; with KRaft it refuses more than
/// as many partitions with POLICY_VIOLATION.
inline constexpr std::int32_t kMaxPartitionsPerRequest = 10'000;
inline constexpr std::int64_t kMaxReplicasPerRequest = 100'000;

struct TopicSpec {
  std::string name;
  std::int32_t partitions = -1;         ///< -1: num.partitions
  std::int16_t replication_factor = -1; ///< -1: default.replication.factor
  std::vector<std::pair<std::int32_t, std::vector<BrokerId>>> assignments;
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};

struct CreatedTopic {
  std::string name;
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> message;
  TopicId id;
  std::int32_t partitions = -1;
  std::int16_t replication_factor = -1;
  std::vector<config::ConfigEntry> configs;
};

struct NewPartitionsSpec {
  std::string topic;
  std::int32_t count = 0;
  std::optional<std::vector<std::vector<BrokerId>>> assignments;
};

/// Outcome for one topic; `message` is Kafka's, nothing where Kafka sends null.
struct TopicOutcome {
  std::string name;
  TopicId id;
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> message;
};

struct TopicAdminDeps {
  BrokerId self;
  MetadataStore& store;
  MetadataCache& metadata;
  ConfigAdmin& configs;
  config::DynamicConfig& config;
  Random& random;
  std::function<bool()> is_controller;
  /// A single node: internal topics get no more replicas than there are brokers (DIFFERS: Apache Kafka refuses to create them).
  bool cap_internal_replication = false;
};

class TopicAdmin final : public StoreListener {
 public:
  explicit TopicAdmin(TopicAdminDeps deps);
  ~TopicAdmin() override;
  TopicAdmin(const TopicAdmin&) = delete;
  TopicAdmin& operator=(const TopicAdmin&) = delete;

  /// This broker may serve CreateTopics, DeleteTopics and CreatePartitions (others answer NOT_CONTROLLER).
  [[nodiscard]] bool is_controller() const { return deps_.is_controller(); }

  /// One outcome a topic, in order. Waits until all created partitions have a leader here; REQUEST_TIMED_OUT (the topic is there nevertheless) when that
  /// takes longer, or when the store is away. INVALID_PARTITIONS above kMaxPartitionsPerRequest. REQUIRES: no name twice.
  Awaitable<std::vector<CreatedTopic>> create_topics(std::vector<TopicSpec> topics, Millis timeout, bool validate_only);
  /// Waits until the topics are gone from this broker's metadata and their nodes from the store.
  Awaitable<std::vector<TopicOutcome>> delete_topics(std::vector<std::string> names, Millis timeout);
  Awaitable<std::vector<TopicOutcome>> create_partitions(std::vector<NewPartitionsSpec> topics, Millis timeout, bool validate_only);

  /// Creates topics that a client named, with the broker's defaults; internal topics with their own settings. All are written together. One code a topic, when its leaders
  /// are live: none; LEADER_NOT_AVAILABLE when that takes longer than `wait`, and for those beyond kMaxPartitionsPerRequest, whose turn comes when the client asks again;
  /// INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR, ...
  Awaitable<std::vector<ErrorCode>> auto_create(std::vector<std::string> topics, Millis wait);
  Awaitable<ErrorCode> auto_create(std::string topic, Millis wait);

  void on_store_event(const StoreEvent& event) override;

 private:
  struct Planned;
  struct Room;
  class Creations;

  /// Checks topics and finds places for their replicas, with one look into the store for all; each says whether it is good.
  Awaitable<std::vector<Planned>> plan(const std::vector<TopicSpec>& specs, SteadyTime deadline);
  Status plan_replicas(const TopicSpec& spec, Room& room, Planned& out);
  Awaitable<void> check_free(std::vector<Planned>& topics, SteadyTime deadline);
  Awaitable<void> write_topics(std::vector<Planned>& topics, SteadyTime deadline);
  [[nodiscard]] TopicSpec auto_created_spec(const std::string& topic, std::size_t live_brokers) const;
  Awaitable<Status> plan_partitions(const NewPartitionsSpec& spec, Room& room, SteadyTime deadline, bool validate_only);
  /// When to give up a store that is away, for a request with this timeout.
  [[nodiscard]] SteadyTime store_deadline(Millis timeout) const;
  // Locks are taken in plain functions only: g++ 12 may keep a guard of a coroutine's scope locked.
  bool begin_creation(const std::string& topic);
  void end_creation(const std::string& topic);
  void add_removal_waiter(const std::string& path, const std::shared_ptr<Event>& waiter);
  void forget_removal_waiter(const std::shared_ptr<Event>& waiter);
  Awaitable<bool> wait_for_removal(std::string topic, SteadyTime deadline);

  TopicAdminDeps deps_;
  std::mutex mutex_;  // guards what follows
  std::set<std::string, std::less<>> creating_;  // auto-creations in progress
  std::multimap<std::string, std::shared_ptr<Event>, std::less<>> removals_;  // who waits for a node to go, by its path
};

}  // namespace moldau::replication
