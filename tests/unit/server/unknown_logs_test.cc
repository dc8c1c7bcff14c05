#include "server/unknown_logs.h"

#include <boost/asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"
#include "server/sync_wait.h"
#include "tests/unit/server/takeover/made_up_kafka.h"

using namespace moldau;
using moldau::server::test::MadeUpKafka;

namespace {

/// The verdict on the directories of `kafka` with a store that has the nodes of `paths`.
Status verdict(const MadeUpKafka& kafka, const std::vector<std::string>& paths) {
  boost::asio::thread_pool pool(1);
  auto store = replication::open_embedded_store(kafka.log_dirs.front(), system_clock());
  REQUIRE(store);
  for (const auto& path : paths) {
    auto made = (*store)->ensure(path);
    REQUIRE(server::sync_wait(Executor(pool.get_executor()), std::move(made)).has_value());
  }
  auto checked = server::refuse_unknown_logs(**store, storage::posix_disk(), kafka.log_dirs);
  auto status = server::sync_wait(Executor(pool.get_executor()), std::move(checked));
  (*store)->close();
  return status;
}

}  // namespace

TEST_CASE("Unknown logs: partitions and no topic in the metadata refuse the start", "[server]") {
  MadeUpKafka kafka;
  kafka.add_partition("orders-1");
  kafka.add_partition("orders-0");
  kafka.add_partition("payments-0", moldau::server::test::kIdB, kafka.add_log_dir("two"));
  const auto refused = verdict(kafka, {"/brokers/topics"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_config);
  CHECK_THAT(refused.error().message, Catch::StartsWith("3 partitions on disk (for example " + kafka.log_dirs[0] + "/orders-0) are of topics that this broker's metadata does not know"));
  CHECK_THAT(refused.error().message, Catch::Contains("run moldau takeover"));
}

TEST_CASE("Unknown logs: what a crash may leave does not refuse", "[server]") {
  MadeUpKafka kafka;
  CHECK(verdict(kafka, {}));  // a new directory
  kafka.add_partition("gone-0.0123456789abcdef0123456789abcdef-delete");
  kafka.add_partition("gone-0.0123456789abcdef0123456789abcdef-stray");
  CHECK(verdict(kafka, {}));
  kafka.add_partition("half-deleted-0");
  CHECK(verdict(kafka, {"/admin/delete_topics/half-deleted"}));
  kafka.add_partition("left-0");
  CHECK(verdict(kafka, {"/brokers/topics/other"}));  // only a warning
}
