#include "server/network/connection_quotas.h"

#include <catch2/catch.hpp>

using namespace moldau;
using namespace moldau::server;
using std::chrono::milliseconds;

namespace {
const std::chrono::steady_clock::time_point kStart{std::chrono::hours(1)};

ConnectionQuotaConfig two_listeners(std::int32_t max) {
  ConnectionQuotaConfig config;
  config.max_connections = max;
  config.inter_broker_listener = "INTERNAL";
  return config;
}
}  // namespace

TEST_CASE("ConnectionRate: a burst of a window's worth passes, then connections wait", "[network]") {
  ConnectionRate rate;                                                          // 11 windows of a second
  for (int i = 0; i < 50; ++i) CHECK(rate.record(kStart, 5) == milliseconds(0));
  CHECK(rate.record(kStart, 5) == milliseconds(200));                           // 51 in what counts as 10 s is 5.1 a second
  CHECK(rate.record(kStart, 5) == milliseconds(400));
  CHECK(rate.record(kStart + std::chrono::seconds(11), 5) == milliseconds(0));  // the old windows are gone
}

TEST_CASE("ConnectionRate: never waits for more than a window, also when nothing is allowed", "[network]") {
  ConnectionRate rate;
  CHECK(rate.record(kStart, 0) == milliseconds(1000));
  ConnectionRate flooded;
  milliseconds last{};
  for (int i = 0; i < 1000; ++i) last = flooded.record(kStart, 1);
  CHECK(last == milliseconds(1000));
  ConnectionRate free;
  for (int i = 0; i < 1000; ++i) CHECK(free.record(kStart, INT32_MAX) == milliseconds(0));
}

TEST_CASE("ConnectionQuotas: the broker's limit holds up all but the listener between brokers", "[network]") {
  ConnectionQuotas quotas(two_listeners(2));
  quotas.add_listener("INTERNAL");
  quotas.add_listener("CLIENT");
  const auto first = quotas.admit("CLIENT", "10.0.0.1");
  REQUIRE(first);
  CHECK(quotas.admit("CLIENT", "10.0.0.1"));
  CHECK_FALSE(quotas.slot_available("CLIENT"));
  CHECK(quotas.slot_available("INTERNAL"));
  CHECK(quotas.excess() == 0);
  CHECK(quotas.admit("INTERNAL", "10.0.0.2"));
  CHECK(quotas.excess() == 1);  // one of CLIENT is to go
  quotas.release(*first);
  CHECK(quotas.excess() == 0);
  CHECK(quotas.count() == 2);
  CHECK(quotas.count("CLIENT") == 1);
}

TEST_CASE("ConnectionQuotas: connections of a listener that was added anew count apart from those of the old one", "[network]") {
  ConnectionQuotas quotas(ConnectionQuotaConfig{});
  quotas.add_listener("CLIENT");
  const auto old = quotas.admit("CLIENT", "a");
  quotas.remove_listener("CLIENT");
  quotas.add_listener("CLIENT");
  const auto fresh = quotas.admit("CLIENT", "a");
  REQUIRE((old && fresh));
  CHECK(quotas.count("CLIENT") == 1);
  quotas.release(*old);  // goes after the new one came
  CHECK(quotas.count("CLIENT") == 1);
  CHECK(quotas.count() == 1);
  quotas.release(*fresh);
  CHECK(quotas.count("CLIENT") == 0);
}

TEST_CASE("ConnectionQuotas: a lone listener is not protected", "[network]") {
  ConnectionQuotas quotas(two_listeners(1));
  quotas.add_listener("INTERNAL");
  CHECK(quotas.admit("INTERNAL", "a"));
  CHECK_FALSE(quotas.slot_available("INTERNAL"));
  CHECK_FALSE(quotas.is_protected("INTERNAL"));
  quotas.add_listener("CLIENT");
  CHECK(quotas.is_protected("INTERNAL"));
  quotas.remove_listener("CLIENT");
  CHECK_FALSE(quotas.is_protected("INTERNAL"));
}

TEST_CASE("ConnectionQuotas: a listener's own limits hold for it alone, protected or not", "[network]") {
  auto config = two_listeners(100);
  config.listeners["INTERNAL"] = {1, INT32_MAX};
  config.listeners["CLIENT"] = {INT32_MAX, 0};
  ConnectionQuotas quotas(config);
  quotas.add_listener("INTERNAL");
  quotas.add_listener("CLIENT");
  CHECK(quotas.admit("INTERNAL", "a"));
  CHECK_FALSE(quotas.slot_available("INTERNAL"));
  CHECK(quotas.slot_available("CLIENT"));
  CHECK(quotas.record_attempt("CLIENT", kStart) == milliseconds(1000));
  CHECK(quotas.record_attempt("INTERNAL", kStart) == milliseconds(0));
}

TEST_CASE("ConnectionQuotas: the broker's rate passes the listener between brokers by", "[network]") {
  auto config = two_listeners(100);
  config.creation_rate = 0;
  ConnectionQuotas quotas(config);
  quotas.add_listener("INTERNAL");
  quotas.add_listener("CLIENT");
  CHECK(quotas.record_attempt("INTERNAL", kStart) == milliseconds(0));
  CHECK(quotas.record_attempt("CLIENT", kStart) == milliseconds(1000));
}

TEST_CASE("ConnectionQuotas: changed limits hold at once", "[network]") {
  ConnectionQuotas quotas(ConnectionQuotaConfig{});
  quotas.add_listener("PLAINTEXT");
  for (int i = 0; i < 3; ++i) CHECK(quotas.admit("PLAINTEXT", "10.0.0.1"));
  ConnectionQuotaConfig config;
  config.max_connections_per_ip = 3;
  config.per_ip_overrides["10.0.0.2"] = 0;
  config.max_connections = 2;
  quotas.update(config);
  CHECK_FALSE(quotas.admit("PLAINTEXT", "10.0.0.1"));
  CHECK_FALSE(quotas.admit("PLAINTEXT", "10.0.0.2"));
  CHECK(quotas.admit("PLAINTEXT", "10.0.0.3"));
  CHECK(quotas.excess() == 2);
  CHECK_FALSE(quotas.slot_available("PLAINTEXT"));
}
