// The way of control requests from the controller to one broker (Kafka 3.9 ControllerChannelManager, RequestSendThread): in order, one at a time, answered
// some time later. To this broker itself the same structs go in process (local_channel.h); to others over the inter-broker protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>

#include "protocol/base/arena.h"
#include "protocol/base/ids.h"
#include "protocol/messages/leader_and_isr.h"
#include "protocol/messages/stop_replica.h"
#include "protocol/messages/update_metadata.h"

namespace moldau::replication {

struct LiveBroker;

/// A control request with the memory it lies in.
struct ControlRequest {
  std::shared_ptr<Arena> arena;
  std::variant<protocol::LeaderAndIsrRequest, protocol::StopReplicaRequest, protocol::UpdateMetadataRequest> message;
};

/// The answer with its memory.
struct ControlResponse {
  std::shared_ptr<Arena> arena;
  std::variant<protocol::LeaderAndIsrResponse, protocol::StopReplicaResponse, protocol::UpdateMetadataResponse> message;
};

class BrokerChannel {
 public:
  /// Called on any thread, once for each answered request; never after the channel was closed.
  using Completion = std::function<void(ControlResponse)>;

  virtual ~BrokerChannel() = default;
  /// Queues a request; it is sent when all before it are answered, and again until it is answered or the channel is closed.
  virtual void send(ControlRequest request, Completion done) = 0;
};

/// Makes the channel to a broker that has come up.
using BrokerChannelFactory = std::function<std::unique_ptr<BrokerChannel>(const LiveBroker& broker)>;

}  // namespace moldau::replication
