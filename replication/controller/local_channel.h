// LocalChannel: control requests of the controller to its own broker, in process: the same structs in the same order, without listener or login.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "protocol/base/async.h"
#include "replication/controller/broker_channel.h"

namespace moldau {
class TaskGroup;
}

namespace moldau::replication {

/// The broker's side: ReplicaManager's three calls (their answers lie in the arena given).
struct ControlReceiver {
  std::function<Awaitable<protocol::LeaderAndIsrResponse>(const protocol::LeaderAndIsrRequest&, Arena&)> leader_and_isr;
  std::function<Awaitable<protocol::StopReplicaResponse>(const protocol::StopReplicaRequest&, Arena&)> stop_replica;
  std::function<Awaitable<protocol::UpdateMetadataResponse>(const protocol::UpdateMetadataRequest&)> update_metadata;
};

/// Runs the receiver's calls one after the other on `executor`, as a task of `tasks`. Closing the channel lets the call in progress end; its answer goes nowhere.
/// REQUIRES: `tasks` outlives the channel, and is joined before what the receiver calls goes.
std::unique_ptr<BrokerChannel> make_local_channel(Executor executor, ControlReceiver receiver, TaskGroup& tasks);

}  // namespace moldau::replication
