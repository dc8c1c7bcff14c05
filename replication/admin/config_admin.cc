#include "replication/admin/config_admin.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <future>

#include "config/topic_config.h"
#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/virtual_time.h"
#include "replication/admin/broker_loggers.h"
#include "replication/admin/topic_names.h"
#include "replication/controller/cluster_membership.h"

namespace moldau::replication {
namespace {

namespace asio = boost::asio;

constexpr std::int64_t kChangeLifeMs = 15 * 60 * 1000;
constexpr Millis kApplyWait{5000};
constexpr Millis kStopWait{10'000};

Error to_error(const config::SettingsError& e, const std::string& prefix) {
  const auto code = e.kind == config::SettingsError::Kind::invalid_request ? ErrorCode::invalid_request : ErrorCode::invalid_config;
  return Error(code, e.bad_value ? prefix + e.message : e.message);
}

Error store_error(StoreError error) { return Error(error_code(error), fmt::format("metadata store: {}", to_string(error))); }

config::Settings to_settings(const znodes::EntityConfig& config) { return {config.begin(), config.end()}; }

}  // namespace

std::string_view to_string(ConfigResourceType type) noexcept {
  switch (type) {
    case ConfigResourceType::topic: return "TOPIC";
    case ConfigResourceType::broker: return "BROKER";
    case ConfigResourceType::broker_logger: return "BROKER_LOGGER";
    case ConfigResourceType::client_metrics: return "CLIENT_METRICS";
    case ConfigResourceType::group: return "GROUP";
    case ConfigResourceType::unknown: break;
  }
  return "UNKNOWN";
}

std::string to_string(const ConfigResource& resource) { return fmt::format("ConfigResource(type={}, name='{}')", to_string(resource.type), resource.name); }

/// Who waits for the notification with this number to be applied here.
struct ConfigAdmin::Waiter {
  explicit Waiter(std::int64_t n) : number(n) {}
  const std::int64_t number;
  Event applied;
};

std::shared_ptr<ConfigAdmin> ConfigAdmin::make(ConfigAdminDeps deps) { return std::shared_ptr<ConfigAdmin>(new ConfigAdmin(std::move(deps))); }

ConfigAdmin::ConfigAdmin(ConfigAdminDeps deps)
    : deps_(std::move(deps)), defaults_(std::make_shared<const config::LogConfig>(deps_.config.current()->log_defaults)) {}

ConfigAdmin::~ConfigAdmin() { deps_.store.remove_listener(this); }

Awaitable<Status> ConfigAdmin::start() {
  // The brokers' keys first: they give the topics' defaults.
  std::vector<std::string> names;
  names.emplace_back(znodes::kDefaultEntity);
  names.push_back(std::to_string(deps_.self.value()));
  for (const auto& name : names) {
    auto settings = co_await read_entity_config(deps_.store, "brokers/" + name);
    if (!settings) co_return settings.error();
    const auto scope = name == znodes::kDefaultEntity ? config::DynamicScope::cluster_default : config::DynamicScope::broker;
    for (const auto& passed_over : deps_.config.apply(scope, to_settings(*settings))) MOLDAU_LOG(config, warn, "/config/brokers/{}: {}", name, passed_over);
  }
  rebuild_defaults();
  auto topics = co_await read_entity_configs(deps_.store, "topics");
  if (!topics) co_return topics.error();
  for (auto& [topic, settings] : *topics) put_topic(topic, to_settings(settings));
  registration_ = deps_.config.on_change([this](const config::BrokerConfig& before, const config::BrokerConfig& after) {
    if (before.log_defaults == after.log_defaults) return;
    rebuild_defaults();
    if (!before.log_defaults.unclean_leader_election_enable && after.log_defaults.unclean_leader_election_enable && deps_.unclean_enabled) deps_.unclean_enabled({});
  });
  deps_.store.add_listener(this);
  // What is there already is older than what was just read.
  const auto changes = co_await deps_.store.children(std::string(znodes::kConfigChanges), true);
  if (!changes) co_return store_error(changes.error());
  std::int64_t last = -1;
  for (const auto& name : *changes) {
    std::int64_t n = -1;
    if (name.starts_with(znodes::kConfigChangePrefix)) std::from_chars(name.data() + znodes::kConfigChangePrefix.size(), name.data() + name.size(), n);
    last = std::max(last, n);
  }
  set_handled(last);
  co_return Status{};
}

void ConfigAdmin::set_handled(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  handled_ = number;
}

std::int64_t ConfigAdmin::handled() const {
  const std::lock_guard lock(mutex_);
  return handled_;
}

bool ConfigAdmin::add_waiter(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || handled_ >= waiter->number) return false;
  waiters_.push_back(waiter);
  return true;
}

void ConfigAdmin::remove_waiter(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  std::erase(waiters_, waiter);
}

bool ConfigAdmin::next_round() {
  const std::lock_guard lock(mutex_);
  if (!again_ || stopped_) {
    following_ = false;
    return false;
  }
  again_ = false;
  return true;
}

void ConfigAdmin::begin_stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& waiter : waiters_) waiter->applied.set();
}

