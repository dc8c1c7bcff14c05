#include "replication/admin/broker_loggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

struct Level {
  std::string_view kafka;
  spdlog::level::level_enum ours;
};
// Kafka's FATAL is log4j's; ours is critical.
constexpr std::array<Level, 6> kLevels{{{"DEBUG", spdlog::level::debug},
                                        {"ERROR", spdlog::level::err},
                                        {"FATAL", spdlog::level::critical},
                                        {"INFO", spdlog::level::info},
                                        {"TRACE", spdlog::level::trace},
                                        {"WARN", spdlog::level::warn}}};
constexpr std::string_view kRoot = "root";
constexpr std::size_t kCategories = static_cast<std::size_t>(LogCategory::count_);

/// A logger of Apache Kafka, by which runbooks and tools know it, and the categories that log here what it logs there. Sorted by name.
struct KnownLogger {
  std::string_view name;
  std::uint32_t categories;
};
constexpr std::uint32_t bit(LogCategory category) { return 1U << static_cast<unsigned>(category); }
template <class... Categories>
constexpr std::uint32_t bits(Categories... categories) {
  return (bit(categories) | ...);
}
using enum LogCategory;
constexpr std::uint32_t kAll = (1U << kCategories) - 1;
constexpr std::array kKnown = {
    KnownLogger{"kafka", kAll},
    KnownLogger{"kafka.authorizer.logger", bit(security)},
    KnownLogger{"kafka.cluster.Partition", bit(replica)},
    KnownLogger{"kafka.controller", bit(controller)},
    KnownLogger{"kafka.controller.ControllerChannelManager", bit(controller)},
    KnownLogger{"kafka.controller.KafkaController", bit(controller)},
    KnownLogger{"kafka.controller.RequestSendThread", bit(controller)},
    KnownLogger{"kafka.controller.TopicDeletionManager", bit(controller)},
    KnownLogger{"kafka.controller.ZkPartitionStateMachine", bit(controller)},
    KnownLogger{"kafka.controller.ZkReplicaStateMachine", bit(controller)},
    KnownLogger{"kafka.coordinator.group", bit(group)},
    KnownLogger{"kafka.coordinator.group.GroupCoordinator", bit(group)},
    KnownLogger{"kafka.coordinator.group.GroupMetadataManager", bit(group)},
    KnownLogger{"kafka.coordinator.transaction", bit(transaction)},
    KnownLogger{"kafka.coordinator.transaction.TransactionCoordinator", bit(transaction)},
    KnownLogger{"kafka.coordinator.transaction.TransactionStateManager", bit(transaction)},
    KnownLogger{"kafka.log", bits(storage, cleaner)},
    KnownLogger{"kafka.log.LocalLog", bit(storage)},
    KnownLogger{"kafka.log.LogCleaner", bit(cleaner)},
    KnownLogger{"kafka.log.LogCleanerManager", bit(cleaner)},
    KnownLogger{"kafka.log.LogManager", bit(storage)},
    KnownLogger{"kafka.log.UnifiedLog", bit(storage)},
    KnownLogger{"kafka.network", bits(network, request)},
    KnownLogger{"kafka.network.ConnectionQuotas", bit(network)},
    KnownLogger{"kafka.network.Processor", bit(network)},
    KnownLogger{"kafka.network.RequestChannel", bit(request)},
    KnownLogger{"kafka.network.RequestChannel$", bit(request)},
    KnownLogger{"kafka.network.SocketServer", bit(network)},
    KnownLogger{"kafka.request.logger", bit(request)},
    KnownLogger{"kafka.server", bits(server, request, replica, LogCategory::config)},
    KnownLogger{"kafka.server.BrokerLifecycleManager", bit(server)},
    KnownLogger{"kafka.server.DynamicBrokerConfig", bit(LogCategory::config)},
    KnownLogger{"kafka.server.KafkaApis", bit(request)},
    KnownLogger{"kafka.server.KafkaConfig", bit(LogCategory::config)},
    KnownLogger{"kafka.server.KafkaRequestHandler", bit(request)},
    KnownLogger{"kafka.server.KafkaServer", bit(server)},
    KnownLogger{"kafka.server.ReplicaFetcherManager", bit(replica)},
    KnownLogger{"kafka.server.ReplicaFetcherThread", bit(replica)},
    KnownLogger{"kafka.server.ReplicaManager", bit(replica)},
    KnownLogger{"kafka.server.ZkAdminManager", bit(metadata)},
    KnownLogger{"kafka.server.metadata.ZkMetadataCache", bit(metadata)},
    KnownLogger{"kafka.zk.KafkaZkClient", bit(metadata)},
    KnownLogger{"kafka.zookeeper.ZooKeeperClient", bit(metadata)},
    KnownLogger{"org.apache.kafka", kAll},
    KnownLogger{"org.apache.kafka.common.network.Selector", bit(network)},
    KnownLogger{"org.apache.kafka.storage.internals.log", bit(storage)},
    KnownLogger{"org.apache.kafka.storage.internals.log.LogSegment", bit(storage)},
    KnownLogger{"org.apache.kafka.storage.internals.log.ProducerStateManager", bit(storage)},
    KnownLogger{"org.apache.zookeeper", bit(metadata)},
    KnownLogger{"state.change.logger", bit(controller)},
};

