#include "controller_world.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <exception>
#include <stdexcept>

#include "replication/controller/cluster_membership.h"
#include "replication/store/znode_tree.h"

namespace moldau::replication {
namespace {

template <class Ids>
std::string join(const Ids& ids) {
  std::string out;
  for (const auto id : ids) out += fmt::format("{}{}", out.empty() ? "" : ",", id.value());
  return out;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  std::istringstream in(text);
  std::string part;
  while (std::getline(in, part, by))
    if (!part.empty()) out.push_back(part);
  return out;
}

/// "1,2;2,1" -> partition 0 on 1 and 2, partition 1 on 2 and 1.
std::map<std::int32_t, znodes::ReplicaAssignment> parse_replicas(const std::string& text, std::int32_t first) {
  std::map<std::int32_t, znodes::ReplicaAssignment> out;
  for (const auto& partition : split(text, ';')) {
    auto& replicas = out[first++].replicas;
    for (const auto& id : split(partition, ',')) replicas.emplace_back(std::stoi(id));
  }
  return out;
}

}  // namespace

class ControllerWorld::Channel final : public BrokerChannel {
 public:
  Channel(ControllerWorld& world, BrokerId broker) : world_(world), broker_(broker) {}
  void send(ControlRequest request, Completion done) override { world_.received(broker_, request, std::move(done)); }

