#include "replication/admin/topic_admin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "config/topic_config.h"
#include "protocol/base/log.h"
#include "protocol/base/timer.h"
#include "replication/admin/topic_names.h"
#include "replication/controller/replica_placement.h"

namespace moldau::replication {
namespace {

Error store_error(StoreError error) { return Error(error_code(error), fmt::format("metadata store: {}", to_string(error))); }

std::vector<BrokerRack> live_brokers(const MetadataImage& image) {
  std::vector<BrokerRack> out;
  for (const auto& [id, broker] : image.brokers()) {
    BrokerRack b;
    b.id = id;
    b.rack = broker.rack;
    out.push_back(std::move(b));
  }
  return out;
}

std::string join_ids(const std::vector<BrokerId>& ids) {
  std::string out;
  for (const auto id : ids) out += fmt::format("{}{}", out.empty() ? "" : ", ", id.value());
  return out;
}

/// As Scala prints Map(partition -> replicas).
std::string print_assignment(const std::map<std::int32_t, std::vector<BrokerId>>& assignment) {
  std::string out;
  for (const auto& [partition, replicas] : assignment) out += fmt::format("{}{} -> ArrayBuffer({})", out.empty() ? "" : ", ", partition, join_ids(replicas));
  return "HashMap(" + out + ")";
}

bool has_duplicates(std::vector<BrokerId> ids) {
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

/// The reason in an answer, cut at a length that a string of the protocol holds.
std::string clipped(std::string message) {
  constexpr std::size_t kLongest = 10'000;
  if (message.size() <= kLongest) return message;
  auto end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) --end;  // not within a character
  message.resize(end);
  return message + "...";
}

/// Names that are equal here collide: see has_collision_chars().
std::string collision_key(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// AdminZkClient.validateTopicCreate, the part about the assignment.
Status check_assignment(const std::map<std::int32_t, std::vector<BrokerId>>& assignment) {
  const auto bad = [](std::string why) { return Error(ErrorCode::invalid_replica_assignment, std::move(why)); };
  const auto factor = assignment.empty() ? 0 : assignment.begin()->second.size();
  for (const auto& [partition, replicas] : assignment)
    if (replicas.size() != factor) return bad("All partitions should have the same number of replicas");
  if (assignment.empty()) return bad("All partitions should have the same number of replicas");
  for (const auto& [partition, replicas] : assignment)
    if (has_duplicates(replicas)) return bad("Duplicate replica assignment found: " + print_assignment(assignment));
  // Kafka adds up the numbers that are not negative; a negative one then fails deeper down.
  std::int64_t sum = 0;
  for (const auto& [partition, replicas] : assignment) sum += std::max(0, partition);
  const auto n = static_cast<std::int64_t>(assignment.size());
  if (sum != n * (n - 1) / 2) return bad("partitions should be a consecutive 0-based integer sequence");
  if (assignment.begin()->first < 0) return Error(ErrorCode::unknown_server_error);
  return {};
}

}  // namespace

/// A topic on its way from the request to the store.
struct TopicAdmin::Planned {
  std::string name;
  std::map<std::int32_t, std::vector<BrokerId>> assignment;
  config::Settings settings;
  TopicId id;
  Status good;  ///< Why it may not be, or could not be written.
};

/// What the rest of a request may still create.
struct TopicAdmin::Room {
  std::int64_t partitions = kMaxPartitionsPerRequest;
  std::int64_t replicas = kMaxReplicasPerRequest;

  /// INVALID_PARTITIONS when it is not that much.
  Status take(std::int64_t more_partitions, std::int64_t more_replicas) {
    if (more_partitions > partitions || more_replicas > replicas)
      return Error(ErrorCode::invalid_partitions, fmt::format("Excessively large number of partitions per request: at most {} partitions and {} replicas can be created at once.",
                                                              kMaxPartitionsPerRequest, kMaxReplicasPerRequest));
    partitions -= std::max<std::int64_t>(more_partitions, 0);
    replicas -= std::max<std::int64_t>(more_replicas, 0);
    return {};
  }
};

/// Auto-creations that are one coroutine's until it goes, whichever way.
class TopicAdmin::Creations {
 public:
  explicit Creations(TopicAdmin& admin) : admin_(admin) {}
  ~Creations() {
    for (const auto& topic : mine_) admin_.end_creation(topic);
  }
  Creations(const Creations&) = delete;
  Creations& operator=(const Creations&) = delete;

