#include "protocol/base/java_math.h"

#include <catch2/catch.hpp>

#include <limits>

using namespace moldau;

TEST_CASE("wrapping_plus, wrapping_minus: as Java's long", "[base]") {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  static_assert(wrapping_plus(1, kMax) == kMin);
  static_assert(wrapping_minus(0, kMin) == kMin);
  static_assert(wrapping_minus(-2, kMax) == kMax);
  CHECK(wrapping_plus(1'700'000'000'000, kMax) < 0);
  CHECK(wrapping_minus(5, 7) == -2);
}
