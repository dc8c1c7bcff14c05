#include "server/takeover/way_back.h"

#include <catch2/catch.hpp>

#include <future>

#include "made_up_kafka.h"
#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"
#include "server/takeover/takeover.h"

using namespace moldau;
using namespace moldau::server;
using moldau::server::test::kIdA;
using moldau::server::test::kIdB;
using moldau::server::test::MadeUpKafka;
namespace znodes = moldau::replication::znodes;

namespace {

TakeoverSeams seams() {
  static const auto random = make_seeded_random(1);
  return {storage::posix_disk(), system_clock(), *random};
}

std::string commands_file(const MadeUpKafka& kafka) { return kafka.log_dirs.front() + ".back"; }

std::string back(const MadeUpKafka& kafka) {
  const auto report = give_back(kafka.config(), commands_file(kafka), seams());
  REQUIRE(report);
  CHECK_THAT(report->text, Catch::Contains("< " + commands_file(kafka)));
  return MadeUpKafka::read(commands_file(kafka));
}

void change(const MadeUpKafka& kafka, const std::string& path, const std::string& json) {
  auto store = replication::open_embedded_store(kafka.log_dirs.front(), system_clock());
  REQUIRE(store);
  std::promise<replication::StoreError> done;
  (*store)->submit({replication::StoreOp::set(path, json, -1)}, [&](auto answers) { done.set_value(answers.front().error); });
  REQUIRE(done.get_future().get() == replication::StoreError::ok);
  (*store)->close();
}

}  // namespace

TEST_CASE("Takeover, way back: topics, ids, and an epoch above all that were used", "[takeover]") {
  const MadeUpKafka kafka;
  const auto orders = kafka.add_partition("orders-0");
  kafka.add_partition("orders-1");
  kafka.write(orders + "/leader-epoch-checkpoint", "0\n1\n4 0\n");
  REQUIRE(take_over(kafka.config(), {}, seams()));
  const std::string topic =
      "create /config/topics/orders {\"version\":1,\"config\":{\"cleanup.policy\":\"delete\",\"retention.bytes\":\"-1\",\"retention.ms\":\"-1\"}}\n"
      "create /brokers/topics/orders\n"
      "set /brokers/topics/orders {\"partitions\":{\"0\":[7],\"1\":[7]},\"topic_id\":\"" +
      std::string(kIdA) +
      "\",\"adding_replicas\":{},\"removing_replicas\":{},\"version\":3}\n"
      "create /brokers/topics/orders/partitions\n";
  const auto partition = [](int number, int epoch) {
    const auto path = "/brokers/topics/orders/partitions/" + std::to_string(number);
    return "create " + path + "\ncreate " + path + "/state\nset " + path +
           "/state {\"controller_epoch\":0,\"leader\":7,\"version\":1,\"leader_epoch\":" + std::to_string(epoch) + ",\"isr\":[7]}\n";
  };
  CHECK(back(kafka) == topic + partition(0, 6) + partition(1, 1));
  CHECK(back(kafka) == topic + partition(0, 6) + partition(1, 1));

  SECTION("Kafka led in it and stopped: the next time above that") {
    kafka.write(orders + "/leader-epoch-checkpoint", "0\n2\n4 0\n9 3\n");
    CHECK(back(kafka) == topic + partition(0, 10) + partition(1, 1));
  }
  SECTION("a partition without a directory yet") {
    std::filesystem::remove_all(orders + "/../orders-1");
    CHECK(back(kafka) == topic + partition(0, 6) + partition(1, 1));
  }
}

TEST_CASE("Takeover, way back: no word has a space in it", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  REQUIRE(take_over(kafka.config(), {}, seams()));
  change(kafka, znodes::config_path("topics/orders"), znodes::encode_config({{"cleanup.policy", "compact, delete"}}));
  CHECK_THAT(back(kafka), Catch::StartsWith("create /config/topics/orders {\"version\":1,\"config\":{\"cleanup.policy\":\"compact,\\u0020delete\"}}\n"));
}

TEST_CASE("Takeover, way back: nothing is written in the log directories", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  REQUIRE(take_over(kafka.config(), {}, seams()));
  const auto file = kafka.log_dirs.front() + "/moldau-metadata.db";
  const auto bytes = [&] { return MadeUpKafka::read(file) + MadeUpKafka::read(file + "-wal"); };
  const auto before = bytes();
  std::filesystem::remove(kafka.log_dirs.front() + "/.lock");
  REQUIRE_FALSE(back(kafka).empty());
  CHECK(bytes() == before);
  CHECK_FALSE(std::filesystem::exists(kafka.log_dirs.front() + "/.lock"));
}

TEST_CASE("Takeover, way back: refusals", "[takeover]") {
  const MadeUpKafka kafka;
  const auto orders = kafka.add_partition("orders-0", kIdB);
  SECTION("Moldau never served it") {
    const auto report = give_back(kafka.config(), commands_file(kafka), seams());
    REQUIRE_FALSE(report);
    CHECK_THAT(report.error().message, Catch::Contains("there is no moldau-metadata.db") && Catch::Contains("never served"));
  }
  SECTION("no room for an epoch") {
    REQUIRE(take_over(kafka.config(), {}, seams()));
    kafka.write(orders + "/leader-epoch-checkpoint", "0\n1\n2147483647 0\n");
    const auto report = give_back(kafka.config(), commands_file(kafka), seams());
    REQUIRE_FALSE(report);
    CHECK_THAT(report.error().message, Catch::Contains("orders-0: leader epoch 2147483647 leaves no room"));
  }
  SECTION("a running broker") {
    REQUIRE(take_over(kafka.config(), {}, seams()));
    const auto lock = storage::posix_disk().lock(kafka.log_dirs.front() + "/.lock");
    REQUIRE(lock);
    const auto report = give_back(kafka.config(), commands_file(kafka), seams());
    REQUIRE_FALSE(report);
    CHECK_THAT(report.error().message, Catch::Contains("is in use"));
  }
}
