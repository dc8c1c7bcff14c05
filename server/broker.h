// Broker: the composition root. Makes the broker's parts, starts them in order, stops them in reverse; no logic of its own.
//
// Order of start (Kafka 3.9 KafkaServer.startup): log directories, metadata store, identity, dynamic configuration, logs, sockets (bound,
// not accepting), replica manager, registration, controller, coordinators, then accepting and HTTP.
#pragma once

#include <memory>

#include "config/load.h"
#include "protocol/base/error.h"

namespace moldau::server {

class Broker {
 public:
  /// REQUIRES: loaded.ok().
  explicit Broker(const config::LoadResult& loaded);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Blocking. Error: one line that says what to change; call stop() then too.
  Status start();
  /// Stops what was started: no new connections, requests in flight are answered, groups and controller stop, logs are flushed and closed,
  /// the clean-shutdown marker is written. Blocking; idempotent.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace moldau::server
