// Simulation of a whole broker: clients produce, fetch, commit, join groups and make topics over a network that delays and resets; the broker is killed, or its
// machine loses power at any write, and starts again. One seed decides everything. What must hold: support/sim_checks.cc and the clients' own expectations.
//
//   MOLDAU_SIM_LOG=1    with the broker's log      MOLDAU_SIM_TRACE=1   with what the producers do
//   MOLDAU_SIM_SEED=n   only this seed          MOLDAU_SIM_COUNT=n   this many seeds, from 1 or MOLDAU_SIM_SEED on
#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

#include "protocol/base/log.h"
#include "tests/sim/support/sim_world.h"

using namespace moldau;
using namespace moldau::sim;

namespace {

constexpr int kLives = 6;
constexpr std::uint64_t kShort = 20;  ///< Seeds a scenario.
constexpr std::uint64_t kLong = 150;

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void be_quiet() {
  if (std::getenv("MOLDAU_SIM_LOG") != nullptr) return;
  for (int i = 0; i < static_cast<int>(LogCategory::count_); ++i) set_log_level(static_cast<LogCategory>(i), "off");
}

void simulate(Scenario scenario, const char* test) {
  be_quiet();
  const std::uint64_t first = number("MOLDAU_SIM_SEED", 1);
  const std::uint64_t few = std::getenv("MOLDAU_LONG") != nullptr ? kLong : kShort;
  const std::uint64_t count = number("MOLDAU_SIM_COUNT", std::getenv("MOLDAU_SIM_SEED") != nullptr ? 1 : few);
  Model sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    try {
      SimWorld world(seed, scenario);
      world.run(kLives);
      sum.acknowledged += world.model().acknowledged;
      sum.read += world.model().read;
      sum.commits += world.model().commits;
      sum.generations += world.model().generations;
      sum.sessions += world.model().sessions;
      sum.fresh_ids += world.model().fresh_ids;
    } catch (const std::exception& e) {
      FAIL("seed " << seed << ": " << e.what() << "\nagain: MOLDAU_SIM_SEED=" << seed << " build/asan/bin/sim_broker '" << test << "'");
    }
  }
  std::cout << test << ": " << count << " seeds, " << sum.sessions << " connections, " << sum.acknowledged << " records acknowledged, " << sum.read << " read, " << sum.commits
            << " commits, " << sum.generations << " joins, " << sum.fresh_ids << " new producer ids\n";
  if (count >= kShort) {
    CHECK(sum.acknowledged > 0);
    CHECK(sum.read > 0);
    CHECK(sum.commits > 0);
    CHECK(sum.generations > 0);
  }
}

}  // namespace

TEST_CASE("sim: a broker that is killed", "[sim]") { simulate(Scenario::kill, "sim: a broker that is killed"); }

TEST_CASE("sim: a machine that loses power with flush.messages=1", "[sim]") { simulate(Scenario::synced_power_loss, "sim: a machine that loses power with flush.messages=1"); }

TEST_CASE("sim: a machine that loses power with the default flush", "[sim]") { simulate(Scenario::lossy_power_loss, "sim: a machine that loses power with the default flush"); }

TEST_CASE("sim: the same seed gives the same bytes at the same times", "[sim]") {
  be_quiet();
  const auto trace = [](std::uint64_t seed, Scenario scenario) {
    SimWorld world(seed, scenario);
    world.run(3);
    return world.trace_hash();
  };
  for (const auto scenario : {Scenario::kill, Scenario::synced_power_loss, Scenario::lossy_power_loss}) {
    const auto once = trace(42, scenario);
    CHECK(trace(42, scenario) == once);
    CHECK(trace(43, scenario) != once);
  }
}
