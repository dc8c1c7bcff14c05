#include "replication/partition/log_dir_event.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include "replication/store/memory_store.h"

using namespace moldau;
using namespace moldau::replication;

TEST_CASE("LogDirEvent: a failed directory is told as Apache Kafka tells it", "[replication]") {
  boost::asio::io_context io;
  ManualClock clock;
  MemoryEnsemble ensemble(io.get_executor(), clock);
  const auto store = ensemble.connect();
  const auto run = [&io](auto what) {
    auto result = boost::asio::co_spawn(io, std::move(what), boost::asio::use_future);
    io.restart();
    io.run();
    return result.get();
  };
  REQUIRE(run(store->ensure("/log_dir_event_notification")).has_value());
  const auto first = run(propagate_log_dir_event(*store, BrokerId(3)));
  REQUIRE(first.has_value());
  CHECK(*first == "/log_dir_event_notification/log_dir_event_0000000000");
  REQUIRE(run(propagate_log_dir_event(*store, BrokerId(3))).has_value());
  CHECK(run(store->children("/log_dir_event_notification"))->size() == 2);
  const auto node = run(store->get(*first));
  REQUIRE(node.has_value());
  CHECK(node->data == R"({"version":1,"broker":3,"event":1})");
  CHECK(node->stat.ephemeral_owner == 0);
  store->close();
  io.restart();
  io.run();
}
