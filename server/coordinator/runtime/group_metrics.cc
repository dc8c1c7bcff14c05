#include "server/coordinator/runtime/group_metrics.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <tuple>

#include "config/metric_handles.h"
#include "server/coordinator/runtime/group_coordinator.h"

namespace moldau::server {

namespace {
constexpr Millis kFresh{500};
}

GroupMetrics::GroupMetrics(const GroupCoordinator& groups, Clock& clock, HighWatermark high_watermark)
    : groups_(groups), clock_(clock), high_watermark_(std::move(high_watermark)) {
  auto& m = config::metrics();
  const auto add = [this](config::GaugeFamily& family, config::MetricCallback callback) {
    registrations_.push_back(family.register_callback(std::move(callback)));
  };
  add(m.num_groups, [this](const config::Emit& emit) {
    const auto counts = groups_.counts();
    emit({}, static_cast<double>(std::accumulate(counts.by_state.begin(), counts.by_state.end(), std::size_t{0})));
  });
  const auto state = [&](config::GaugeFamily& family, GroupState s) {
    add(family, [this, s](const config::Emit& emit) { emit({}, static_cast<double>(groups_.counts().by_state[static_cast<std::size_t>(s)])); });
  };
  state(m.num_groups_preparing_rebalance, GroupState::preparing_rebalance);
  state(m.num_groups_completing_rebalance, GroupState::completing_rebalance);
  state(m.num_groups_stable, GroupState::stable);
  state(m.num_groups_empty, GroupState::empty);
  state(m.num_groups_dead, GroupState::dead);
  add(m.num_offsets, [this](const config::Emit& emit) { emit({}, static_cast<double>(groups_.counts().offsets)); });
  add(m.exporter_group_members, [this](const config::Emit& emit) {
    for (const auto& [group, members] : groups_.member_counts()) emit({group}, static_cast<double>(members));
  });
  add(m.exporter_group_current_offset, [this](const config::Emit& emit) { emit_offsets(emit); });
  add(m.exporter_group_lag, [this](const config::Emit& emit) { emit_lags(emit); });
  add(m.exporter_group_current_offset_sum, [this](const config::Emit& emit) { emit_sums(emit, false); });
  add(m.exporter_group_lag_sum, [this](const config::Emit& emit) { emit_sums(emit, true); });
}

std::shared_ptr<const GroupMetrics::Offsets> GroupMetrics::offsets() {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  if (!offsets_ || now - taken_ > kFresh) {
    auto fresh = std::make_shared<Offsets>(groups_.committed_offsets());
    std::sort(fresh->begin(), fresh->end(),
              [](const auto& a, const auto& b) { return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition); });
    offsets_ = std::move(fresh);
    taken_ = now;
  }
  return offsets_;
}

void GroupMetrics::emit_offsets(const config::Emit& emit) {
  const auto all = offsets();
  for (const auto& o : *all) emit({o.group, o.topic, std::to_string(o.partition)}, static_cast<double>(o.offset));
}

void GroupMetrics::emit_lags(const config::Emit& emit) {
  const auto all = offsets();
  for (const auto& o : *all) {
    if (const auto end = high_watermark_(TopicPartitionView(o.topic, o.partition)))
      emit({o.group, o.topic, std::to_string(o.partition)}, static_cast<double>(std::max<std::int64_t>(*end - o.offset, 0)));
  }
}

void GroupMetrics::emit_sums(const config::Emit& emit, bool lag) {
  const auto all = offsets();
  for (auto at = all->begin(); at != all->end();) {
    const auto& first = *at;
    double sum = 0;
    bool known = !lag;
    for (; at != all->end() && at->group == first.group && at->topic == first.topic; ++at) {
      if (!lag) {
        sum += static_cast<double>(at->offset);
      } else if (const auto end = high_watermark_(TopicPartitionView(at->topic, at->partition))) {
        sum += static_cast<double>(std::max<std::int64_t>(*end - at->offset, 0));
        known = true;
      }
    }
    if (known) emit({first.group, first.topic}, sum);
  }
}

}  // namespace moldau::server