  /// False when another one is creating the topic.
  bool begin(const std::string& topic) {
    mine_.push_back(topic);
    if (admin_.begin_creation(topic)) return true;
    mine_.pop_back();
    return false;
  }

 private:
  TopicAdmin& admin_;
  std::vector<std::string> mine_;
};

TopicAdmin::TopicAdmin(TopicAdminDeps deps) : deps_(std::move(deps)) { deps_.store.add_listener(this); }
TopicAdmin::~TopicAdmin() { deps_.store.remove_listener(this); }

void TopicAdmin::on_store_event(const StoreEvent& event) {
  if (event.type != StoreEventType::node_deleted || !event.path.starts_with(znodes::kDeleteTopics)) return;
  const std::lock_guard lock(mutex_);
  const auto [from, to] = removals_.equal_range(event.path);
  for (auto it = from; it != to; ++it) it->second->set();
}

bool TopicAdmin::begin_creation(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  return creating_.insert(topic).second;
}

void TopicAdmin::end_creation(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  creating_.erase(topic);
}

void TopicAdmin::add_removal_waiter(const std::string& path, const std::shared_ptr<Event>& waiter) {
  const std::lock_guard lock(mutex_);
  removals_.emplace(path, waiter);
}

void TopicAdmin::forget_removal_waiter(const std::shared_ptr<Event>& waiter) {
  const std::lock_guard lock(mutex_);
  std::erase_if(removals_, [&](const auto& e) { return e.second == waiter; });
}

// ---- creation ----

SteadyTime TopicAdmin::store_deadline(Millis timeout) const { return TimerClock::now() + std::clamp(timeout, Millis(0), deps_.store.patience()); }

Awaitable<void> TopicAdmin::check_free(std::vector<Planned>& topics, SteadyTime deadline) {
  std::vector<StoreOp> ops;
  bool may_collide = false;
  for (const auto& topic : topics) {
    if (!topic.good) continue;
    ops.push_back(StoreOp::exists(znodes::delete_topic_path(topic.name)));
    ops.push_back(StoreOp::exists(znodes::topic_path(topic.name)));
    may_collide = may_collide || has_collision_chars(topic.name);
  }
  if (may_collide) ops.push_back(StoreOp::children(std::string(znodes::kTopics)));
  const auto answers = co_await deps_.store.pipeline(std::move(ops), deadline);
  std::multimap<std::string, std::string> others;
  if (may_collide)
    for (const auto& other : answers.back().children)
      if (has_collision_chars(other)) others.emplace(collision_key(other), other);
  const auto lost = std::find_if(answers.begin(), answers.end(), [](const StoreResponse& a) { return !a.ok() && a.error != StoreError::no_node; });
  std::size_t at = 0;
  for (auto& topic : topics) {
    if (!topic.good) continue;
    const bool marked = answers[at].ok();
    const bool there = answers[at + 1].ok();
    at += 2;
    if (lost != answers.end())
      topic.good = store_error(lost->error);
    else if (marked)
      topic.good = Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' is marked for deletion.", topic.name));
    else if (there)
      topic.good = Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", topic.name));
    if (!topic.good || !has_collision_chars(topic.name)) continue;
    std::string colliding;
    const auto [from, to] = others.equal_range(collision_key(topic.name));
    for (auto it = from; it != to; ++it) colliding += (colliding.empty() ? "" : ", ") + it->second;
    if (!colliding.empty()) topic.good = Error(ErrorCode::invalid_topic_exception, fmt::format("Topic '{}' collides with existing topics: {}", topic.name, colliding));
  }
}

Status TopicAdmin::plan_replicas(const TopicSpec& spec, Room& room, Planned& out) {
  const auto image = deps_.metadata.image();
  const auto config = deps_.config.current();
  if (image->topic(spec.name) != nullptr) return Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", spec.name));
  std::string nulls;
  for (const auto& [key, value] : spec.configs) {
    if (!value) nulls += (nulls.empty() ? "" : ",") + key;
    out.settings.insert_or_assign(key, value.value_or(""));
  }
  if (!nulls.empty()) return Error(ErrorCode::invalid_config, "Null value not supported for topic configs: " + nulls);
  if ((spec.partitions != -1 || spec.replication_factor != -1) && !spec.assignments.empty())
    return Error(ErrorCode::invalid_request, "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.");
  if (spec.assignments.empty()) {
    PlacementRequest request;
    request.partitions = spec.partitions == -1 ? config->num_partitions : spec.partitions;
    request.replication_factor = spec.replication_factor == -1 ? config->default_replication_factor : spec.replication_factor;
    const auto most = static_cast<std::int32_t>(image->brokers().size());  // more replicas are refused further down
    if (auto fits = room.take(request.partitions, std::int64_t{request.partitions} * std::clamp(request.replication_factor, 0, most)); !fits) return fits;
    auto placed = place_replicas(live_brokers(*image), request, deps_.random);
    if (!placed) return placed.error();
    out.assignment = std::move(*placed);
  } else {
    std::int64_t replicas = 0;
    for (const auto& a : spec.assignments) replicas += static_cast<std::int64_t>(a.second.size());
    if (auto fits = room.take(static_cast<std::int64_t>(spec.assignments.size()), replicas); !fits) return fits;
    for (const auto& a : spec.assignments) out.assignment[a.first] = a.second;
  }
  if (auto bad = invalid_topic_name(spec.name)) return Error(ErrorCode::invalid_topic_exception, *std::move(bad));
  return {};
}

Awaitable<std::vector<TopicAdmin::Planned>> TopicAdmin::plan(const std::vector<TopicSpec>& specs, SteadyTime deadline) {
  const auto config = deps_.config.current();
  std::vector<Planned> planned(specs.size());
  Room room;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    planned[i].name = specs[i].name;
    planned[i].good = plan_replicas(specs[i], room, planned[i]);
  }
  co_await check_free(planned, deadline);
  for (auto& topic : planned) {
    if (topic.good) topic.good = check_assignment(topic.assignment);
    if (!topic.good) continue;
    if (auto bad = config::validate_topic_settings(*config, topic.settings)) topic.good = Error(ErrorCode::invalid_config, bad->message);
  }
  co_return planned;
}

Awaitable<void> TopicAdmin::write_topics(std::vector<Planned>& topics, SteadyTime deadline) {
  std::vector<Planned*> good;
  std::vector<StoreOp> looks;
  for (auto& topic : topics) {
    if (!topic.good) continue;
    good.push_back(&topic);
    looks.push_back(StoreOp::exists(znodes::config_path("topics/" + topic.name)));
  }
  const auto left_over = co_await deps_.store.pipeline(std::move(looks), deadline);
  // Configuration first: the controller acts on the topic node. All topics of a request go in one round, which the embedded store makes one fsync.
  std::vector<StoreOp> ops;
  std::vector<Planned*> going;
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto* topic = good[i];
    const auto& look = left_over[i];
    if (!look.ok() && look.error != StoreError::no_node) {
      topic->good = store_error(look.error);
      continue;
    }
    going.push_back(topic);
    topic->id = Uuid::make_random(deps_.random);
    auto path = znodes::config_path("topics/" + topic->name);
    auto data = znodes::encode_config(znodes::EntityConfig(topic->settings.begin(), topic->settings.end()));
    ops.push_back(look.ok() ? StoreOp::set(std::move(path), std::move(data)) : StoreOp::create(std::move(path), std::move(data)));
    znodes::TopicAssignment assignment;
    assignment.topic_id = topic->id;
    for (const auto& [partition, replicas] : topic->assignment) assignment.partitions[partition].replicas = replicas;
    ops.push_back(StoreOp::create(znodes::topic_path(topic->name), znodes::encode(assignment)));
    deps_.configs.put_topic(topic->name, topic->settings);
  }
  const auto answers = co_await deps_.store.pipeline(std::move(ops), deadline);
  for (std::size_t i = 0; i < going.size(); ++i) {
    const auto& made = answers[2 * i + 1];
    auto& topic = *going[i];
    if (made.error == StoreError::node_exists)
      topic.good = Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", topic.name));
    else if (!made.ok())
      topic.good = store_error(made.error);
  }
}

