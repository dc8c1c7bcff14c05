#include "server/snapshot/manifest.h"

#include <catch2/catch.hpp>

#include "server/snapshot/broker_outline.h"

using namespace moldau;
using namespace moldau::server;

namespace {

Manifest example() {
  Manifest manifest;
  manifest.created_ms = 1'700'000'000'000;
  manifest.clean = false;
  manifest.directories = {{"dir0", "/var/lib/kafka one"}, {"dir1", "/b"}};
  manifest.partitions = {{TopicPartition{"a.b_c-d", 3}, Offset(5), Offset(9)}};
  manifest.files = {{"dir0/t-0/00000000000000000000.log", 77, std::nullopt, true}, {"dir0/a file", 0, 0U, false}, {"dir1/meta.properties", 12, 0xdeadbeefU, false}};
  return manifest;
}

}  // namespace

TEST_CASE("Snapshot manifest: what is written is read", "[snapshot]") {
  const auto text = format_manifest(example());
  const auto read = parse_manifest(text);
  REQUIRE(read.has_value());
  CHECK(read->created_ms == 1'700'000'000'000);
  CHECK_FALSE(read->clean);
  REQUIRE(read->directories.size() == 2);
  CHECK(read->directories[0].source == "/var/lib/kafka one");
  REQUIRE(read->partitions.size() == 1);
  CHECK(read->partitions[0].partition == TopicPartition{"a.b_c-d", 3});
  CHECK(read->partitions[0].end == Offset(9));
  REQUIRE(read->files.size() == 3);
  CHECK(read->files[0].linked);
  CHECK_FALSE(read->files[0].crc);
  CHECK(read->files[1].path == "dir0/a file");
  CHECK(read->files[2].crc == 0xdeadbeefU);
  CHECK(format_manifest(*read) == text);
}

TEST_CASE("Snapshot manifest: cut off or changed anywhere, it is refused", "[snapshot]") {
  const auto text = format_manifest(example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    INFO("at " << i);
    CHECK_FALSE(parse_manifest(text.substr(0, i)).has_value());
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(parse_manifest(changed).has_value());
  }
  CHECK_FALSE(parse_manifest(text + "file copied 1 - x\n").has_value());
}

TEST_CASE("Broker outline: what is told is understood", "[snapshot]") {
  BrokerOutline outline;
  outline.log_dirs = {"/a", "/b \"quoted\""};
  outline.offline = {"/c"};
  storage::LogOutline log;
  log.partition = TopicPartition{"t", 7};
  log.topic_id = TopicId{1, 2};
  log.dir = "/a/t-7";
  log.log_dir = "/a";
  log.file_changes = 12;
  log.log_start = Offset(3);
  log.high_watermark = Offset(INT64_MAX - 1);
  log.log_end = Offset(INT64_MAX);
  log.recovery_point = Offset(4);
  log.epochs = {{LeaderEpoch(2), Offset(0)}, {LeaderEpoch(5), Offset(6)}};
  log.segments = {{Offset(0), 10}, {Offset(6), 0}};
  outline.logs = {log};
  const auto read = parse_broker_outline(format_broker_outline(outline));
  REQUIRE(read.has_value());
  CHECK(read->log_dirs == outline.log_dirs);
  CHECK(read->offline == outline.offline);
  REQUIRE(read->logs.size() == 1);
  const auto& got = read->logs[0];
  CHECK(got.partition == log.partition);
  CHECK(got.topic_id == log.topic_id);
  CHECK(got.dir == log.dir);
  CHECK(got.log_dir == log.log_dir);
  CHECK(got.file_changes == 12);
  CHECK(got.log_start == Offset(3));
  CHECK(got.high_watermark == Offset(INT64_MAX - 1));
  CHECK(got.log_end == Offset(INT64_MAX));
  CHECK(got.recovery_point == Offset(4));
  CHECK(got.epochs == log.epochs);
  REQUIRE(got.segments.size() == 2);
  CHECK(got.segments[1].base == Offset(6));
  CHECK(got.segments[0].bytes == 10);
}

TEST_CASE("Broker outline: what is none is refused", "[snapshot]") {
  BrokerOutline outline;
  storage::LogOutline log;
  log.segments = {{Offset(0), 10}};
  outline.logs = {log};
  const auto text = format_broker_outline(outline);
  REQUIRE(parse_broker_outline(text).has_value());
  for (std::size_t i = 0; i < text.size(); ++i) CHECK_FALSE(parse_broker_outline(text.substr(0, i)).has_value());
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto other = text;
    const auto at = other.find(from);
    REQUIRE(at != std::string::npos);
    return other.replace(at, from.size(), to);
  };
  CHECK_FALSE(parse_broker_outline(changed("[[0,10]]", "[]")).has_value());
  CHECK_FALSE(parse_broker_outline(changed("[[0,10]]", "[[-1,10]]")).has_value());
  CHECK_FALSE(parse_broker_outline(changed("[[0,10]]", "[[0]]")).has_value());
  CHECK_FALSE(parse_broker_outline(changed("\"partition\":0", "\"partition\":5000000000")).has_value());
  CHECK_FALSE(parse_broker_outline(changed("\"topicId\":\"", "\"topicId\":\"!")).has_value());
  CHECK_FALSE(parse_broker_outline("<html>").has_value());
}
