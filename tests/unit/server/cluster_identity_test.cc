#include "server/cluster_identity.h"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "config/load.h"
#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "replication/store/memory_store.h"
#include "replication/store/metadata_store.h"
#include "replication/store/znodes.h"
#include "server/own_partitions.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

using namespace moldau;
namespace znodes = replication::znodes;

namespace {

/// A store in memory with some topics.
struct Store {
  boost::asio::io_context context;
  ManualClock clock;
  replication::MemoryEnsemble ensemble{context.get_executor(), clock};
  std::unique_ptr<replication::MetadataStore> session = ensemble.connect();
  std::unique_ptr<Random> random = make_seeded_random(7);

  template <class T>
  T run(Awaitable<T> work) {
    auto result = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.restart();
    context.run();
    return result.get();
  }
  void topic(const std::string& name, std::int32_t partitions, BrokerId replica) {
    znodes::TopicAssignment made;
    for (std::int32_t p = 0; p < partitions; ++p) made.partitions[p].replicas = {replica};
    (void)run(session->ensure(std::string(znodes::kTopics)));
    REQUIRE(run(session->create(znodes::topic_path(name), znodes::encode(made))).has_value());
  }
  Result<server::ClusterIdentity> settle(std::vector<std::string> overrides, storage::BrokerIdentity found = {}) {
    config::LoadRequest request;
    request.use_default_file = false;
    request.overrides = std::move(overrides);
    auto work = server::settle_identity(*session, config::load(request).config, std::move(found), *random);
    return run(std::move(work));
  }
};

}  // namespace

TEST_CASE("settle_identity: without meta.properties the id is the one of the store's partitions", "[server]") {
  Store store;
  store.topic("a", 2, BrokerId(3));
  CHECK(store.settle({}).value().broker_id == BrokerId(3));
  CHECK(store.settle({"broker.id=3"}).value().broker_id == BrokerId(3));
  const auto other = store.settle({"broker.id=5"});
  REQUIRE_FALSE(other.has_value());
  CHECK_THAT(other.error().message, Catch::Contains("broker.id=5 is not 3"));
  CHECK(store.settle({}, {BrokerId(7), std::nullopt}).value().broker_id == BrokerId(7));
}

TEST_CASE("settle_identity: a store without partitions leaves the id open", "[server]") {
  Store store;
  CHECK(store.settle({"broker.id=5"}).value().broker_id == BrokerId(5));
  CHECK(store.settle({}).value().broker_id == BrokerId(1001));
}

TEST_CASE("sort_logs: what a broker serves, what is being deleted, and what nobody knows", "[server]") {
  Store store;
  store.topic("a", 2, BrokerId(1));
  store.topic("elsewhere", 1, BrokerId(2));
  store.topic("going", 1, BrokerId(1));
  (void)store.run(store.session->ensure(std::string(znodes::kDeleteTopics) + "/going"));
  const auto sorted = store.run(server::sort_logs(*store.session, BrokerId(1), {{"a", 0}, {"a", 1}, {"a", 99}, {"elsewhere", 0}, {"going", 0}, {"unknown", 0}}));
  REQUIRE(sorted.has_value());
  CHECK(sorted->mine == std::vector<TopicPartition>{{"a", 0}, {"a", 1}});
  CHECK(sorted->strays == std::vector<TopicPartition>{{"a", 99}, {"elsewhere", 0}});
  CHECK(server::some_of(sorted->mine, 1) == "a-0, and 1 more");
}
