// Platform: what a broker stands on. The process has the system's clock, entropy, disks, sockets and threads; the simulator brings its own, and the broker
// above is the same code.
#pragma once

#include <functional>
#include <memory>

#include "config/broker_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/random.h"
#include "server/network/network.h"

namespace boost::asio {
class io_context;
}
namespace moldau::replication {
class MetadataStore;
}
namespace moldau::storage {
class Disk;
}

namespace moldau::server {

/// All that is referred to outlives the broker.
struct Platform {
  Clock* clock = nullptr;
  std::unique_ptr<Random> random;
  storage::Disk* disk = nullptr;
  Network* network = nullptr;
  /// Opens the embedded metadata store.
  std::function<Result<std::unique_ptr<replication::MetadataStore>>(const config::BrokerConfig&)> open_store;
  /// Ends the process at once: no log directory is left.
  std::function<void()> halt;
  /// Set: everything runs on this context, which its owner drives; the broker then starts no threads.
  boost::asio::io_context* driven = nullptr;
};

Platform system_platform();

}  // namespace moldau::server