 private:
  ControllerWorld& world_;
  BrokerId broker_;
};

ControllerWorld::ControllerWorld() : random_(make_seeded_random(7)), ensemble_(context_.get_executor(), clock_), tool_(ensemble_.connect()) {
  boost::asio::co_spawn(
      context_, [this]() -> Awaitable<void> { static_cast<void>(co_await prepare_cluster(*tool_, "a-cluster", *random_)); }, boost::asio::detached);
  settle();
  static_cast<void>(store_changes());
}

ControllerWorld::~ControllerWorld() {
  while (!brokers_.empty()) broker_down(brokers_.begin()->first);
  tool_->close();
  settle();
}

void ControllerWorld::settle() {
  context_.restart();
  context_.run();
}

void ControllerWorld::write(std::vector<StoreOp> ops) {
  tool_->submit(std::move(ops), [this](std::vector<StoreResponse> answers) {
    for (const auto& a : answers)
      if (!a.ok()) note(fmt::format("! {}", to_string(a.error)));
  });
}

void ControllerWorld::broker_up(BrokerId id, const std::string& rack) {
  auto& broker = brokers_[id];
  broker.session = ensemble_.connect();
  KafkaControllerDeps deps{.self = id,
                           .store = *broker.session,
                           .clock = clock_,
                           .random = *random_,
                           .executor = context_.get_executor(),
                           .channels = [this](const LiveBroker& b) { return std::make_unique<Channel>(*this, b.registration.id); },
                           .inter_broker_listener = "PLAINTEXT",
                           .delete_topic_enable = true,
                           .unclean_allowed = [this](std::string_view) { return unclean_; },
                           .register_again = [this, id, rack]() -> Awaitable<Status> {
                             co_await register_broker_node(id, rack);
                             co_return Status{};
                           }};
  broker.controller = KafkaController::make(std::move(deps));
  boost::asio::co_spawn(
      context_,
      [this, id, rack]() -> Awaitable<void> {
        co_await register_broker_node(id, rack);
        brokers_[id].controller->start();
      },
      boost::asio::detached);
}

Awaitable<void> ControllerWorld::register_broker_node(BrokerId id, std::string rack) {
  znodes::BrokerRegistration registration;
  registration.id = id;
  registration.endpoints.push_back({"PLAINTEXT", "host" + std::to_string(id.value()), 9092, 0});
  if (!rack.empty()) registration.rack = rack;
  const auto epoch = co_await register_broker(*brokers_[id].session, registration);
  if (!epoch) note("! " + epoch.error().message);
}

void ControllerWorld::broker_down(BrokerId id) {
  auto broker = std::move(brokers_[id]);
  brokers_.erase(id);
  boost::asio::co_spawn(
      context_, [c = broker.controller]() -> Awaitable<void> { co_await c->stop(); }, boost::asio::detached);
  settle();
  broker.session->close();
  settle();
}

void ControllerWorld::received(BrokerId by, const ControlRequest& request, BrokerChannel::Completion done) {
  ControlResponse response;
  response.arena = std::make_shared<Arena>();
  auto& arena = *response.arena;
  if (const auto* l = std::get_if<protocol::LeaderAndIsrRequest>(&request.message)) {
    protocol::LeaderAndIsrResponse answer;
    for (const auto& topic : l->topic_states) {
      auto& errors = answer.topics.add(arena);
      errors.topic_id = topic.topic_id;
      for (const auto& p : topic.partition_states) {
        note(fmt::format("{} <- LeaderAndIsr {}-{} leader={} epoch={} isr={} replicas={} version={}{}{}", by.value(), topic.topic_name, p.partition_index, p.leader.value(),
                         p.leader_epoch.value(), join(p.isr), join(p.replicas), p.partition_epoch, p.is_new ? " new" : "", p.leader_recovery_state != 0 ? " recovering" : ""));
        auto& e = errors.partition_errors.add(arena);
        e.partition_index = p.partition_index;
        if (storage_errors_.contains({by, {std::string(topic.topic_name), p.partition_index}})) e.error_code = ErrorCode::kafka_storage_error;
      }
    }
    response.message = answer;
  } else if (const auto* s = std::get_if<protocol::StopReplicaRequest>(&request.message)) {
    for (const auto& topic : s->topic_states)
      for (const auto& p : topic.partition_states)
        note(fmt::format("{} <- StopReplica {}-{} epoch={}{}", by.value(), topic.topic_name, p.partition_index, p.leader_epoch.value(), p.delete_partition ? " delete" : ""));
    response.message = protocol::StopReplicaResponse{};
  } else {
    const auto& u = std::get<protocol::UpdateMetadataRequest>(request.message);
    std::string brokers;
    for (const auto& b : u.live_brokers) brokers += fmt::format("{}{}", brokers.empty() ? "" : ",", b.id.value());
    note(fmt::format("{} <- UpdateMetadata controller={} epoch={} brokers={}", by.value(), u.controller_id.value(), u.controller_epoch, brokers));
    for (const auto& topic : u.topic_states)
      for (const auto& p : topic.partition_states)
        note(fmt::format("     {}-{} leader={} epoch={} isr={} offline={}", topic.topic_name, p.partition_index, p.leader.value(), p.leader_epoch.value(), join(p.isr),
                         join(p.offline_replicas)));
    response.message = protocol::UpdateMetadataResponse{};
  }
  if (mute_.contains(by)) return;
  boost::asio::post(context_, [response = std::move(response), done = std::move(done)] { done(response); });
}

std::string ControllerWorld::name_id(const std::string& text) {
  // Topic ids are random: they are named in the order of their appearance.
  const std::string key = "\"topic_id\":\"";
  const auto at = text.find(key);
  if (at == std::string::npos) return text;
  const auto id = text.substr(at + key.size(), 22);
  const auto name = ids_.try_emplace(id, fmt::format("ID{}", ids_.size() + 1)).first->second;
  return text.substr(0, at + key.size()) + name + text.substr(at + key.size() + 22);
}

std::string ControllerWorld::store_changes() {
  std::map<std::string, std::string> now;
  for (const auto& [path, node] : ensemble_.tree().sorted()) now[path] = fmt::format("v{}{} {}", node->version, node->owner != 0 ? " ephemeral" : "", name_id(node->data.value_or("")));
  std::string out;
  for (const auto& [path, text] : now) {
    const auto before = store_before_.find(path);
    if (before == store_before_.end())
      out += fmt::format("+ {} {}\n", path, text);
    else if (before->second != text)
      out += fmt::format("~ {} {}\n", path, text);
  }
  for (const auto& [path, text] : store_before_)
    if (!now.contains(path)) out += fmt::format("- {}\n", path);
  store_before_ = std::move(now);
  return out;
}

std::string ControllerWorld::run(const std::string& command) {
  trace_.str("");
  const auto words = split(command, ' ');
  const auto word = [&](std::size_t i) -> std::string {
    if (i >= words.size()) throw std::runtime_error("too few words: " + command);
    return words[i];
  };
  const auto id = [&](std::size_t i) { return BrokerId(std::stoi(word(i))); };
  if (word(0) == "up") {
    broker_up(id(1), words.size() > 2 ? word(2) : "");
  } else if (word(0) == "down") {
    broker_down(id(1));
  } else if (word(0) == "bounce") {
    ensemble_.expire(*brokers_[id(1)].session);
  } else if (word(0) == "create") {
    znodes::TopicAssignment topic;
    topic.topic_id = Uuid::make_random(*random_);
    topic.partitions = parse_replicas(word(2), 0);
    write({StoreOp::create(znodes::config_path("topics/" + word(1)), znodes::encode_config({})), StoreOp::create(znodes::topic_path(word(1)), znodes::encode(topic))});
  } else if (word(0) == "expand" || word(0) == "reduce") {
    auto topic = znodes::decode_topic(*ensemble_.tree().find(znodes::topic_path(word(1)))->data).value();
    if (word(0) == "expand")
      topic.partitions.merge(parse_replicas(word(2), static_cast<std::int32_t>(topic.partitions.size())));
    else
      topic.partitions.erase(std::prev(topic.partitions.end()));
    write({StoreOp::set(znodes::topic_path(word(1)), znodes::encode(topic))});
  } else if (word(0) == "delete") {
    write({StoreOp::create(znodes::delete_topic_path(word(1)))});
  } else if (word(0) == "move-controller") {
    write({StoreOp::remove(std::string(znodes::kController))});
  } else if (word(0) == "steal-epoch") {
    // What a new controller does to an old one that has not noticed yet.
    write({StoreOp::set(std::string(znodes::kControllerEpoch), word(1))});
  } else if (word(0) == "write-state") {
    write({StoreOp::set(znodes::state_path(word(1), std::stoi(word(2))), command.substr(command.find('{')))});
  } else if (word(0) == "garbage") {
    write({StoreOp::set(word(1), "{not json")});
  } else if (word(0) == "storage-error") {
    storage_errors_.insert({id(3), {word(1), std::stoi(word(2))}});
    write({StoreOp::create(std::string(znodes::kLogDirEvents) + "/log_dir_event_", znodes::encode_log_dir_event(id(3)), CreateMode::persistent_sequential)});
  } else if (word(0) == "mute") {
    mute_.insert(id(1));
  } else if (word(0) == "unclean") {
    unclean_ = word(1) == "on";
    for (auto& [broker, b] : brokers_) b.controller->retry_offline_partitions({});
  } else {
    throw std::runtime_error("unknown command: " + command);
  }
  settle();
  clock_.advance(Millis(1000));
  return trace_.str() + store_changes();
}

}  // namespace moldau::replication
