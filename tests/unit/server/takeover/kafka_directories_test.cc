#include "server/takeover/kafka_directories.h"

#include <catch2/catch.hpp>

#include "made_up_kafka.h"

using namespace moldau;
using namespace moldau::server;
using moldau::server::test::kIdA;
using moldau::server::test::kIdB;
using moldau::server::test::MadeUpKafka;

namespace {

KafkaDirectoriesRequest request_of(const MadeUpKafka& kafka) {
  KafkaDirectoriesRequest request;
  request.log_dirs = kafka.log_dirs;
  return request;
}

Result<KafkaDirectories> read(const MadeUpKafka& kafka) { return read_kafka_directories(storage::posix_disk(), request_of(kafka)); }

/// The line with which it is refused; it has no second one.
std::string refusal(const Result<KafkaDirectories>& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find('\n') == std::string::npos);
  return result.error().message;
}

}  // namespace

TEST_CASE("Takeover directories: topics, ids and partitions of two log directories", "[takeover]") {
  MadeUpKafka kafka;
  const auto two = kafka.add_log_dir("two");
  kafka.add_partition("orders-0");
  kafka.add_partition("orders-1", "", two);
  kafka.add_partition("with-dash-0", kIdB, two);
  kafka.write(two + "/orders-2", "a plain file is left alone");
  const auto found = read(kafka);
  REQUIRE(found);
  CHECK(found->cluster_id == test::kClusterId);
  CHECK(found->broker_id == BrokerId(7));
  REQUIRE(found->topics.size() == 2);
  CHECK(found->topics.at("orders").id->to_string() == kIdA);
  CHECK(found->topics.at("orders").partitions.size() == 2);
  CHECK(found->topics.at("orders").partitions.at(1) == two + "/orders-1");
  CHECK(found->topics.at("with-dash").id->to_string() == kIdB);
  CHECK(found->notes.empty());
}

TEST_CASE("Takeover directories: identities that do not go together", "[takeover]") {
  MadeUpKafka kafka;
  auto request = request_of(kafka);
  SECTION("another cluster's directory") {
    kafka.add_log_dir("two", "nvJ01wnmR12yLY4HOYbM3Q");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("is of cluster") && Catch::Contains("out of log.dirs"));
  }
  SECTION("another broker's directory") {
    kafka.add_log_dir("two", test::kClusterId, 8);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("is of broker 7") && Catch::Contains("broker 8"));
  }
  SECTION("another broker.id in the configuration") {
    request.broker_id = BrokerId(1);
    CHECK_THAT(refusal(read_kafka_directories(storage::posix_disk(), request)), Catch::Contains("set broker.id=7"));
  }
  SECTION("another cluster.id in the configuration") {
    request.cluster_id = "nvJ01wnmR12yLY4HOYbM3Q";
    CHECK_THAT(refusal(read_kafka_directories(storage::posix_disk(), request)), Catch::Contains("take cluster.id out of the configuration"));
  }
  SECTION("no meta.properties at all") {
    std::filesystem::remove(kafka.log_dirs.front() + "/meta.properties");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("not the data of a Kafka broker"));
  }
  SECTION("a refusal makes no lock") {
    std::filesystem::remove(kafka.log_dirs.front() + "/meta.properties");
    std::filesystem::remove(kafka.log_dirs.front() + "/.lock");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("not the data of a Kafka broker"));
    CHECK_FALSE(std::filesystem::exists(kafka.log_dirs.front() + "/.lock"));
  }
  SECTION("a lock that is not there yet is made") {
    std::filesystem::remove(kafka.log_dirs.front() + "/.lock");
    const auto found = read(kafka);
    REQUIRE(found);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("is in use"));
  }
  SECTION("a broker.id below 0") {
    kafka.write(kafka.log_dirs.front() + "/meta.properties", "version=0\nbroker.id=-5\ncluster.id=x\n");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("broker.id -5 is no broker's"));
  }
  SECTION("meta.properties missing in one of two") {
    std::filesystem::remove(kafka.add_log_dir("two") + "/meta.properties");
    const auto found = read(kafka);
    REQUIRE(found);
    REQUIRE(found->notes.size() == 1);
    CHECK_THAT(found->notes.front(), Catch::Contains("two/meta.properties is missing"));
  }
  SECTION("a KRaft broker's meta.properties") {
    kafka.write(kafka.log_dirs.front() + "/meta.properties", "version=1\nnode.id=7\ncluster.id=x\n");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("KRaft"));
  }
  SECTION("a KRaft controller's metadata log") {
    kafka.add_partition("__cluster_metadata-0", "");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("KRaft controller"));
  }
  SECTION("a log directory that is not mounted") {
    kafka.log_dirs.push_back("/nowhere/kafka");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("/nowhere/kafka") && Catch::Contains("mount its disk"));
  }
}

