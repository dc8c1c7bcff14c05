#include "server/network/connection_rate.h"

#include <algorithm>
#include <cmath>

namespace moldau::server {

std::chrono::milliseconds ConnectionRate::record(Time now, std::int32_t limit) {
  using std::chrono::milliseconds;
  if (samples_.empty() || now - samples_.back().start >= windows_.window) samples_.push_back({now, 0});
  ++samples_.back().count;
  while (now - samples_.front().start >= windows_.window * windows_.samples) samples_.pop_front();
  std::int64_t count = 0;
  for (const auto& sample : samples_) count += sample.count;

  auto elapsed = std::chrono::duration_cast<milliseconds>(now - samples_.front().start);
  const auto whole = elapsed / windows_.window;
  if (whole < windows_.samples - 1) elapsed += windows_.window * (windows_.samples - 1 - whole);
  const double elapsed_ms = std::max(1.0, static_cast<double>(elapsed.count()));
  const double rate = static_cast<double>(count) * 1000.0 / elapsed_ms;
  if (rate <= limit) return milliseconds(0);
  // A limit of 0 divides to infinity, which the window bounds.
  const double wait = (rate - limit) / limit * elapsed_ms;
  return milliseconds(std::llround(std::min(wait, static_cast<double>(windows_.window.count()))));
}

}  // namespace moldau::server