Awaitable<std::vector<CreatedTopic>> TopicAdmin::create_topics(std::vector<TopicSpec> specs, Millis timeout, bool validate_only) {
  const auto deadline = TimerClock::now() + timeout;
  const auto give_up = store_deadline(timeout);
  auto planned = co_await plan(specs, give_up);
  std::vector<CreatedTopic> out(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    out[i].name = specs[i].name;
    if (!planned[i].good) continue;
    out[i].partitions = static_cast<std::int32_t>(planned[i].assignment.size());
    out[i].replication_factor = static_cast<std::int16_t>(planned[i].assignment.begin()->second.size());
    out[i].configs = deps_.configs.describe_new_topic(planned[i].settings);
  }
  if (!validate_only) co_await write_topics(planned, give_up);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto& p = planned[i];
    auto& topic = out[i];
    if (p.good) {
      if (validate_only) continue;
      topic.id = p.id;
      const auto left = std::chrono::duration_cast<Millis>(deadline - TimerClock::now());
      bool ready = false;
      if (timeout.count() > 0) ready = co_await deps_.metadata.wait_for_leaders(p.name, topic.partitions, std::max(left, Millis(0)));
      if (ready) continue;
    }
    topic = CreatedTopic{};
    topic.name = p.name;
    topic.error = p.good ? ErrorCode::request_timed_out : p.good.error().code;
    if (!p.good && !p.good.error().message.empty()) topic.message = clipped(p.good.error().message);
  }
  co_return out;
}

