// HandlerFixture: handlers over the storage and replication of one broker on a simulated disk.
#pragma once

#include "config/dynamic_config.h"
#include "protocol/base/random.h"
#include "server/coordinator/transaction/producer_id_manager.h"
#include "server/fetch_session/fetch_session_cache.h"
#include "server/handlers/handlers.h"
#include "tests/unit/replication/partition/local_broker.h"

namespace moldau::server::testing {

using replication::testing::bytes_of;
using replication::testing::id_of;
using replication::testing::LocalBroker;
using replication::testing::make_batch;

struct HandlerFixture {
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(1);
  storage::SimDisk disk{1};
  LocalBroker broker;
  config::DynamicConfig config{config::Settings{}};
  FetchSessionCache sessions{1000, clock, *random};
  std::int64_t next_block = 0;
  ProducerIdManager producer_ids{[this]() -> Awaitable<Result<ProducerIdBlock>> {
    ProducerIdBlock block;
    block.first = next_block;
    block.size = 2;
    next_block += 2;
    co_return block;
  }};
  Services services;
  ConnectionInfo connection;
  std::unique_ptr<RequestContext> ctx;

  explicit HandlerFixture(config::LogConfig defaults = {}) : broker(disk, clock, *random, defaults) {
    services.clock = &clock;
    services.config = &config;
    services.replicas = &broker.replicas();
    services.metadata = &broker.cache();
    services.fetch_sessions = &sessions;
    services.producer_ids = &producer_ids;
    services.blocking = broker.io().get_executor();
    connection.listener = "PLAINTEXT";
  }

  /// A new request.
  RequestContext& request(std::int16_t version, std::string_view client = "test") {
    ctx = std::make_unique<RequestContext>(services, connection);
    ctx->api_version = version;
    ctx->client_id = client;
    return *ctx;
  }
  /// The bytes of a records field, wherever they lie.
  std::vector<std::byte> records_of(const protocol::Records& records) {
    if (records.external != 0) return bytes_of(ctx->payloads()[records.external - 1]);
    return {records.bytes.begin(), records.bytes.end()};
  }
};

}  // namespace moldau::server::testing
