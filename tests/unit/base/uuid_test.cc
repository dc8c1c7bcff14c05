#include "protocol/base/uuid.h"

#include <catch2/catch.hpp>

#include "protocol/base/random.h"

using moldau::Uuid;

TEST_CASE("Uuid: text is Kafka's 22 characters", "[base]") {
  const Uuid id{0x3b6e478650c34a12ULL, 0x89db6ed12849fbedULL};
  const auto text = id.to_string();
  REQUIRE(text.size() == 22);
  REQUIRE(Uuid::parse(text) == id);
  REQUIRE(Uuid{}.to_string() == "AAAAAAAAAAAAAAAAAAAAAA");
  REQUIRE_FALSE(Uuid::parse("too short"));
  REQUIRE_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA!"));
}

TEST_CASE("Uuid: random ones are version 4 and never begin with a dash", "[base]") {
  const auto random = moldau::make_seeded_random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto id = Uuid::make_random(*random);
    REQUIRE((id.high >> 12 & 0xfU) == 4);
    REQUIRE(id.low >> 62 == 2);
    REQUIRE(id.to_string()[0] != '-');
    REQUIRE(Uuid::parse(id.to_string()) == id);
  }
}