Awaitable<void> ConfigAdmin::stop() {
  deps_.store.remove_listener(this);
  registration_.reset();
  begin_stop();
  const bool ended = co_await tasks_.join(kStopWait);
  if (!ended) MOLDAU_LOG(config, warn, "a configuration change is still being applied; stopping all the same");
}

// ---- configuration of topics ----

config::Settings ConfigAdmin::topic_settings(std::string_view topic) const {
  const std::lock_guard lock(mutex_);
  const auto it = topics_.find(topic);
  return it == topics_.end() ? config::Settings() : it->second;
}

std::shared_ptr<const config::LogConfig> ConfigAdmin::default_log_config() const {
  const std::lock_guard lock(mutex_);
  return defaults_;
}

ConfigAdmin::Known ConfigAdmin::look_up(std::string_view topic) const {
  const std::lock_guard lock(mutex_);
  Known known;
  known.revision = revision_;
  if (const auto made = effective_.find(topic); made != effective_.end()) {
    known.effective = made->second;
  } else if (const auto own = topics_.find(topic); own != topics_.end()) {
    known.settings = own->second;
    if (own->second.empty()) known.effective = defaults_;
  }
  return known;
}

config::Settings ConfigAdmin::read_topic(std::string_view topic) const {
  // Made by another broker, without a notification: its node says it.
  std::promise<std::string> promise;
  auto read = promise.get_future();
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::get(znodes::config_path("topics/" + std::string(topic))));
  deps_.store.submit(std::move(ops), [&promise](std::vector<StoreResponse> answers) { promise.set_value(std::move(answers[0].data)); });
  const auto parsed = znodes::decode_config(block_for(std::move(read)));
  return parsed ? to_settings(*parsed) : config::Settings();
}

std::shared_ptr<const config::LogConfig> ConfigAdmin::keep(std::string_view topic, const config::Settings& settings, std::shared_ptr<const config::LogConfig> made,
                                                           std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  if (revision_ != revision) return nullptr;
  topics_.insert_or_assign(std::string(topic), settings);
  if (settings.empty()) return defaults_;
  effective_.insert_or_assign(std::string(topic), made);
  return made;
}

std::shared_ptr<const config::LogConfig> ConfigAdmin::log_config(std::string_view topic) {
  for (;;) {
    const Known known = look_up(topic);
    if (known.effective) return known.effective;
    const config::Settings settings = known.settings ? *known.settings : read_topic(topic);
    auto made = default_log_config();
    try {
      if (!settings.empty()) made = std::make_shared<const config::LogConfig>(config::make_log_config(*deps_.config.current(), settings));
    } catch (const config::ConfigError& e) {
      MOLDAU_LOG(config, err, "configuration of topic {} is not understood, the defaults are used: {}", topic, e.what());
    }
    // A change that came since the look-up is newer than what was made: look again.
    if (auto kept = keep(topic, settings, std::move(made), known.revision)) return kept;
  }
}

void ConfigAdmin::put_topic(const std::string& topic, config::Settings settings) {
  const std::lock_guard lock(mutex_);
  ++revision_;
  effective_.erase(topic);
  topics_.insert_or_assign(topic, std::move(settings));
}

void ConfigAdmin::forget_topic(std::string_view topic) {
  const std::lock_guard lock(mutex_);
  ++revision_;
  if (const auto it = topics_.find(topic); it != topics_.end()) topics_.erase(it);
  if (const auto it = effective_.find(topic); it != effective_.end()) effective_.erase(it);
}

