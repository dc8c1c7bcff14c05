#include "server/coordinator/runtime/group_metrics.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "config/metric_handles.h"
#include "server/coordinator/runtime/group_coordinator.h"

namespace moldau::server {

namespace {
constexpr Millis kFresh{500};
}

GroupMetrics::GroupMetrics(const GroupCoordinator& coordinator, Clock& clock, HighWatermark high_watermark)
    : coordinator_(coordinator), clock_(clock), high_watermark_(std::move(high_watermark)) {
  auto& m = config::metrics();
  const auto add = [this](config::GaugeFamily& family, config::MetricCallback callback) {
    registrations_.push_back(family.register_callback(std::move(callback)));
  };
  add(m.num_groups, [this](const config::Emit& emit) { emit({}, static_cast<double>(groups()->members.size())); });
  const auto state = [&](config::GaugeFamily& family, GroupState s) {
    add(family, [this, s](const config::Emit& emit) { emit({}, static_cast<double>(groups()->by_state[static_cast<std::size_t>(s)])); });
  };
  state(m.num_groups_preparing_rebalance, GroupState::preparing_rebalance);
  state(m.num_groups_completing_rebalance, GroupState::completing_rebalance);
  state(m.num_groups_stable, GroupState::stable);
  state(m.num_groups_empty, GroupState::empty);
  state(m.num_groups_dead, GroupState::dead);
  add(m.num_offsets, [this](const config::Emit& emit) { emit({}, static_cast<double>(groups()->offsets.size())); });
  add(m.group_append_queue, [this](const config::Emit& emit) { emit({}, static_cast<double>(groups()->queued_appends)); });
  // One wait a member until its next heartbeat, one a group that gathers its members or waits for its leader's assignment.
  const auto emit_waiting = [this](const config::Emit& emit) {
    const auto all = groups();
    std::size_t members = 0;
    for (const auto& [group, count] : all->members) members += count;
    const auto& states = all->by_state;
    const auto rebalancing = states[static_cast<std::size_t>(GroupState::preparing_rebalance)] + states[static_cast<std::size_t>(GroupState::completing_rebalance)];
    emit({"Heartbeat"}, static_cast<double>(members));
    emit({"Rebalance"}, static_cast<double>(rebalancing));
  };
  add(m.num_delayed_operations, emit_waiting);
  add(m.purgatory_size, emit_waiting);
  add(m.exporter_group_members, [this](const config::Emit& emit) {
    for (const auto all = groups(); const auto& [group, members] : all->members) emit({group}, static_cast<double>(members));
  });
  add(m.exporter_group_current_offset, [this](const config::Emit& emit) { emit_offsets(emit); });
  add(m.exporter_group_lag, [this](const config::Emit& emit) { emit_lags(emit); });
  add(m.exporter_group_current_offset_sum, [this](const config::Emit& emit) { emit_sums(emit, false); });
  add(m.exporter_group_lag_sum, [this](const config::Emit& emit) { emit_sums(emit, true); });
}

GroupMetrics::Snapshot GroupMetrics::groups() {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  if (!snapshot_ || now - taken_ > kFresh) {
    auto fresh = std::make_shared<GroupsSnapshot>(coordinator_.snapshot());
    std::sort(fresh->offsets.begin(), fresh->offsets.end(),
              [](const auto& a, const auto& b) { return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition); });
    snapshot_ = std::move(fresh);
    taken_ = now;
  }
  return snapshot_;
}

void GroupMetrics::emit_offsets(const config::Emit& emit) {
  const auto all = groups();
  for (const auto& o : all->offsets) emit({o.group, o.topic, std::to_string(o.partition)}, static_cast<double>(o.offset));
}

void GroupMetrics::emit_lags(const config::Emit& emit) {
  const auto all = groups();
  for (const auto& o : all->offsets) {
    if (const auto end = high_watermark_(TopicPartitionView(o.topic, o.partition)))
      emit({o.group, o.topic, std::to_string(o.partition)}, static_cast<double>(std::max<std::int64_t>(*end - o.offset, 0)));
  }
}

void GroupMetrics::emit_sums(const config::Emit& emit, bool lag) {
  const auto all = groups();
  const auto end_of_all = all->offsets.end();
  for (auto at = all->offsets.begin(); at != end_of_all;) {
    const auto& first = *at;
    double sum = 0;
    bool known = !lag;
    for (; at != end_of_all && at->group == first.group && at->topic == first.topic; ++at) {
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
