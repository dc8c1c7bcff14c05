#include "replication/admin/topic_admin.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "config/topic_config.h"
#include "protocol/base/log.h"
#include "replication/admin/topic_names.h"
#include "replication/controller/replica_placement.h"

namespace moldau::replication {
namespace {

namespace asio = boost::asio;

Error store_error(StoreError error) { return Error(ErrorCode::unknown_server_error, fmt::format("metadata store: {}", to_string(error))); }

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

bool has_duplicates(const std::vector<BrokerId>& ids) { return std::set<BrokerId>(ids.begin(), ids.end()).size() != ids.size(); }

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
  if (assignment.begin()->first < 0) return Error(ErrorCode::unknown_server_error, "The server experienced an unexpected error when processing the request.");
  return {};
}

}  // namespace

/// A topic that passed the checks.
struct TopicAdmin::Planned {
  std::size_t index = 0;  ///< In the request.
  std::string name;
  std::map<std::int32_t, std::vector<BrokerId>> assignment;
  config::Settings settings;
  TopicId id;
  Status written;
};

/// Who waits for a node to go.
struct TopicAdmin::Waiter {
  explicit Waiter(Executor e) : executor(e), timer(std::move(e)) {}
  Executor executor;
  asio::steady_timer timer;
};

TopicAdmin::TopicAdmin(TopicAdminDeps deps) : deps_(std::move(deps)) { deps_.store.add_listener(this); }
TopicAdmin::~TopicAdmin() { deps_.store.remove_listener(this); }

void TopicAdmin::on_store_event(const StoreEvent& event) {
  if (event.type != StoreEventType::node_deleted || !event.path.starts_with(znodes::kDeleteTopics)) return;
  const std::lock_guard lock(mutex_);
  const auto [from, to] = removals_.equal_range(event.path);
  for (auto it = from; it != to; ++it) asio::post(it->second->executor, [waiter = it->second] { waiter->timer.cancel(); });
}

bool TopicAdmin::begin_creation(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  return creating_.insert(topic).second;
}

void TopicAdmin::end_creation(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  creating_.erase(topic);
}

void TopicAdmin::add_removal_waiter(const std::string& path, const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  removals_.emplace(path, waiter);
}

void TopicAdmin::forget_removal_waiter(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  std::erase_if(removals_, [&](const auto& e) { return e.second == waiter; });
}

// ---- creation ----

Awaitable<Status> TopicAdmin::check_free(std::string name) {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::exists(znodes::delete_topic_path(name)));
  ops.push_back(StoreOp::exists(znodes::topic_path(name)));
  if (has_collision_chars(name)) ops.push_back(StoreOp::children(std::string(znodes::kTopics)));
  const auto answers = co_await deps_.store.pipeline(std::move(ops));
  for (const auto& a : answers)
    if (!a.ok() && a.error != StoreError::no_node) co_return store_error(a.error);
  if (answers[0].ok()) co_return Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' is marked for deletion.", name));
  if (answers[1].ok()) co_return Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", name));
  if (answers.size() > 2) {
    std::string colliding;
    for (const auto& other : answers[2].children)
      if (collides(name, other)) colliding += (colliding.empty() ? "" : ", ") + other;
    if (!colliding.empty()) co_return Error(ErrorCode::invalid_topic_exception, fmt::format("Topic '{}' collides with existing topics: {}", name, colliding));
  }
  co_return Status{};
}

Awaitable<Status> TopicAdmin::plan(const TopicSpec& spec, Planned& out) {
  const auto image = deps_.metadata.image();
  const auto config = deps_.config.current();
  if (image->topic(spec.name) != nullptr) co_return Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", spec.name));
  std::string nulls;
  for (const auto& [key, value] : spec.configs) {
    if (!value) nulls += (nulls.empty() ? "" : ",") + key;
    out.settings.insert_or_assign(key, value.value_or(""));
  }
  if (!nulls.empty()) co_return Error(ErrorCode::invalid_config, "Null value not supported for topic configs: " + nulls);
  if ((spec.partitions != -1 || spec.replication_factor != -1) && !spec.assignments.empty())
    co_return Error(ErrorCode::invalid_request,
                    "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.");
  if (spec.assignments.empty()) {
    PlacementRequest request;
    request.partitions = spec.partitions == -1 ? config->num_partitions : spec.partitions;
    request.replication_factor = spec.replication_factor == -1 ? config->default_replication_factor : spec.replication_factor;
    auto placed = place_replicas(live_brokers(*image), request, deps_.random);
    if (!placed) co_return placed.error();
    out.assignment = std::move(*placed);
  } else {
    for (const auto& [partition, replicas] : spec.assignments) out.assignment[partition] = replicas;
  }
  if (auto bad = invalid_topic_name(spec.name)) co_return Error(ErrorCode::invalid_topic_exception, *std::move(bad));
  if (auto free = co_await check_free(spec.name); !free) co_return free;
  if (auto s = check_assignment(out.assignment); !s) co_return s;
  if (auto bad = config::validate_topic_settings(*config, out.settings)) co_return Error(ErrorCode::invalid_config, bad->message);
  out.name = spec.name;
  co_return Status{};
}