void ConfigAdmin::rebuild_defaults() {
  const auto now = deps_.config.current();
  auto defaults = std::make_shared<const config::LogConfig>(now->log_defaults);
  std::map<std::string, std::shared_ptr<const config::LogConfig>, std::less<>> changed;
  {
    const std::lock_guard lock(mutex_);
    ++revision_;
    defaults_ = defaults;
    for (auto& [topic, effective] : effective_) {
      try {
        effective = std::make_shared<const config::LogConfig>(config::make_log_config(*now, topics_[topic]));
        changed[topic] = effective;
      } catch (const config::ConfigError& e) {
        MOLDAU_LOG(config, err, "configuration of topic {} is kept as it was: {}", topic, e.what());
      }
    }
  }
  if (deps_.apply_default) deps_.apply_default(defaults);
  if (deps_.apply_topic)
    for (auto& [topic, effective] : changed) deps_.apply_topic(topic, effective);
}

void ConfigAdmin::apply_topic_settings(const std::string& topic, config::Settings settings) {
  const auto before = log_config(topic);
  put_topic(topic, std::move(settings));
  const auto after = log_config(topic);
  if (deps_.apply_topic) deps_.apply_topic(topic, after);
  if (!before->unclean_leader_election_enable && after->unclean_leader_election_enable && deps_.unclean_enabled) deps_.unclean_enabled(topic);
}

// ---- DescribeConfigs ----

Status ConfigAdmin::check_own_id(std::string_view name) const {
  std::int32_t id = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (ec != std::errc{} || end != name.data() + name.size()) return Error(ErrorCode::invalid_request, fmt::format("Node id must be an integer, but it is: {}", name));
  if (id != deps_.self.value()) return Error(ErrorCode::invalid_request, fmt::format("Unexpected broker id, expected {}, but received {}", deps_.self.value(), name));
  return {};
}

std::vector<config::ConfigEntry> ConfigAdmin::describe_new_topic(const config::Settings& settings) const { return config::describe_topic(*deps_.config.layers(), settings); }

Result<std::vector<config::ConfigEntry>> ConfigAdmin::describe(const ConfigResource& resource, const std::optional<std::set<std::string, std::less<>>>& keys) const {
  std::vector<config::ConfigEntry> entries;
  const auto self = deps_.self.value();
  const auto parse_id = [&](std::string_view name) -> std::optional<std::int32_t> {
    std::int32_t id = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), id);
    return ec == std::errc{} && end == name.data() + name.size() ? std::optional(id) : std::nullopt;
  };
  switch (resource.type) {
    case ConfigResourceType::topic:
      if (auto bad = invalid_topic_name(resource.name)) return Error(ErrorCode::invalid_topic_exception, *std::move(bad));
      if (!deps_.metadata.contains(resource.name)) return Error(ErrorCode::unknown_topic_or_partition, "");
      entries = config::describe_topic(*deps_.config.layers(), topic_settings(resource.name));
      break;
    case ConfigResourceType::broker: {
      if (resource.name.empty()) {
        entries = config::describe_cluster_default(*deps_.config.layers());
        break;
      }
      const auto id = parse_id(resource.name);
      if (!id) return Error(ErrorCode::invalid_request, fmt::format("Broker id must be an integer, but it is: {}", resource.name));
      if (*id != self) return Error(ErrorCode::invalid_request, fmt::format("Unexpected broker id, expected {} or empty string, but received {}", self, resource.name));
      entries = config::describe_broker(*deps_.config.layers());
      break;
    }
    case ConfigResourceType::broker_logger: {
      if (resource.name.empty()) return Error(ErrorCode::invalid_request, "Broker id must not be empty");
      const auto id = parse_id(resource.name);
      if (!id) return Error(ErrorCode::invalid_request, fmt::format("Broker id must be an integer, but it is: {}", resource.name));
      if (*id != self) return Error(ErrorCode::invalid_request, fmt::format("Unexpected broker id, expected {} but received {}", self, resource.name));
      for (const auto& [name, level] : broker_loggers()) {
        config::ConfigEntry e;
        e.name = name;
        e.value = level;
        e.source = config::ConfigSource::dynamic_broker_logger;
        entries.push_back(std::move(e));
      }
      break;
    }
    case ConfigResourceType::client_metrics: return Error(ErrorCode::invalid_request, "Config type client-metrics is only supported on KRaft clusters");
    default: return Error(ErrorCode::invalid_request, fmt::format("Unsupported resource type: {}", to_string(resource.type)));
  }
  if (keys && !keys->empty()) std::erase_if(entries, [&](const config::ConfigEntry& e) { return !keys->contains(e.name); });
  return entries;
}

