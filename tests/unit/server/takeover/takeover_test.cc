#include "server/takeover/takeover.h"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <future>

#include "made_up_kafka.h"
#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"
#include "server/takeover/metadata_snapshot.h"
#include "server/takeover/takeover_plan.h"

using namespace moldau;
using namespace moldau::server;
using moldau::server::test::kIdA;
using moldau::server::test::kIdB;
using moldau::server::test::MadeUpKafka;
namespace znodes = moldau::replication::znodes;

namespace {

Result<TakeoverReport> run(const MadeUpKafka& kafka, TakeoverOptions options = {}, config::Settings settings = {}) {
  const auto random = make_seeded_random(1);
  const TakeoverSeams seams{storage::posix_disk(), system_clock(), *random};
  return take_over(kafka.config(std::move(settings)), options, seams);
}

std::string store_file(const MadeUpKafka& kafka) { return kafka.log_dirs.front() + "/moldau-metadata.db"; }

/// All bytes of the metadata.
std::string store_bytes(const MadeUpKafka& kafka) { return kafka.read(store_file(kafka)) + kafka.read(store_file(kafka) + "-wal"); }

std::unique_ptr<replication::MetadataStore> open(const MadeUpKafka& kafka) {
  auto store = replication::open_embedded_store(kafka.log_dirs.front(), system_clock());
  REQUIRE(store);
  return std::move(*store);
}

MetadataSnapshot written(const MadeUpKafka& kafka) {
  const auto store = open(kafka);
  auto known = read_metadata(*store);
  REQUIRE(known);
  store->close();
  return std::move(*known);
}

config::Settings configs_of(const MadeUpKafka& kafka, const std::string& topic) {
  const auto store = open(kafka);
  std::promise<std::string> data;
  store->submit({replication::StoreOp::get(znodes::config_path("topics/" + topic))}, [&](auto answers) { data.set_value(answers.front().data); });
  const auto json = data.get_future().get();
  store->close();
  const auto settings = znodes::decode_config(json);
  REQUIRE(settings);
  return *settings;
}

const config::Settings kSafe{{"cleanup.policy", "delete"}, {"retention.bytes", "-1"}, {"retention.ms", "-1"}};

}  // namespace

TEST_CASE("Takeover: a tree with ids, epochs above and far producer ids", "[takeover]") {
  MadeUpKafka kafka;
  const auto two = kafka.add_log_dir("two");
  const auto led = kafka.add_partition("orders-0");
  kafka.add_partition("orders-1", kIdA, two);
  kafka.add_partition("__consumer_offsets-0", kIdB);
  kafka.write(led + "/00000000000000000000.log", MadeUpKafka::batch(4, 3007));
  const auto meta = kafka.read(two + "/meta.properties");
  const auto report = run(kafka);
  REQUIRE(report);
  CHECK_THAT(report->text, Catch::Contains("cluster iGkWbdXHQxC0yB_tWr7SLw, broker 7: 2 topics with 3 partitions") && Catch::Contains("leader epoch 0 to 5") &&
                               Catch::Contains("the highest seen is 3007"));
  REQUIRE(report->warnings.size() == 1);
  CHECK_THAT(report->warnings.front(), Catch::Contains("kafka-configs --bootstrap-server") && Catch::Contains("--topic-configs FILE"));

  const auto known = written(kafka);
  CHECK(known.cluster_id == test::kClusterId);
  REQUIRE(known.topics.size() == 2);
  const auto& orders = known.topics.at("orders");
  CHECK(orders.topic_id.to_string() == kIdA);
  REQUIRE(orders.partitions.size() == 2);
  CHECK(orders.partitions.at(1).replicas == std::vector{BrokerId(7)});
  const auto& state = known.states.at({"orders", 0});
  CHECK(state.leader == BrokerId(7));
  CHECK(state.isr == std::vector{BrokerId(7)});
  CHECK(state.leader_epoch == LeaderEpoch(5));
  CHECK(known.states.at({"orders", 1}).leader_epoch == LeaderEpoch(0));
  REQUIRE(known.producer_ids);
  CHECK(known.producer_ids->last + 1 == kFirstProducerId);
  CHECK(configs_of(kafka, "orders") == kSafe);
  CHECK(configs_of(kafka, "__consumer_offsets").at("cleanup.policy") == "compact");
  CHECK(kafka.read(two + "/meta.properties") == meta);
}