TopicSpec TopicAdmin::auto_created_spec(const std::string& topic, std::size_t live) const {
  const auto config = deps_.config.current();
  TopicSpec spec;
  spec.name = topic;
  const auto factor = [&](std::int16_t wanted) {
    return deps_.cap_internal_replication && live > 0 ? std::min(wanted, static_cast<std::int16_t>(live)) : wanted;
  };
  // Kafka 3.9 GroupCoordinator.groupMetadataTopicConfigs, TransactionCoordinator.transactionStateTopicConfigs.
  if (topic == kGroupMetadataTopic) {
    spec.partitions = config->offsets_topic_num_partitions;
    spec.replication_factor = factor(config->offsets_topic_replication_factor);
    spec.configs = {{"cleanup.policy", "compact"}, {"segment.bytes", std::to_string(config->offsets_topic_segment_bytes)}, {"compression.type", "producer"}};
  } else if (topic == kTransactionStateTopic) {
    spec.partitions = config->transaction_state_log_num_partitions;
    spec.replication_factor = factor(config->transaction_state_log_replication_factor);
    const auto min_isr = deps_.cap_internal_replication && live > 0 ? std::min(config->transaction_state_log_min_isr, static_cast<std::int32_t>(live)) : config->transaction_state_log_min_isr;
    spec.configs = {{"unclean.leader.election.enable", "false"},
                    {"compression.type", "uncompressed"},
                    {"cleanup.policy", "compact"},
                    {"min.insync.replicas", std::to_string(min_isr)},
                    {"segment.bytes", std::to_string(config->transaction_state_log_segment_bytes)}};
  } else {
    spec.partitions = config->num_partitions;
    spec.replication_factor = static_cast<std::int16_t>(config->default_replication_factor);
  }
  return spec;
}

