// The seam for randomness: real entropy in the broker, a seed in tests and the simulator.
#pragma once

#include <cstdint>
#include <memory>

namespace moldau {

/// A source of random numbers. Implementations are safe to call from any thread.
class Random {
 public:
  virtual ~Random() = default;
  /// 64 random bits.
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, bound); 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
};

/// Seeded by the operating system, fit for identifiers.
std::unique_ptr<Random> make_system_random();
/// The same sequence for the same seed.
std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);

}  // namespace moldau