// ---- changes ----

namespace {

Error unknown_type(ConfigResourceType type) {
  return Error(ErrorCode::invalid_request, fmt::format("Unknown resource type {}", static_cast<int>(type)));
}

/// DIFFERS: Apache Kafka answers UNKNOWN_SERVER_ERROR without a message; the same for APPEND and SUBTRACT of an unknown key.
Status check_operations(std::span<const config::Alteration> ops) {
  for (const auto& op : ops) {
    const int number = static_cast<int>(op.operation);
    if (number < 0 || number > 3) return Error(ErrorCode::invalid_request, fmt::format("Unknown operation {} for key {}", number, op.name));
  }
  return {};
}

}  // namespace

Awaitable<Status> ConfigAdmin::alter(ConfigResource resource, std::vector<std::pair<std::string, std::optional<std::string>>> entries, bool validate_only) {
  config::Settings settings;
  std::string nulls;
  for (auto& [key, value] : entries) {
    if (settings.contains(key)) co_return Error(ErrorCode::invalid_request, "Error due to duplicate config keys");
    if (!value) nulls += (nulls.empty() ? "" : ", ") + key;
    settings.emplace(key, value.value_or(""));
  }
  if (!nulls.empty()) co_return Error(ErrorCode::invalid_request, "Null value not supported for : " + nulls);
  switch (resource.type) {
    case ConfigResourceType::topic: co_return co_await alter_topic(std::move(resource.name), std::move(settings), validate_only);
    case ConfigResourceType::broker:
      if (!resource.name.empty())
        if (auto s = check_own_id(resource.name); !s) co_return s;
      co_return co_await alter_broker(std::move(resource.name), std::move(settings), validate_only);
    case ConfigResourceType::broker_logger:
    case ConfigResourceType::client_metrics:
    case ConfigResourceType::group:
      co_return Error(ErrorCode::invalid_request, fmt::format("AlterConfigs is only supported for topics and brokers, but resource type is {}", to_string(resource.type)));
    default: co_return unknown_type(resource.type);
  }
}

Awaitable<Status> ConfigAdmin::incremental_alter(ConfigResource resource, std::vector<config::Alteration> ops, bool validate_only) {
  std::set<std::string_view> seen;
  std::string nulls;
  for (const auto& op : ops) {
    if (!seen.insert(op.name).second) co_return Error(ErrorCode::invalid_request, "Error due to duplicate config keys");
    if (op.operation != config::AlterOperation::remove && !op.value) nulls += (nulls.empty() ? "" : ", ") + op.name;
  }
  if (!nulls.empty()) co_return Error(ErrorCode::invalid_request, "Null value not supported for : " + nulls);
  if (resource.type == ConfigResourceType::broker_logger) co_return alter_loggers(resource.name, ops, validate_only);
  const bool topic = resource.type == ConfigResourceType::topic;
  if (resource.type == ConfigResourceType::client_metrics || resource.type == ConfigResourceType::group)
    co_return Error(ErrorCode::invalid_request, fmt::format("AlterConfigs is only supported for topics and brokers, but resource type is {}", to_string(resource.type)));
  if (!topic && resource.type != ConfigResourceType::broker) co_return unknown_type(resource.type);
  if (!topic && !resource.name.empty())
    if (auto s = check_own_id(resource.name); !s) co_return s;
  if (topic && resource.name.empty()) co_return Error(ErrorCode::invalid_request, "Default topic resources are not allowed.");
  if (auto s = check_operations(ops); !s) co_return s;

  const auto entity = topic ? "topics/" + resource.name : "brokers/" + (resource.name.empty() ? std::string(znodes::kDefaultEntity) : resource.name);
  config::Settings before;
  if (!topic || deps_.metadata.contains(resource.name)) {  // a name that is no topic's may be no path either
    auto current = co_await read_entity_config(deps_.store, entity);
    if (!current) co_return current.error();
    before = to_settings(*current);
  }
  auto altered = config::alter_settings(topic ? config::ResourceKind::topic : config::ResourceKind::broker, std::move(before), ops);
  if (altered.error) co_return to_error(*altered.error, fmt::format("Invalid config value for resource {}: ", to_string(resource)));
  if (topic) co_return co_await alter_topic(std::move(resource.name), std::move(altered.settings), validate_only);
  co_return co_await alter_broker(std::move(resource.name), std::move(altered.settings), validate_only);
}