Awaitable<void> TopicAdmin::write_topics(std::vector<Planned>& topics) {
  std::vector<StoreOp> looks;
  for (const auto& t : topics) looks.push_back(StoreOp::exists(znodes::config_path("topics/" + t.name)));
  const auto left_over = co_await deps_.store.pipeline(std::move(looks));
  // Configuration first: the controller acts on the topic node. All topics of a request go in one round, which the embedded store makes one fsync.
  std::vector<StoreOp> ops;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    auto& t = topics[i];
    t.id = Uuid::make_random(deps_.random);
    const auto path = znodes::config_path("topics/" + t.name);
    const auto data = znodes::encode_config(znodes::EntityConfig(t.settings.begin(), t.settings.end()));
    ops.push_back(left_over[i].ok() ? StoreOp::set(path, data) : StoreOp::create(path, data));
    znodes::TopicAssignment assignment;
    assignment.topic_id = t.id;
    for (const auto& [partition, replicas] : t.assignment) assignment.partitions[partition].replicas = replicas;
    ops.push_back(StoreOp::create(znodes::topic_path(t.name), znodes::encode(assignment)));
    deps_.configs.put_topic(t.name, t.settings);
  }
  const auto answers = co_await deps_.store.pipeline(std::move(ops));
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto& made = answers[2 * i + 1];
    if (made.error == StoreError::node_exists)
      topics[i].written = Error(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", topics[i].name));
    else if (!made.ok())
      topics[i].written = store_error(made.error);
  }
}

