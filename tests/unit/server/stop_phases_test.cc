#include "server/stop_phases.h"

#include <catch2/catch.hpp>

#include <future>
#include <stdexcept>

using namespace moldau;
using server::StopPhases;

TEST_CASE("StopPhases: a step that ends, one that fails, one that never ends", "[server]") {
  StopPhases phases({.total = Millis(300), .least = Millis(50), .tell_after = Millis(20)});
  bool done = false;
  CHECK(phases.run("work", Millis(10'000), [&] { done = true; }));
  CHECK(done);
  CHECK(phases.run("a failure", Millis(10'000), [] { throw std::runtime_error("no"); }));
  CHECK_FALSE(phases.left_behind());

  std::promise<void> never;
  const auto ended = never.get_future().share();
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(phases.run("what never ends", Millis(10'000), [ended] { ended.wait(); }, [] { return std::size_t{3}; }));
  CHECK(phases.left_behind());
  CHECK_FALSE(phases.run("and again", Millis(10'000), [ended] { ended.wait(); }));  // the total is used up: only the least is left
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  CHECK(phases.run("a step without a deadline", std::nullopt, [] {}));
  never.set_value();
}