Awaitable<std::vector<ErrorCode>> TopicAdmin::auto_create(std::vector<std::string> topics, Millis wait) {
  const auto deadline = TimerClock::now() + wait;
  const auto live = deps_.metadata.image()->brokers().size();
  std::vector<ErrorCode> errors(topics.size(), ErrorCode::none);
  std::vector<std::int32_t> partitions(topics.size(), 1);
  std::vector<TopicSpec> specs;
  std::vector<std::size_t> places;
  Room room;
  {
    Creations mine(*this);
    for (std::size_t i = 0; i < topics.size(); ++i) {
      if (invalid_topic_name(topics[i])) {
        errors[i] = ErrorCode::invalid_topic_exception;
        continue;
      }
      auto spec = auto_created_spec(topics[i], live);
      const bool fits = room.take(spec.partitions, std::int64_t{spec.partitions} * spec.replication_factor).has_value();
      if (!fits && !specs.empty()) {
        errors[i] = ErrorCode::leader_not_available;
        continue;
      }
      if (!mine.begin(topics[i])) continue;  // only the wait is ours
      specs.push_back(std::move(spec));
      places.push_back(i);
    }
    auto planned = co_await plan(specs, deadline);
    co_await write_topics(planned, deadline);
    for (std::size_t k = 0; k < planned.size(); ++k) {
      const auto& made = planned[k];
      if (made.good) {
        partitions[places[k]] = static_cast<std::int32_t>(made.assignment.size());
        MOLDAU_LOG(metadata, info, "topic {} was created with {} partitions", made.name, made.assignment.size());
        continue;
      }
      const auto code = made.good.error().code;
      if (code == ErrorCode::topic_already_exists) continue;
      // A store that is away is the client's "not yet".
      errors[places[k]] = code == ErrorCode::request_timed_out ? ErrorCode::leader_not_available : code;
      MOLDAU_LOG(metadata, info, "topic {} is not created: {}", made.name, made.good.error().message);
    }
  }
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (errors[i] != ErrorCode::none) continue;
    const auto left = std::chrono::duration_cast<Millis>(deadline - TimerClock::now());
    const bool ready = co_await deps_.metadata.wait_for_leaders(topics[i], partitions[i], std::max(left, Millis(0)));
    if (!ready) errors[i] = ErrorCode::leader_not_available;
  }
  co_return errors;
}

Awaitable<ErrorCode> TopicAdmin::auto_create(std::string topic, Millis wait) {
  std::vector<std::string> one;
  one.push_back(std::move(topic));
  const auto errors = co_await auto_create(std::move(one), wait);
  co_return errors.front();
}

// ---- deletion ----

Awaitable<bool> TopicAdmin::wait_for_removal(std::string topic, SteadyTime deadline) {
  const auto path = znodes::delete_topic_path(topic);
  while (true) {
    const auto removed = std::make_shared<Event>();
    add_removal_waiter(path, removed);
    const auto there = co_await deps_.store.exists(path, true);
    const bool gone = !there && there.error() == StoreError::no_node;
    const bool late = TimerClock::now() >= deadline;
    if (!gone && !late && there) static_cast<void>(co_await removed->wait_until(deadline));  // either way: look again
    forget_removal_waiter(removed);
    if (gone) co_return true;
    if (late || !there) co_return false;
  }
}

