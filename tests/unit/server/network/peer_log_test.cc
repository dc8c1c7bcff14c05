#include "server/network/peer_log.h"

#include <catch2/catch.hpp>

using namespace moldau::server;

TEST_CASE("PeerLogLimiter: some lines an address and period, the rest is counted", "[network]") {
  PeerLogLimiter limiter;
  PeerLogLimiter::Time now{std::chrono::hours(1)};
  for (int i = 0; i < PeerLogLimiter::kLines; ++i) CHECK(limiter.admit("10.0.0.1", now) == 0U);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(limiter.admit("10.0.0.1", now));
  CHECK(limiter.admit("10.0.0.2", now) == 0U);  // a flood of one hides no other
  now += PeerLogLimiter::kPeriod;
  CHECK(limiter.admit("10.0.0.1", now) == 7U);
  CHECK(limiter.admit("10.0.0.1", now) == 0U);
}

TEST_CASE("PeerLogLimiter: many addresses take no more memory and no more lines", "[network]") {
  PeerLogLimiter limiter;
  const PeerLogLimiter::Time now{std::chrono::hours(1)};
  int lines = 0;
  for (int i = 0; i < 10'000; ++i)
    if (limiter.admit("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), now)) ++lines;
  CHECK(lines <= static_cast<int>(PeerLogLimiter::kAddresses) + PeerLogLimiter::kLines);
}
