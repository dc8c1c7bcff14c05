#include "protocol/base/random.h"

#include <sys/random.h>

#include <mutex>
#include <random>

#include "protocol/base/check.h"

namespace moldau {
namespace {

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    std::uint64_t value = 0;
    const auto got = ::getrandom(&value, sizeof value, 0);
    MOLDAU_CHECK(got == static_cast<ssize_t>(sizeof value), "getrandom failed");
    return value;
  }
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override {
    const std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace

std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }
std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

}  // namespace moldau
