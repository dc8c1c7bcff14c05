// Broker: the composition root. Makes the broker's parts, starts them in order, stops them in reverse; no logic of its own.
//
// Order of start (Kafka 3.9 KafkaServer.startup): log directories, metadata store, identity, dynamic configuration, logs, sockets (bound,
// not accepting), replica manager, registration, controller, coordinators, then accepting and HTTP.
#pragma once

#include <functional>
#include <memory>

#include "config/load.h"
#include "protocol/base/error.h"

namespace moldau::server {

struct Platform;
struct Services;

class Broker {
 public:
  /// REQUIRES: loaded.ok().
  explicit Broker(const config::LoadResult& loaded);
  Broker(const config::LoadResult& loaded, Platform platform);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Blocking. Error: one line that says what to change; call stop() then too. When `stop_asked` (any thread, stays true) says so, the start ends early with an
  /// error, be it in the middle of a recovery.
  Status start(const std::function<bool()>& stop_asked = {});
  /// Stops what was started: no new connections, requests in flight are answered, groups and controller stop, logs are flushed and closed,
  /// the clean-shutdown marker is written. Blocking; idempotent.
  void stop();
  /// What the handlers see, for checks from outside. REQUIRES: start() returned without an error, stop() was not called.
  [[nodiscard]] const Services& services() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace moldau::server