std::atomic<int>& root_level() {
  static std::atomic<int> level{static_cast<int>(spdlog::level::info)};
  return level;
}

const KnownLogger* find_known(std::string_view name) {
  const auto it = std::lower_bound(kKnown.begin(), kKnown.end(), name, [](const KnownLogger& known, std::string_view n) { return known.name < n; });
  return it != kKnown.end() && it->name == name ? &*it : nullptr;
}

/// The level of a logger that stands for several categories is that of the most talkative.
spdlog::level::level_enum level_of(std::uint32_t categories) {
  auto level = spdlog::level::off;
  for (std::size_t i = 0; i < kCategories; ++i)
    if ((categories >> i & 1U) != 0) level = std::min(level, logger(static_cast<LogCategory>(i)).level());
  return level;
}

void set_levels(std::uint32_t categories, spdlog::level::level_enum level) {
  for (std::size_t i = 0; i < kCategories; ++i)
    if ((categories >> i & 1U) != 0) logger(static_cast<LogCategory>(i)).set_level(level);
}

std::string_view name_of(spdlog::level::level_enum level) {
  for (const auto& l : kLevels)
    if (l.ours == level) return l.kafka;
  return "OFF";
}

const Level* find_level(std::string_view name) {
  const auto it = std::find_if(kLevels.begin(), kLevels.end(), [&](const Level& l) { return l.kafka == name; });
  return it == kLevels.end() ? nullptr : &*it;
}

/// What a logger stands for; 0: there is no such logger.
std::uint32_t categories_of(std::string_view name) {
  if (name == kRoot) return kAll;
  if (const auto* known = find_known(name)) return known->categories;
  for (std::size_t i = 0; i < kCategories; ++i)
    if (to_string(static_cast<LogCategory>(i)) == name) return 1U << i;
  return 0;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> broker_loggers() {
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < kCategories; ++i) {
    const auto category = static_cast<LogCategory>(i);
    out.emplace_back(to_string(category), name_of(logger(category).level()));
  }
  for (const auto& known : kKnown) out.emplace_back(known.name, name_of(level_of(known.categories)));
  out.emplace_back(kRoot, name_of(static_cast<spdlog::level::level_enum>(root_level().load())));
  std::sort(out.begin(), out.end());
  return out;
}

Status check_broker_logger(std::string_view name, const std::optional<std::string>& level) {
  if (categories_of(name) == 0) return Error(ErrorCode::invalid_config, fmt::format("Logger {} does not exist!", name));
  if (!level) {
    if (name == kRoot) return Error(ErrorCode::invalid_request, "Removing the log level of the root logger is not allowed");
    return {};
  }
  if (find_level(*level) == nullptr)
    return Error(
        ErrorCode::invalid_config,
        fmt::format("Cannot set the log level of {} to {} as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                    name, *level));
  return {};
}

void set_broker_logger(std::string_view name, const std::optional<std::string>& level) {
  const auto* wanted = level ? find_level(*level) : nullptr;
  const auto to = wanted == nullptr ? static_cast<spdlog::level::level_enum>(root_level().load()) : wanted->ours;
  if (name == kRoot) root_level().store(static_cast<int>(to));
  set_levels(categories_of(name), to);
}

}  // namespace moldau::replication