TEST_CASE("Takeover: a dry run tells the same and writes nothing", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  TakeoverOptions options;
  options.dry_run = true;
  const auto report = run(kafka, options);
  REQUIRE(report);
  CHECK_THAT(report->text, Catch::Contains("topic orders: id XECk-PJhQeWPPs7JBcuDkw, 1 partition, leader epoch 0, kept safe") && Catch::Contains("nothing is written"));
  CHECK_FALSE(std::filesystem::exists(store_file(kafka)));
}

TEST_CASE("Takeover: a dry run beside metadata that is there tells what the real run does, and writes nothing", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  REQUIRE(run(kafka));
  kafka.add_partition("orders-1");
  kafka.add_partition("fresh-0", kIdB);
  const auto before = store_bytes(kafka);
  TakeoverOptions options;
  options.dry_run = true;
  const auto dry = run(kafka, options);
  REQUIRE(dry);
  CHECK(store_bytes(kafka) == before);
  const auto real = run(kafka);
  REQUIRE(real);
  const auto without_last_line = [](const std::string& text) { return text.substr(0, text.rfind('\n', text.size() - 2)); };
  CHECK(without_last_line(dry->text) == without_last_line(real->text));
  CHECK(dry->warnings == real->warnings);
  CHECK(store_bytes(kafka) != before);
}

TEST_CASE("Takeover: a directory of another user is told", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("__consumer_offsets-0");
  if (::geteuid() != 0 || ::chown(kafka.log_dirs.front().c_str(), 4711, 4711) != 0) return;  // only root can give it away
  const auto report = run(kafka);
  REQUIRE(report);
  REQUIRE(report->warnings.size() == 1);
  CHECK_THAT(report->warnings.front(), Catch::Contains("belongs to user 4711 and the takeover runs as user 0"));
}

TEST_CASE("Takeover: what a terminal sees has no control characters", "[takeover]") {
  CHECK(printable("topic a\n\x1b[2J\x07 b\x7f\n") == "topic a\n\\x1b[2J\\x07 b\\x7f\n");
}

TEST_CASE("Takeover: leader epochs are kept on request", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.write(kafka.add_partition("orders-0") + "/leader-epoch-checkpoint", "0\n1\n4 0\n");
  kafka.add_partition("orders-1");
  TakeoverOptions options;
  options.keep_leader_epochs = true;
  REQUIRE(run(kafka, options));
  CHECK(written(kafka).states.at({"orders", 0}).leader_epoch == LeaderEpoch(4));
  CHECK(written(kafka).states.at({"orders", 1}).leader_epoch == LeaderEpoch(0));
}

TEST_CASE("Takeover: a refusal leaves no metadata behind", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.write(kafka.add_partition("orders-0") + "/leader-epoch-checkpoint", "0\n1\n2147483647 0\n");
  const auto report = run(kafka);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Catch::Contains("leaves no room"));
  CHECK_FALSE(std::filesystem::exists(store_file(kafka)));
}

TEST_CASE("Takeover: two topics with one id are refused", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  SECTION("both in the directories") { kafka.add_partition("copy-0"); }
  SECTION("one in the metadata") {
    REQUIRE(run(kafka));
    std::filesystem::rename(kafka.log_dirs.front() + "/orders-0", kafka.log_dirs.front() + "/copy-0");
  }
  const auto report = run(kafka);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Catch::Contains("have the same id " + std::string(kIdA)));
}

TEST_CASE("Takeover: metadata that is no database", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  kafka.write(store_file(kafka), std::string(5000, 'x'));
  const auto report = run(kafka);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Catch::StartsWith(store_file(kafka) + " cannot be read"));
  CHECK(kafka.read(store_file(kafka)) == std::string(5000, 'x'));
}

