// ControllerStore: the controller's reads and writes of znodes (Kafka 3.9 KafkaZkClient, as far as the controller uses it). Every write goes with a check of
// /controller_epoch; when that fails, another broker has become controller and ControllerMoved ends the event in progress.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/ids.h"
#include "replication/controller/controller_context.h"
#include "replication/controller/state_machines.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"

namespace moldau::replication {

/// Another broker is controller; the event loop resigns.
class ControllerMoved : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The store answers what it never should; the event in progress is given up.
class StoreFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The store cannot be reached, or the session is gone: what the context holds may not be what is stored. The controller resigns, and is elected anew.
class StoreLost : public StoreFailure {
 public:
  using StoreFailure::StoreFailure;
};

class ControllerStore {
 public:
  explicit ControllerStore(MetadataStore& store) : store_(store) {}

  /// The epoch version that guards writes from now on.
  void set_epoch_version(std::int32_t version) noexcept { epoch_version_ = version; }

  Awaitable<std::vector<std::string>> children(std::string path, bool watch);
  /// All live brokers with their epochs. A broken node is named in the log and left out.
  Awaitable<std::map<BrokerId, LiveBroker>> brokers(bool watch_list, bool watch_nodes);
  /// Assignments of topics, each watched; topics that are gone meanwhile, or whose node is broken, are left out.
  Awaitable<std::map<std::string, znodes::TopicAssignment>> assignments(std::vector<std::string> topics, bool watch);
  /// State nodes with their versions; partitions without one are left out. With `repair` a broken node is named in the log and treated as absent.
  Awaitable<std::map<TopicPartition, LeaderAndIsr>> states(std::vector<TopicPartition> partitions);

  /// Creates /partitions, /partitions/P and the state node; one answer a write (node_exists: another controller or an earlier life made it).
  Awaitable<std::vector<StoreError>> create_states(const std::vector<StateWrite>& writes);
  /// Conditional writes; the answer is the node's new version, or the error (bad_version: somebody else wrote it).
  Awaitable<std::vector<StoreResult<std::int32_t>>> write_states(const std::vector<StateWrite>& writes);
  Awaitable<void> set_assignment(std::string topic, znodes::TopicAssignment assignment);
  /// Removes /brokers/topics/T with all below it, /config/topics/T and /admin/delete_topics/T.
  Awaitable<void> delete_topics(std::vector<std::string> topics);
  Awaitable<void> remove(std::vector<std::string> paths);
  /// The data of nodes; those that are gone are left out.
  Awaitable<std::map<std::string, std::string>> data(std::vector<std::string> paths);

  MetadataStore& raw() noexcept { return store_; }

 private:
  StoreOp guarded(StoreOp op) const;
  /// Submits guarded writes together and unwraps their answers.
  Awaitable<std::vector<StoreResponse>> write(std::vector<StoreOp> ops);
  Awaitable<std::vector<StoreResponse>> read(std::vector<StoreOp> ops);

  MetadataStore& store_;
  std::int32_t epoch_version_ = 0;
};

}  // namespace moldau::replication
