// What a request handler sees: the request's header, its connection, its arena, and the broker's services.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/arena.h"
#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "server/network/dispatcher.h"
#include "storage/io/file.h"

namespace moldau::config {
class DynamicConfig;
struct BrokerConfig;
}  // namespace moldau::config

namespace moldau::replication {
class ReplicaManager;
class MetadataCache;
class MetadataStore;
class TopicAdmin;
class ConfigAdmin;
}  // namespace moldau::replication

namespace moldau::server {

class GroupCoordinator;
class FetchSessionCache;
class ProducerIdManager;

/// The broker's services, made by the composition root (server/broker.cc) and alive for as long as requests run.
struct Services {
  Clock* clock = nullptr;
  config::DynamicConfig* config = nullptr;
  replication::ReplicaManager* replicas = nullptr;
  replication::MetadataCache* metadata = nullptr;
  replication::MetadataStore* store = nullptr;
  replication::TopicAdmin* topics = nullptr;
  replication::ConfigAdmin* configs = nullptr;
  GroupCoordinator* groups = nullptr;
  FetchSessionCache* fetch_sessions = nullptr;
  ProducerIdManager* producer_ids = nullptr;
  std::string cluster_id;
  Executor blocking;  ///< Pool for work that may block or compute for long.
};

/// One request in the making. Belongs to the connection's thread; a handler runs there (or resumes there after a hop to a pool).
class RequestContext {
 public:
  RequestContext(Services& services, ConnectionInfo& connection) : services_(services), connection_(connection) {}
  RequestContext(const RequestContext&) = delete;
  RequestContext& operator=(const RequestContext&) = delete;

  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id;  ///< Empty when null; borrowed from the frame.

  Arena& arena() noexcept { return arena_; }
  ConnectionInfo& connection() noexcept { return connection_; }
  Clock& clock() noexcept { return *services_.clock; }
  config::DynamicConfig& config() noexcept { return *services_.config; }
  replication::ReplicaManager& replicas() noexcept { return *services_.replicas; }
  replication::MetadataCache& metadata() noexcept { return *services_.metadata; }
  /// Offsets of version 0 clients lie in it.
  replication::MetadataStore& store() noexcept { return *services_.store; }
  replication::TopicAdmin& topics() noexcept { return *services_.topics; }
  replication::ConfigAdmin& configs() noexcept { return *services_.configs; }
  GroupCoordinator& groups() noexcept { return *services_.groups; }
  FetchSessionCache& fetch_sessions() noexcept { return *services_.fetch_sessions; }
  ProducerIdManager& producer_ids() noexcept { return *services_.producer_ids; }
  /// Lives as long as the broker.
  [[nodiscard]] std::string_view cluster_id() const noexcept { return services_.cluster_id; }
  Executor blocking_pool() { return services_.blocking; }

  /// Adds a file range to the answer; the result is the index for Records::make_external of the records field that it fills.
  std::uint32_t attach(storage::FileSlice slice) {
    payloads_.push_back(std::move(slice));
    return static_cast<std::uint32_t>(payloads_.size() - 1);
  }
  std::vector<storage::FileSlice>& payloads() noexcept { return payloads_; }

  /// Produce: the records are appended; the connection may take its next Produce while this one waits for replication.
  void release_order() {
    if (exchange_ != nullptr) exchange_->release_order();
  }
  void set_exchange(Exchange& exchange) noexcept { exchange_ = &exchange; }

  /// Produce with acks=0: nothing is sent.
  void suppress_response() noexcept { send_response_ = false; }
  [[nodiscard]] bool sends_response() const noexcept { return send_response_; }
  /// Closes the connection once the answer (if any) is written.
  void close_connection() noexcept { close_ = true; }
  [[nodiscard]] bool closes_connection() const noexcept { return close_; }

 private:
  Services& services_;
  ConnectionInfo& connection_;
  Exchange* exchange_ = nullptr;
  Arena arena_;
  std::vector<storage::FileSlice> payloads_;
  bool send_response_ = true;
  bool close_ = false;
};

}  // namespace moldau::server