TEST_CASE("Takeover directories: a directory in use is refused, and left locked while it is read", "[takeover]") {
  MadeUpKafka kafka;
  {
    const auto held = storage::posix_disk().lock(kafka.log_dirs.front() + "/.lock");
    REQUIRE(held);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("is in use") && Catch::Contains("stop it first"));
  }
  const auto found = read(kafka);
  REQUIRE(found);
  CHECK_THAT(refusal(read(kafka)), Catch::Contains("is in use"));
}

TEST_CASE("Takeover directories: nothing is made for a dry run", "[takeover]") {
  MadeUpKafka kafka;
  const auto lock = kafka.log_dirs.front() + "/.lock";
  std::filesystem::remove(lock);
  auto request = request_of(kafka);
  request.make_locks = false;
  REQUIRE(read_kafka_directories(storage::posix_disk(), request));
  CHECK_FALSE(std::filesystem::exists(lock));
}

TEST_CASE("Takeover directories: odd partition directories", "[takeover]") {
  MadeUpKafka kafka;
  const auto two = kafka.add_log_dir("two");
  const std::string unique = ".0123456789abcdef0123456789abcdef";
  kafka.add_partition("t-0");
  SECTION("a gap in the numbers") {
    kafka.add_partition("t-2");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("no directory of t-1") && Catch::Contains("make an empty directory"));
    kafka.add_partition("t-1", "", two);
    CHECK(read(kafka));
  }
  SECTION("the highest number there is") {
    kafka.add_partition("t-2147483647");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("no directory of t-1"));
  }
  SECTION("the first one missing") {
    kafka.add_partition("u-1");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("no directory of u-0"));
  }
  SECTION("two ids of one topic") {
    kafka.add_partition("t-1", kIdB);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("two ids") && Catch::Contains(kIdA) && Catch::Contains(kIdB));
  }
  SECTION("one partition in two log directories") {
    kafka.add_partition("t-0", kIdA, two);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("are the same partition"));
  }
  SECTION("partition.metadata torn, from another version, missing") {
    kafka.write(kafka.add_partition("t-1") + "/partition.metadata", "");
    kafka.add_partition("u-0", "");
    {
      const auto found = read(kafka);
      REQUIRE(found);
      CHECK(found->topics.at("t").id->to_string() == kIdA);
      CHECK_FALSE(found->topics.at("u").id);
    }
    kafka.write(kafka.add_partition("t-2") + "/partition.metadata", "version: 9\ntopic_id: x");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("its version 9 is not known"));
  }
  SECTION("to be deleted, set aside, half moved") {
    kafka.add_partition("gone-0" + unique + "-delete");
    kafka.add_partition("foreign-0" + unique + "-stray");
    kafka.add_partition("t-0" + unique + "-future", kIdA, two);
    const auto found = read(kafka);
    REQUIRE(found);
    CHECK(found->topics.size() == 1);
    CHECK(found->notes.size() == 3);
  }
  SECTION("half moved from a disk that is not there") {
    kafka.add_partition("t-1" + unique + "-future", kIdA, two);
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("own directory t-1 is missing"));
  }
  SECTION("a directory that is no partition's") {
    kafka.add_partition("lost+found", "");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("lost+found is not named topic-partition"));
  }
  SECTION("a name that no topic can have") {
    kafka.add_partition("a b-0", "");
    CHECK_THAT(refusal(read(kafka)), Catch::Contains("is no topic's directory"));
  }
}
