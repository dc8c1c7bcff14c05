// RequestDispatcher: from a frame to its answer (Kafka 3.9 KafkaApis.handle with RequestChannel). Header, version check, decode, handler,
// encode, log line and metrics are done here once for all APIs.
#pragma once

#include "server/handlers/registry.h"
#include "server/network/dispatcher.h"

namespace moldau::server {

class RequestDispatcher final : public Dispatcher {
 public:
  explicit RequestDispatcher(Services& services) : services_(services) {}

  FrameKind classify(Bytes frame, const ConnectionInfo& connection) override;
  Awaitable<Response> handle(Bytes frame, ConnectionInfo& connection, Exchange& exchange) override;

 private:
  Services& services_;
};

}  // namespace moldau::server
