// GroupMetrics: groups, committed offsets and consumer lag as gauges (MBeans of GroupMetadataManager, and the names of kafka_exporter).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "config/metrics.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "server/coordinator/group/group_types.h"

namespace moldau::server {

class GroupCoordinator;

/// Registered for its life; destroyed before the coordinator. Computed when scraped, on the scraping thread; one look at the groups serves all
/// the gauges of a scrape.
class GroupMetrics {
 public:
  /// `high_watermark` of a partition that is here; nothing: its lag is not shown.
  using HighWatermark = std::function<std::optional<std::int64_t>(TopicPartitionView)>;
  GroupMetrics(const GroupCoordinator& coordinator, Clock& clock, HighWatermark high_watermark);
  GroupMetrics(const GroupMetrics&) = delete;
  GroupMetrics& operator=(const GroupMetrics&) = delete;

 private:
  using Snapshot = std::shared_ptr<const GroupsSnapshot>;
  /// Its offsets are sorted by group, topic and partition.
  Snapshot groups();
  void emit_offsets(const config::Emit& emit);
  void emit_lags(const config::Emit& emit);
  /// One value a group and topic.
  void emit_sums(const config::Emit& emit, bool lag);

  const GroupCoordinator& coordinator_;
  Clock& clock_;
  HighWatermark high_watermark_;
  std::mutex mutex_;  // guards the two below
  Snapshot snapshot_;
  SteadyTime taken_{};
  std::vector<config::MetricFamilyBase::Registration> registrations_;  // last: unregistered first
};

}  // namespace moldau::server
