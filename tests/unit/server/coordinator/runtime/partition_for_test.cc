#include "server/coordinator/runtime/partition_for.h"

#include <catch2/catch.hpp>

namespace moldau::server {
namespace {

TEST_CASE("java_string_hash: as String.hashCode", "[coordinator]") {
  struct Row {
    std::string_view text;
    std::int32_t hash;
  };
  // From jshell 17.
  for (const auto& row : {Row{"", 0}, Row{"a", 97}, Row{"hello", 99162322}, Row{"console-consumer-12345", 158455506},
                          Row{"polygenelubricants", INT32_MIN}, Row{"\xc3\xa9t\xc3\xa9", 227742}, Row{"\xe2\x82\xac", 8364},
                          Row{"\xf0\x9f\x98\x80", 1772899}}) {
    INFO(row.text);
    CHECK(java_string_hash(row.text) == row.hash);
  }
}

TEST_CASE("coordinator_partition_for: the absolute value of the hash", "[coordinator]") {
  CHECK(coordinator_partition_for("polygenelubricants", 50) == 0);
  CHECK(coordinator_partition_for("hello", 50) == 99162322 % 50);
  // Where Apache Kafka 3.9.2 wrote the offsets of a group with a negative hash.
  CHECK(java_string_hash("takers") == -881115896);
  CHECK(coordinator_partition_for("takers", 5) == 1);
}

}  // namespace
}  // namespace moldau::server