TEST_CASE("Takeover: topic configurations of a file", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  kafka.add_partition("plain-0", kIdB);
  const auto file = kafka.log_dirs.front() + ".yaml";
  kafka.write(file, "orders:\n  cleanup.policy: compact\nnobody:\n  retention.ms: 1\n");
  TakeoverOptions options;
  options.topic_configs = file;
  const auto report = run(kafka, options);
  REQUIRE(report);
  CHECK(configs_of(kafka, "orders") == config::Settings{{"cleanup.policy", "compact"}});
  CHECK(configs_of(kafka, "plain") == kSafe);
  REQUIRE(report->warnings.size() == 2);
  CHECK_THAT(report->warnings[0], Catch::Contains("of 1 topic (plain)"));
  CHECK_THAT(report->warnings[1], Catch::Contains("nobody"));
  options.topic_configs = file + ".missing";
  CHECK_FALSE(run(kafka, options));
}

TEST_CASE("Takeover: a topic without an id gets one, with a warning", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("old-0", "");
  const auto report = run(kafka);
  REQUIRE(report);
  const auto id = written(kafka).topics.at("old").topic_id;
  CHECK_FALSE(id.is_zero());
  CHECK_THAT(report->warnings.front(), Catch::Contains("no partition.metadata") && Catch::Contains(id.to_string()));
}

TEST_CASE("Takeover: what came since is added to metadata that is there", "[takeover]") {
  const MadeUpKafka kafka;
  const auto orders = kafka.add_partition("orders-0");
  kafka.add_partition("quiet-0", kIdB);
  REQUIRE(run(kafka));
  const auto before = written(kafka);

  SECTION("nothing new: nothing changes") {
    REQUIRE(run(kafka));
    const auto after = written(kafka);
    CHECK(after.topics == before.topics);
    CHECK(after.states == before.states);
    CHECK(after.producer_ids->last == before.producer_ids->last);
  }
  SECTION("a topic, a partition, an epoch, a producer id") {
    kafka.add_partition("orders-1");
    kafka.add_partition("fresh-0", "0123456789ABCDEFGHIJKw");
    kafka.write(orders + "/00000000000000000000.log", MadeUpKafka::batch(8, kFirstProducerId + 5));
    const auto report = run(kafka);
    REQUIRE(report);
    CHECK_THAT(report->text, Catch::Contains("topic orders: known") && Catch::Contains("configuration as it is"));
    const auto after = written(kafka);
    CHECK(after.topics.size() == 3);
    CHECK(after.topics.at("orders").partitions.size() == 2);
    CHECK(after.states.at({"orders", 0}).leader_epoch == LeaderEpoch(9));
    CHECK(after.states.at({"quiet", 0}).leader_epoch == LeaderEpoch(0));
    CHECK(after.producer_ids->last + 1 == 2 * kFirstProducerId);
  }
  SECTION("a topic that Kafka made anew") {
    kafka.write(orders + "/partition.metadata", std::string("version: 0\ntopic_id: ") + "0123456789ABCDEFGHIJKw");
    const auto report = run(kafka);
    REQUIRE_FALSE(report);
    CHECK_THAT(report.error().message, Catch::Contains("deleted and made again") && Catch::Contains("moldau-metadata.db"));
  }
  SECTION("a topic that Kafka deleted") {
    std::filesystem::remove_all(orders);
    const auto report = run(kafka);
    REQUIRE(report);
    CHECK_THAT(report->warnings.back(), Catch::Contains("topic orders of the embedded metadata has no directory"));
    CHECK(written(kafka).topics.contains("orders"));
  }
  SECTION("metadata of another cluster") {
    kafka.write(kafka.log_dirs.front() + "/meta.properties", "version=0\nbroker.id=7\ncluster.id=nvJ01wnmR12yLY4HOYbM3Q\n");
    const auto report = run(kafka);
    REQUIRE_FALSE(report);
    CHECK_THAT(report.error().message, Catch::Contains("the embedded metadata is of cluster"));
  }
}

TEST_CASE("Takeover: a store that a crash left empty is filled", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.add_partition("orders-0");
  open(kafka)->close();
  REQUIRE(run(kafka));
  CHECK(written(kafka).topics.contains("orders"));
}

TEST_CASE("Takeover: producer ids that leave no room are refused", "[takeover]") {
  const MadeUpKafka kafka;
  kafka.write(kafka.add_partition("orders-0") + "/00000000000000000001.snapshot", MadeUpKafka::snapshot(INT64_MAX));
  const auto report = run(kafka);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Catch::Contains("producer id 9223372036854775807 leaves no room"));
}
