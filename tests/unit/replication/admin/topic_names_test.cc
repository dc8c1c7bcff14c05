#include "replication/admin/topic_names.h"

#include <catch2/catch.hpp>

using namespace moldau::replication;

TEST_CASE("topic names: Kafka's rules and words", "[admin]") {
  for (const char* good : {"a", "A.b_c-9", "__consumer_offsets", "..."}) CHECK_FALSE(invalid_topic_name(good));
  CHECK_FALSE(invalid_topic_name(std::string(249, 'y')));
  CHECK(*invalid_topic_name("") == "Topic name is invalid: the empty string is not allowed");
  CHECK(*invalid_topic_name(".") == "Topic name is invalid: '.' is not allowed");
  CHECK(*invalid_topic_name("..") == "Topic name is invalid: '..' is not allowed");
  CHECK(*invalid_topic_name("pr b") == "Topic name is invalid: 'pr b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
  CHECK(invalid_topic_name(std::string(250, 'x'))->ends_with("is longer than the max allowed length 249"));
  CHECK(collides("a.b_c", "a_b.c"));
  CHECK_FALSE(collides("a.b", "a-b"));
  CHECK(has_collision_chars("a.b"));
  CHECK_FALSE(has_collision_chars("ab"));
}