Awaitable<Status> ConfigAdmin::alter_topic(std::string topic, config::Settings settings, bool validate_only) {
  if (topic.empty()) co_return Error(ErrorCode::invalid_request, "Default topic resources are not allowed.");
  if (!deps_.metadata.contains(topic)) co_return Error(ErrorCode::unknown_topic_or_partition, fmt::format("The topic '{}' does not exist.", topic));
  if (auto bad = config::validate_topic_settings(*deps_.config.current(), settings)) {
    ConfigResource resource;
    resource.type = ConfigResourceType::topic;
    resource.name = topic;
    co_return to_error(*bad, fmt::format("Invalid config value for resource {}: ", to_string(resource)));
  }
  if (validate_only) co_return Status{};
  co_return co_await write_entity("topics/" + topic, std::move(settings));
}

Awaitable<Status> ConfigAdmin::alter_broker(std::string name, config::Settings settings, bool validate_only) {
  const auto scope = name.empty() ? config::DynamicScope::cluster_default : config::DynamicScope::broker;
  if (auto bad = deps_.config.validate(scope, settings)) co_return to_error(*bad, "");
  if (validate_only) co_return Status{};
  // Named before the call: g++ 12 frees the temporaries of a conditional twice in a co_await expression.
  std::string entity = "brokers/";
  entity += name.empty() ? znodes::kDefaultEntity : std::string_view(name);
  co_return co_await write_entity(std::move(entity), std::move(settings));
}

Status ConfigAdmin::alter_loggers(std::string_view name, std::span<const config::Alteration> ops, bool validate_only) {
  if (auto s = check_own_id(name); !s) return s;
  if (auto s = check_operations(ops); !s) return s;
  for (const auto& op : ops) {
    const bool unset = op.operation == config::AlterOperation::remove;
    if (!unset && op.operation != config::AlterOperation::set)
      return Error(ErrorCode::invalid_request, fmt::format("{} operation is not allowed for the BROKER_LOGGER resource", op.operation == config::AlterOperation::append ? "APPEND" : "SUBTRACT"));
    if (auto s = check_broker_logger(op.name, unset ? std::nullopt : op.value); !s) return s;
  }
  if (validate_only) return {};
  for (const auto& op : ops) set_broker_logger(op.name, op.operation == config::AlterOperation::remove ? std::nullopt : op.value);
  return {};
}

Awaitable<Status> ConfigAdmin::write_entity(std::string entity_path, config::Settings settings) {
  const auto path = znodes::config_path(entity_path);
  const znodes::EntityConfig config(settings.begin(), settings.end());
  const auto data = znodes::encode_config(config);
  // The entity, then its notification; together, so that they share a commit. A notification alone does no harm: the entity is read again.
  const auto there = co_await deps_.store.exists(path);
  std::vector<StoreOp> ops;
  ops.push_back(there ? StoreOp::set(path, data) : StoreOp::create(path, data));
  ops.push_back(StoreOp::create(fmt::format("{}/{}", znodes::kConfigChanges, znodes::kConfigChangePrefix), znodes::encode_config_change(entity_path), CreateMode::persistent_sequential));
  const auto answers = co_await deps_.store.pipeline(std::move(ops));
  if (!answers[0].ok()) co_return store_error(answers[0].error);
  if (!answers[1].ok()) co_return store_error(answers[1].error);

  std::int64_t number = 0;
  const auto& made = answers[1].path;
  std::from_chars(made.data() + made.size() - 10, made.data() + made.size(), number);
  const auto waiter = std::make_shared<Waiter>(number);
  if (!add_waiter(waiter)) co_return Status{};
  static_cast<void>(co_await waiter->applied.wait_for(kApplyWait));  // it is in the store: late or not, the change is made
  remove_waiter(waiter);
  co_return Status{};
}

// ---- notifications ----

void ConfigAdmin::on_store_event(const StoreEvent& event) {
  if (event.path == znodes::kConfigChanges) schedule();
}

void ConfigAdmin::on_session_state(SessionState state) {
  if (state == SessionState::connected) schedule();  // a new session has no watches: look, and watch again
}

