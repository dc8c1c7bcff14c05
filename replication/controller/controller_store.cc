#include "replication/controller/controller_store.h"

#include <fmt/format.h>

#include <charconv>

#include "protocol/base/format.h"
#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

bool is_lost(StoreError error) {
  return error == StoreError::connection_loss || error == StoreError::session_expired || error == StoreError::session_closed || error == StoreError::auth_failed ||
         error == StoreError::no_auth;
}

[[noreturn]] void fail(const std::string& path, StoreError error) {
  auto why = fmt::format("{}: {}", path, to_string(error));
  if (is_lost(error)) throw StoreLost(std::move(why));
  throw StoreFailure(std::move(why));
}

void name_broken(const std::string& path, const std::string& why) { MOLDAU_LOG(controller, err, "znode {} is ignored: {}", path, why); }

}  // namespace

StoreOp ControllerStore::guarded(StoreOp op) const {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::check(std::string(znodes::kControllerEpoch), epoch_version_));
  ops.push_back(std::move(op));
  return StoreOp::multi(std::move(ops));
}

Awaitable<std::vector<StoreResponse>> ControllerStore::write(std::vector<StoreOp> ops) {
  std::vector<StoreOp> multis;
  multis.reserve(ops.size());
  for (auto& op : ops) multis.push_back(guarded(std::move(op)));
  auto answers = co_await store_.pipeline(std::move(multis));
  std::vector<StoreResponse> out;
  out.reserve(answers.size());
  for (auto& a : answers) {
    if (a.results.size() != 2) fail("write", a.error);
    const auto guard = a.results[0].error;
    if (guard == StoreError::bad_version || guard == StoreError::no_node) throw ControllerMoved("another broker has become the controller");
    out.push_back(std::move(a.results[1]));
  }
  co_return out;
}

Awaitable<std::vector<StoreResponse>> ControllerStore::read(std::vector<StoreOp> ops) {
  auto answers = co_await store_.pipeline(std::move(ops));
  for (const auto& a : answers)
    if (is_lost(a.error)) fail("read", a.error);
  co_return answers;
}

Awaitable<std::vector<std::string>> ControllerStore::children(std::string path, bool watch) {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::children(path, watch));
  auto answers = co_await read(std::move(ops));
  if (!answers[0].ok() && answers[0].error != StoreError::no_node) fail(path, answers[0].error);
  co_return std::move(answers[0].children);
}

Awaitable<std::map<BrokerId, LiveBroker>> ControllerStore::brokers(bool watch_list, bool watch_nodes) {
  const auto names = co_await children(std::string(znodes::kBrokerIds), watch_list);
  std::vector<BrokerId> ids;
  std::vector<StoreOp> ops;
  for (const auto& name : names) {
    std::int32_t id = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (ec != std::errc{} || end != name.data() + name.size()) {
      name_broken(fmt::format("{}/{}", znodes::kBrokerIds, name), "not a broker id");
      continue;
    }
    ids.emplace_back(id);
    ops.push_back(StoreOp::get(znodes::broker_path(BrokerId(id)), watch_nodes));
  }
  const auto answers = co_await read(std::move(ops));
  std::map<BrokerId, LiveBroker> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    auto broker = znodes::decode_broker(ids[i], answers[i].data);
    if (!broker) {
      name_broken(znodes::broker_path(ids[i]), broker.error().message);
      continue;
    }
    LiveBroker live;
    live.registration = std::move(*broker);
    live.epoch = answers[i].stat.czxid;
    out.emplace(ids[i], std::move(live));
  }
  co_return out;
}

Awaitable<std::map<std::string, znodes::TopicAssignment>> ControllerStore::assignments(std::vector<std::string> topics, bool watch) {
  std::vector<StoreOp> ops;
  for (const auto& topic : topics) ops.push_back(StoreOp::get(znodes::topic_path(topic), watch));
  const auto answers = co_await read(std::move(ops));
  std::map<std::string, znodes::TopicAssignment> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    auto topic = znodes::decode_topic(answers[i].data);
    if (topic)
      out.emplace(topics[i], std::move(*topic));
    else
      name_broken(znodes::topic_path(topics[i]), topic.error().message);
  }
  co_return out;
}

Awaitable<std::map<TopicPartition, LeaderAndIsr>> ControllerStore::states(std::vector<TopicPartition> partitions) {
  std::vector<StoreOp> ops;
  for (const auto& tp : partitions) ops.push_back(StoreOp::get(znodes::state_path(tp.topic, tp.partition)));
  const auto answers = co_await read(std::move(ops));
  std::map<TopicPartition, LeaderAndIsr> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    auto state = znodes::decode_state(answers[i].data);
    if (!state) {
      name_broken(znodes::state_path(partitions[i].topic, partitions[i].partition), state.error().message);
      continue;
    }
    LeaderAndIsr l;
    l.leader = state->leader;
    l.leader_epoch = state->leader_epoch;
    l.isr = std::move(state->isr);
    l.recovering = state->recovering;
    l.controller_epoch = state->controller_epoch;
    l.partition_epoch = answers[i].stat.version;
    out.emplace(partitions[i], std::move(l));
  }
  co_return out;
}