Awaitable<std::vector<CreatedTopic>> TopicAdmin::create_topics(std::vector<TopicSpec> specs, Millis timeout, bool validate_only) {
  std::vector<CreatedTopic> out(specs.size());
  std::vector<Planned> planned;
  const auto fail = [](CreatedTopic& topic, const Error& error) {
    topic.error = error.code;
    topic.message = error.message;
    topic.id = TopicId{};
    topic.partitions = -1;
    topic.replication_factor = -1;
    topic.configs.clear();
  };
  for (std::size_t i = 0; i < specs.size(); ++i) {
    out[i].name = specs[i].name;
    Planned p;
    p.index = i;
    if (const auto good = co_await plan(specs[i], p); !good) {
      fail(out[i], good.error());
      continue;
    }
    out[i].partitions = static_cast<std::int32_t>(p.assignment.size());
    out[i].replication_factor = static_cast<std::int16_t>(p.assignment.begin()->second.size());
    out[i].configs = deps_.configs.describe_new_topic(p.settings);
    planned.push_back(std::move(p));
  }
  if (validate_only || planned.empty()) co_return out;

  const auto deadline = std::chrono::steady_clock::now() + timeout;
  co_await write_topics(planned);
  for (const auto& p : planned) {
    auto& topic = out[p.index];
    if (!p.written) {
      fail(topic, p.written.error());
      continue;
    }
    topic.id = p.id;
    const auto left = std::chrono::duration_cast<Millis>(deadline - std::chrono::steady_clock::now());
    bool ready = false;
    if (timeout.count() > 0) ready = co_await deps_.metadata.wait_for_leaders(p.name, topic.partitions, std::max(left, Millis(0)));
    if (ready) continue;
    fail(topic, Error(ErrorCode::request_timed_out));
    topic.message.reset();
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
  if (topic == "__consumer_offsets") {
    spec.partitions = config->offsets_topic_num_partitions;
    spec.replication_factor = factor(config->offsets_topic_replication_factor);
    spec.configs = {{"cleanup.policy", "compact"}, {"segment.bytes", std::to_string(config->offsets_topic_segment_bytes)}, {"compression.type", "producer"}};
  } else if (topic == "__transaction_state") {
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

Awaitable<ErrorCode> TopicAdmin::auto_create(std::string topic, Millis wait) {
  if (invalid_topic_name(topic)) co_return ErrorCode::invalid_topic_exception;
  const bool mine = begin_creation(topic);
  std::int32_t partitions = 1;
  if (mine) {
    const auto live = deps_.metadata.image()->brokers().size();
    const auto spec = auto_created_spec(topic, live);
    std::vector<Planned> planned(1);
    auto good = co_await plan(spec, planned[0]);
    if (good) {
      co_await write_topics(planned);
      good = planned[0].written;
      partitions = static_cast<std::int32_t>(planned[0].assignment.size());
    }
    end_creation(topic);
    if (!good && good.error().code != ErrorCode::topic_already_exists) {
      MOLDAU_LOG(metadata, info, "topic {} is not created: {}", topic, good.error().message);
      co_return good.error().code;
    }
    if (good) MOLDAU_LOG(metadata, info, "topic {} was created with {} partitions", topic, partitions);
  }
  const bool ready = co_await deps_.metadata.wait_for_leaders(topic, partitions, wait);
  co_return ready ? ErrorCode::none : ErrorCode::leader_not_available;
}

// ---- deletion ----

Awaitable<bool> TopicAdmin::wait_for_removal(std::string topic, SteadyTime deadline) {
  const auto path = znodes::delete_topic_path(topic);
  const auto executor = co_await asio::this_coro::executor;
  while (true) {
    auto waiter = std::make_shared<Waiter>(executor);
    add_removal_waiter(path, waiter);
    waiter->timer.expires_at(deadline);
    const auto there = co_await deps_.store.exists(path, true);
    const bool gone = !there && there.error() == StoreError::no_node;
    const bool late = std::chrono::steady_clock::now() >= deadline;
    if (!gone && !late && there) {
      boost::system::error_code ignored;  // cancelled: an event came, look again
      co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    forget_removal_waiter(waiter);
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
  const auto answers = co_await deps_.store.pipeline(std::move(ops));
  for (std::size_t i = 0; i < names.size(); ++i) {
    out[i].name = names[i];
    const auto& there = answers[2 * i].error;
    const auto& marked = answers[2 * i + 1].error;
    if (there == StoreError::no_node) {
      // The mark that was just made is for nothing; the controller would remove it as well.
      static_cast<void>(co_await deps_.store.remove(znodes::delete_topic_path(names[i])));
      out[i].error = ErrorCode::unknown_topic_or_partition;
      out[i].message = fmt::format("Topic `{}` to delete does not exist", names[i]);
    } else if (marked != StoreError::ok && marked != StoreError::node_exists) {
      out[i].error = ErrorCode::unknown_server_error;
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (auto& topic : out) {
    if (topic.error != ErrorCode::none) continue;
    const auto left = std::chrono::duration_cast<Millis>(deadline - std::chrono::steady_clock::now());
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

Awaitable<Status> TopicAdmin::plan_partitions(const NewPartitionsSpec& spec, bool validate_only) {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::get(znodes::topic_path(spec.topic)));
  ops.push_back(StoreOp::exists(znodes::delete_topic_path(spec.topic)));
  const auto answers = co_await deps_.store.pipeline(std::move(ops));
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
  const auto more = spec.count - now;
  if (more < 0)
    co_return Error(ErrorCode::invalid_partitions, fmt::format("Topic currently has {} partitions, which is higher than the requested {}.", now, spec.count));
  if (more == 0) co_return Error(ErrorCode::invalid_partitions, fmt::format("Topic already has {} partitions.", now));

  const auto image = deps_.metadata.image();
  const auto first = partitions.find(0);
  if (first == partitions.end()) co_return Error(ErrorCode::unknown_server_error, fmt::format("Unexpected existing replica assignment for topic '{}', partition id 0 is missing.", spec.topic));
  const auto& pattern = first->second.replicas;
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
    request.partitions = more;
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
  const auto written = co_await deps_.store.set(znodes::topic_path(spec.topic), znodes::encode(*topic), answers[0].stat.version);
  if (!written) co_return store_error(written.error());
  co_return Status{};
}

Awaitable<std::vector<TopicOutcome>> TopicAdmin::create_partitions(std::vector<NewPartitionsSpec> topics, Millis timeout, bool validate_only) {
  std::vector<TopicOutcome> out(topics.size());
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    out[i].name = topics[i].topic;
    const auto good = co_await plan_partitions(topics[i], validate_only);
    if (good) continue;
    out[i].error = good.error().code;
    out[i].message = good.error().message;
  }
  if (validate_only) co_return out;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (out[i].error != ErrorCode::none) continue;
    const auto left = std::chrono::duration_cast<Millis>(deadline - std::chrono::steady_clock::now());
    bool ready = false;
    if (timeout.count() > 0) ready = co_await deps_.metadata.wait_for_leaders(topics[i].topic, topics[i].count, std::max(left, Millis(0)));
    if (!ready) out[i].error = ErrorCode::request_timed_out;
  }
  co_return out;
}

}  // namespace moldau::replication