Awaitable<std::vector<TopicOutcome>> TopicAdmin::delete_topics(std::vector<std::string> names, Millis timeout) {
  std::vector<TopicOutcome> out(names.size());
  std::vector<StoreOp> ops;
  for (const auto& name : names) {
    ops.push_back(StoreOp::exists(znodes::topic_path(name)));
    ops.push_back(StoreOp::create(znodes::delete_topic_path(name)));
  }
  const auto give_up = store_deadline(timeout);
  const auto answers = co_await deps_.store.pipeline(std::move(ops), give_up);
  std::vector<StoreOp> unmark;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out[i].name = names[i];
    const auto& there = answers[2 * i].error;
    const auto& marked = answers[2 * i + 1].error;
    if (there == StoreError::no_node) {
      // The mark that was just made is for nothing; the controller would remove it as well.
      unmark.push_back(StoreOp::remove(znodes::delete_topic_path(names[i])));
      out[i].error = ErrorCode::unknown_topic_or_partition;
      out[i].message = fmt::format("Topic `{}` to delete does not exist", names[i]);
    } else if (there != StoreError::ok) {
      out[i].error = error_code(there);
    } else if (marked != StoreError::ok && marked != StoreError::node_exists) {
      out[i].error = error_code(marked);
    }
  }
  static_cast<void>(co_await deps_.store.pipeline(std::move(unmark), give_up));
  const auto deadline = TimerClock::now() + timeout;
  for (auto& topic : out) {
    if (topic.error != ErrorCode::none) continue;
    const auto left = std::chrono::duration_cast<Millis>(deadline - TimerClock::now());
    const auto& name = topic.name;
    bool gone = false;
    if (timeout.count() > 0) {
      // Named: g++ 12 destroys a temporary that owns memory twice in a co_await.
      std::function<bool(const MetadataImage&)> is_gone = [name](const MetadataImage& image) { return image.topic(name) == nullptr; };
      gone = co_await deps_.metadata.wait_until(std::move(is_gone), std::max(left, Millis(0)));
    }
    // DIFFERS: Apache Kafka answers here, and a creation that follows at once is refused as "marked for deletion".
    if (gone) static_cast<void>(co_await wait_for_removal(name, deadline));
    if (!gone) topic.error = ErrorCode::request_timed_out;
  }
  co_return out;
}

// ---- expansion ----

