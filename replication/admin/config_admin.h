// ConfigAdmin: configurations of topics and brokers as they stand in the store (Kafka 3.9 ZkAdminManager, ConfigAdminManager, ZkConfigManager).
//
// A change writes /config/<entity>, then a notification under /config/changes; every broker that sees the notification reads the entity again and applies it.
// The alter calls return when this broker has applied their change itself, so that who changes a key and reads it back sees it (DIFFERS: Apache Kafka answers
// before). Thread-safe; notifications are worked on by one coroutine at a time on `executor`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/alter.h"
#include "config/describe.h"
#include "config/dynamic_config.h"
#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "replication/metadata/metadata_cache.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::replication {

/// Numbers of ConfigResource.Type on the wire.
enum class ConfigResourceType : std::int8_t { unknown = 0, topic = 2, broker = 4, broker_logger = 8, client_metrics = 16, group = 32 };

struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::unknown;
  std::string name;

  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};

struct ConfigAdminDeps {
  BrokerId self;
  MetadataStore& store;
  MetadataCache& metadata;
  config::DynamicConfig& config;
  Clock& clock;
  Executor executor;  ///< A strand: notifications are handled there.
  /// A topic's effective configuration changed: brings it to its logs.
  std::function<void(const std::string& topic, std::shared_ptr<const config::LogConfig> log_config)> apply_topic;
  /// The default of all topics changed (a dynamic broker key): the logs' manager and all logs.
  std::function<void(std::shared_ptr<const config::LogConfig> defaults)> apply_default;
  /// unclean.leader.election.enable went on for a topic (empty: the broker's default).
  std::function<void(const std::string& topic)> unclean_enabled;
};

class ConfigAdmin final : public StoreListener, public std::enable_shared_from_this<ConfigAdmin> {
 public:
  static std::shared_ptr<ConfigAdmin> make(ConfigAdminDeps deps);
  ~ConfigAdmin() override;

  /// Reads the brokers' dynamic configurations and those of all topics, and applies them; from then on follows the notifications. Before logs are loaded.
  Awaitable<Status> start();
  /// Takes no more notifications, waits for the one in progress; changes that wait to be applied return.
  Awaitable<void> stop();

  // ---- what topics are configured as ----
  /// The topic's own keys, as known here.
  [[nodiscard]] config::Settings topic_settings(std::string_view topic) const;
  /// The effective configuration, never older than a change that put_topic() or a notification brought before the call. A topic unknown here is read from the
  /// store: REQUIRES a thread that may block then (log creation runs on one).
  std::shared_ptr<const config::LogConfig> log_config(std::string_view topic);
  [[nodiscard]] std::shared_ptr<const config::LogConfig> default_log_config() const;
  /// A topic is about to be created with these keys.
  void put_topic(const std::string& topic, config::Settings settings);
  /// A topic is gone.
  void forget_topic(std::string_view topic);

  // ---- requests ----
  /// UNKNOWN_TOPIC_OR_PARTITION (with an empty message), INVALID_TOPIC_EXCEPTION, INVALID_REQUEST. `keys`: nothing or empty: all.
  Result<std::vector<config::ConfigEntry>> describe(const ConfigResource& resource, const std::optional<std::set<std::string, std::less<>>>& keys) const;
  /// Replaces all keys of a topic or broker (AlterConfigs).
  Awaitable<Status> alter(ConfigResource resource, std::vector<std::pair<std::string, std::optional<std::string>>> entries, bool validate_only);
  Awaitable<Status> incremental_alter(ConfigResource resource, std::vector<config::Alteration> ops, bool validate_only);
  /// The entries that CreateTopics tells of a topic with these keys.
  [[nodiscard]] std::vector<config::ConfigEntry> describe_new_topic(const config::Settings& settings) const;

  void on_store_event(const StoreEvent& event) override;
  void on_session_state(SessionState state) override;

 private:
  struct Waiter;
  explicit ConfigAdmin(ConfigAdminDeps deps);

  Awaitable<Status> alter_topic(std::string topic, config::Settings settings, bool validate_only);
  Awaitable<Status> alter_broker(std::string name, config::Settings settings, bool validate_only);
  Status alter_loggers(std::string_view name, std::span<const config::Alteration> ops, bool validate_only);
  Status check_own_id(std::string_view name) const;
  Awaitable<Status> write_entity(std::string entity_path, config::Settings settings);

  void schedule();
  Awaitable<void> follow();
  Awaitable<void> handle_notifications();
  Awaitable<void> apply_entity(std::string entity_path);
  void apply_topic_settings(const std::string& topic, config::Settings settings);
  void rebuild_defaults();
  /// What is known of a topic's configuration at one moment.
  struct Known {
    std::shared_ptr<const config::LogConfig> effective;  ///< Null: has to be made.
    std::optional<config::Settings> settings;            ///< Nothing: the topic is not known.
    std::uint64_t revision = 0;
  };
  [[nodiscard]] Known look_up(std::string_view topic) const;
  [[nodiscard]] config::Settings read_topic(std::string_view topic) const;
  /// Keeps what was made of a look-up; null when a change came since.
  std::shared_ptr<const config::LogConfig> keep(std::string_view topic, const config::Settings& settings, std::shared_ptr<const config::LogConfig> made, std::uint64_t revision);
  void finish_up_to(std::int64_t number);
  // Locks are taken in plain functions only: g++ 12 may keep a guard of a coroutine's scope locked.
  void begin_stop();
  bool next_round();
  std::int64_t handled() const;
  void set_handled(std::int64_t number);
  bool add_waiter(const std::shared_ptr<Waiter>& waiter);
  void remove_waiter(const std::shared_ptr<Waiter>& waiter);

  ConfigAdminDeps deps_;
  config::DynamicConfig::Registration registration_;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, config::Settings, std::less<>> topics_;  // own keys; every known topic has an entry
  std::map<std::string, std::shared_ptr<const config::LogConfig>, std::less<>> effective_;  // of topics with keys of their own
  std::shared_ptr<const config::LogConfig> defaults_;
  std::uint64_t revision_ = 0;  // of the three above: raised by each change
  std::int64_t handled_ = -1;  // highest notification number worked on
  bool following_ = false;
  bool again_ = false;
  bool stopped_ = false;
  std::vector<std::shared_ptr<Waiter>> waiters_;

  TaskGroup tasks_{"configuration changes", LogCategory::config};
};

/// "ConfigResource(type=TOPIC, name='t')", as messages name it.
std::string to_string(const ConfigResource& resource);
std::string_view to_string(ConfigResourceType type) noexcept;

}  // namespace moldau::replication