namespace {

std::string state_json(const LeaderAndIsr& l) {
  znodes::PartitionState state;
  state.leader = l.leader;
  state.leader_epoch = l.leader_epoch;
  state.isr = l.isr;
  state.controller_epoch = l.controller_epoch;
  state.recovering = l.recovering;
  return znodes::encode(state);
}

}  // namespace

Awaitable<std::vector<StoreError>> ControllerStore::create_states(const std::vector<StateWrite>& writes) {
  // Parents and states of all partitions go in one round: the store keeps the order, and the embedded one makes it one fsync.
  std::vector<StoreOp> ops;
  std::vector<std::size_t> last_of;
  const std::string* topic = nullptr;
  for (const auto& w : writes) {
    const auto& tp = w.partition;
    if (topic == nullptr || *topic != tp.topic) {
      ops.push_back(StoreOp::create(znodes::partitions_path(tp.topic)));
      topic = &tp.topic;
    }
    ops.push_back(StoreOp::create(znodes::partition_path(tp.topic, tp.partition)));
    ops.push_back(StoreOp::create(znodes::state_path(tp.topic, tp.partition), state_json(w.leadership)));
    last_of.push_back(ops.size() - 1);
  }
  const auto answers = co_await write(std::move(ops));
  std::vector<StoreError> out;
  for (const auto i : last_of) out.push_back(answers[i].error);
  co_return out;
}

Awaitable<std::vector<StoreResult<std::int32_t>>> ControllerStore::write_states(const std::vector<StateWrite>& writes) {
  std::vector<StoreOp> ops;
  for (const auto& w : writes) ops.push_back(StoreOp::set(znodes::state_path(w.partition.topic, w.partition.partition), state_json(w.leadership), w.leadership.partition_epoch));
  const auto answers = co_await write(std::move(ops));
  std::vector<StoreResult<std::int32_t>> out;
  for (const auto& a : answers) {
    if (a.ok())
      out.emplace_back(a.stat.version);
    else
      out.emplace_back(a.error);
  }
  co_return out;
}

Awaitable<void> ControllerStore::set_assignment(std::string topic, znodes::TopicAssignment assignment) {
  std::vector<StoreOp> ops;
  ops.push_back(StoreOp::set(znodes::topic_path(topic), znodes::encode(assignment)));
  const auto answers = co_await write(std::move(ops));
  if (!answers[0].ok()) fail(znodes::topic_path(topic), answers[0].error);
}

Awaitable<void> ControllerStore::delete_topics(std::vector<std::string> topics) {
  // What is below the topic nodes, level by level, for all topics in one round each.
  std::vector<std::string> paths;
  for (const auto& topic : topics) paths.push_back(znodes::topic_path(topic));
  for (std::size_t from = 0; from < paths.size();) {
    const auto to = paths.size();
    std::vector<StoreOp> ops;
    for (auto i = from; i < to; ++i) ops.push_back(StoreOp::children(paths[i]));
    const auto answers = co_await read(std::move(ops));
    for (std::size_t i = 0; i < answers.size(); ++i)
      for (const auto& child : answers[i].children) paths.push_back(paths[from + i] + "/" + child);
    from = to;
  }
  std::vector<StoreOp> ops;
  for (auto it = paths.rbegin(); it != paths.rend(); ++it) ops.push_back(StoreOp::remove(*it));
  for (const auto& topic : topics) {
    ops.push_back(StoreOp::remove(znodes::config_path("topics/" + topic)));
    ops.push_back(StoreOp::remove(znodes::delete_topic_path(topic)));
  }
  const auto answers = co_await write(std::move(ops));
  for (const auto& a : answers)
    if (!a.ok() && a.error != StoreError::no_node) fail("topic deletion", a.error);
}

Awaitable<void> ControllerStore::remove(std::vector<std::string> paths) {
  std::vector<StoreOp> ops;
  for (auto& path : paths) ops.push_back(StoreOp::remove(std::move(path)));
  const auto answers = co_await write(std::move(ops));
  for (const auto& a : answers)
    if (!a.ok() && a.error != StoreError::no_node) fail("removal", a.error);
}

Awaitable<std::map<std::string, std::string>> ControllerStore::data(std::vector<std::string> paths) {
  std::vector<StoreOp> ops;
  for (const auto& path : paths) ops.push_back(StoreOp::get(path));
  auto answers = co_await read(std::move(ops));
  std::map<std::string, std::string> out;
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i].ok()) out.emplace(paths[i], std::move(answers[i].data));
  co_return out;
}

}  // namespace moldau::replication