void ConfigAdmin::schedule() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    again_ = true;
    if (following_) return;
    following_ = true;
  }
  tasks_.spawn(deps_.executor, [self = shared_from_this()] { return self->follow(); });  // refused: stopped
}

Awaitable<void> ConfigAdmin::follow() {
  co_await asio::post(asio::use_awaitable);  // never on the stack of the store's listener
  while (next_round()) {
    try {
      co_await handle_notifications();
    } catch (const std::exception& e) {
      MOLDAU_LOG(config, err, "configuration changes cannot be followed: {}", e.what());
    }
  }
}

Awaitable<void> ConfigAdmin::handle_notifications() {
  const std::string parent(znodes::kConfigChanges);
  // However long the store is away: a change that is passed over would be missing until the next start.
  constexpr auto kEnd = MetadataStore::kUntilStopped;
  std::vector<StoreOp> list;
  list.push_back(StoreOp::children(parent, true));
  auto listed = co_await deps_.store.pipeline(std::move(list), kEnd);
  if (!listed.front().ok()) co_return;
  const auto& names = listed.front().children;
  const auto last = handled();
  std::vector<std::pair<std::int64_t, std::string>> fresh;
  for (const auto& name : names) {
    std::int64_t n = -1;
    if (!name.starts_with(znodes::kConfigChangePrefix)) continue;
    std::from_chars(name.data() + znodes::kConfigChangePrefix.size(), name.data() + name.size(), n);
    if (n > last) fresh.emplace_back(n, parent + "/" + name);
  }
  std::sort(fresh.begin(), fresh.end());
  std::vector<StoreOp> reads;
  for (const auto& [n, path] : fresh) reads.push_back(StoreOp::get(path));
  const auto nodes = co_await deps_.store.pipeline(std::move(reads), kEnd);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].ok() && nodes[i].error != StoreError::no_node) co_return;  // stopped, or a new session looks again
    if (nodes[i].ok()) {
      auto entity = znodes::decode_config_change(nodes[i].data);
      if (entity)
        co_await apply_entity(std::move(*entity));
      else
        MOLDAU_LOG(config, err, "znode {} is ignored: {}", fresh[i].second, entity.error().message);
    }
    finish_up_to(fresh[i].first);
  }
  if (fresh.empty()) co_return;
  // Everybody removes what is old; whoever was down reads the entities themselves when it starts.
  std::vector<StoreOp> looks;
  for (const auto& name : names) looks.push_back(StoreOp::exists(parent + "/" + name));
  const auto stats = co_await deps_.store.pipeline(std::move(looks));
  std::vector<StoreOp> removals;
  for (std::size_t i = 0; i < stats.size(); ++i)
    if (stats[i].ok() && deps_.clock.wall_ms() - stats[i].stat.ctime > kChangeLifeMs) removals.push_back(StoreOp::remove(parent + "/" + names[i]));
  static_cast<void>(co_await deps_.store.pipeline(std::move(removals)));
}

void ConfigAdmin::finish_up_to(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  handled_ = std::max(handled_, number);
  for (const auto& waiter : waiters_)
    if (waiter->number <= handled_) waiter->applied.set();
}

Awaitable<void> ConfigAdmin::apply_entity(std::string entity_path) {
  const auto slash = entity_path.find('/');
  const auto kind = std::string_view(entity_path).substr(0, slash);
  const auto name = entity_path.substr(slash + 1);
  if (kind != "topics" && kind != "brokers") co_return;  // quotas and credentials are not there yet
  const auto config = co_await read_entity_config(deps_.store, entity_path, MetadataStore::kUntilStopped);
  if (!config) {
    MOLDAU_LOG(config, err, "configuration of {} is kept as it was: {}", entity_path, config.error().message);
    co_return;
  }
  if (kind == "topics") {
    apply_topic_settings(name, to_settings(*config));
    co_return;
  }
  const bool all = name == znodes::kDefaultEntity;
  if (!all && name != std::to_string(deps_.self.value())) co_return;
  const auto scope = all ? config::DynamicScope::cluster_default : config::DynamicScope::broker;
  for (const auto& passed_over : deps_.config.apply(scope, to_settings(*config))) MOLDAU_LOG(config, warn, "/config/{}: {}", entity_path, passed_over);
}

}  // namespace moldau::replication