Awaitable<Status> TopicAdmin::plan_partitions(const NewPartitionsSpec& spec, Room& room, SteadyTime deadline, bool validate_only) {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::get(znodes::topic_path(spec.topic)));
  ops.push_back(StoreOp::exists(znodes::delete_topic_path(spec.topic)));
  const auto answers = co_await deps_.store.pipeline(std::move(ops), deadline);
  if (answers[1].ok()) co_return Error(ErrorCode::invalid_topic_exception, "The topic is queued for deletion.");
  if (answers[0].error == StoreError::no_node) co_return Error(ErrorCode::unknown_topic_or_partition, fmt::format("The topic '{}' does not exist.", spec.topic));
  if (!answers[0].ok()) co_return store_error(answers[0].error);
  auto topic = znodes::decode_topic(answers[0].data);
  if (!topic) co_return Error(ErrorCode::unknown_server_error, topic.error().message);
  auto& partitions = topic->partitions;
  if (partitions.empty()) co_return Error(ErrorCode::unknown_topic_or_partition, fmt::format("The topic '{}' does not exist.", spec.topic));
  for (const auto& [p, replicas] : partitions)
    if (replicas.is_being_reassigned())
      co_return Error(ErrorCode::reassignment_in_progress, fmt::format("A partition reassignment is in progress for the topic '{}'.", spec.topic));
  const auto now = static_cast<std::int32_t>(partitions.size());
  const auto more = std::int64_t{spec.count} - now;
  if (more < 0)
    co_return Error(ErrorCode::invalid_partitions, fmt::format("Topic currently has {} partitions, which is higher than the requested {}.", now, spec.count));
  if (more == 0) co_return Error(ErrorCode::invalid_partitions, fmt::format("Topic already has {} partitions.", now));

  const auto image = deps_.metadata.image();
  const auto first = partitions.find(0);
  if (first == partitions.end()) co_return Error(ErrorCode::unknown_server_error, fmt::format("Unexpected existing replica assignment for topic '{}', partition id 0 is missing.", spec.topic));
  const auto& pattern = first->second.replicas;
  auto asked = spec.assignments ? 0 : more * static_cast<std::int64_t>(pattern.size());
  if (spec.assignments)
    for (const auto& replicas : *spec.assignments) asked += static_cast<std::int64_t>(replicas.size());
  if (auto fits = room.take(more, asked); !fits) co_return fits;
  std::map<std::int32_t, std::vector<BrokerId>> added;
  const auto bad = [](std::string why) { return Error(ErrorCode::invalid_replica_assignment, std::move(why)); };
  if (spec.assignments) {
    std::set<BrokerId> unknown;
    for (const auto& replicas : *spec.assignments)
      for (const auto id : replicas)
        if (image->broker(id) == nullptr) unknown.insert(id);
    if (!unknown.empty()) co_return bad(fmt::format("Unknown broker(s) in replica assignment: {}.", join_ids({unknown.begin(), unknown.end()})));
    if (spec.assignments->size() != static_cast<std::size_t>(more))
      co_return bad(fmt::format("Increasing the number of partitions by {} but {} assignments provided.", more, spec.assignments->size()));
    std::int32_t p = now;
    for (const auto& replicas : *spec.assignments) added.emplace(p++, replicas);
    for (const auto& [id, replicas] : added) {
      if (replicas.empty()) co_return bad(fmt::format("Cannot have replication factor of 0 for partition id {}.", id));
      if (has_duplicates(replicas)) co_return bad(fmt::format("Duplicate brokers not allowed in replica assignment: {} for partition id {}.", join_ids(replicas), id));
    }
    std::string ids;
    std::string factors;
    for (const auto& [id, replicas] : added) {
      if (replicas.size() == pattern.size()) continue;
      ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id);
      factors += fmt::format("{}{}", factors.empty() ? "" : ", ", replicas.size());
    }
    if (!ids.empty())
      co_return bad(fmt::format("Inconsistent replication factor between partitions, partition 0 has {} while partitions [{}] have replication factors [{}], respectively.",
                                pattern.size(), ids, factors));
  } else {
    PlacementRequest request;
    request.partitions = static_cast<std::int32_t>(more);
    request.replication_factor = static_cast<std::int32_t>(pattern.size());
    request.first_partition = now;
    // The pattern goes on where partition 0's began.
    std::size_t start = 0;
    for (const auto& [id, broker] : image->brokers()) {
      if (!pattern.empty() && id >= pattern.front()) break;
      ++start;
    }
    request.fixed_start = start == image->brokers().size() ? 0 : start;
    auto placed = place_replicas(live_brokers(*image), request, deps_.random);
    if (!placed) co_return placed.error();
    added = std::move(*placed);
  }
  if (validate_only) co_return Status{};
  for (auto& [id, replicas] : added) partitions[id].replicas = std::move(replicas);
  std::vector<StoreOp> writes;
  writes.push_back(StoreOp::set(znodes::topic_path(spec.topic), znodes::encode(*topic), answers[0].stat.version));
  const auto written = co_await deps_.store.pipeline(std::move(writes), deadline);
  if (!written[0].ok()) co_return store_error(written[0].error);
  co_return Status{};
}

Awaitable<std::vector<TopicOutcome>> TopicAdmin::create_partitions(std::vector<NewPartitionsSpec> topics, Millis timeout, bool validate_only) {
  std::vector<TopicOutcome> out(topics.size());
  const auto deadline = TimerClock::now() + timeout;
  const auto give_up = store_deadline(timeout);
  Room room;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    out[i].name = topics[i].topic;
    const auto good = co_await plan_partitions(topics[i], room, give_up, validate_only);
    if (good) continue;
    out[i].error = good.error().code;
    out[i].message = clipped(good.error().message);
  }
  if (validate_only) co_return out;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (out[i].error != ErrorCode::none) continue;
    const auto left = std::chrono::duration_cast<Millis>(deadline - TimerClock::now());
    bool ready = false;
    if (timeout.count() > 0) ready = co_await deps_.metadata.wait_for_leaders(topics[i].topic, topics[i].count, std::max(left, Millis(0)));
    if (!ready) out[i].error = ErrorCode::request_timed_out;
  }
  co_return out;
}

}  // namespace moldau::replication
