// StopPhases: the steps of a stop, one after the other, none of which can keep the process for ever.
//
// A step works on a thread of its own. One that takes long is told of in the log, with what it waits for; one that passes its deadline is left behind, and the
// stop goes on. What a step left behind still uses must live on: the process ends with std::_Exit, or the owner looks at left_behind().
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "protocol/base/clock.h"

namespace moldau::server {

class StopPhases {
 public:
  struct Limits {
    Millis total{20'000};      ///< All steps with a deadline together; each later one still gets `least`.
    Millis least{1'000};
    Millis tell_after{2'000};  ///< Then what is waited for is told, and again each kTellEvery.
  };
  static constexpr Millis kTellEvery{10'000};

  StopPhases() : StopPhases(Limits()) {}
  explicit StopPhases(Limits limits);

  /// Runs `work`, at most until `deadline` has passed (nothing: until it ends). `what` completes "the stop waits for"; `left` (any thread) counts what it waits for.
  /// False when it was left behind. In the simulator it runs on the caller's thread. Exceptions are logged.
  bool run(const std::string& what, std::optional<Millis> deadline, std::function<void()> work, const std::function<std::size_t()>& left = {});
  [[nodiscard]] bool left_behind() const noexcept { return left_behind_; }

 private:
  const Limits limits_;
  SteadyTime end_;  ///< Of the total; counts from the first step.
  bool begun_ = false;
  bool left_behind_ = false;
};

}  // namespace moldau::server
