// The tree that a takeover makes: from directories, logs, known metadata and topic overrides to znodes. Pure; reads and writes nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/broker_config.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "protocol/base/random.h"
#include "replication/store/znodes.h"
#include "server/takeover/kafka_directories.h"
#include "server/takeover/log_survey.h"
#include "server/takeover/metadata_snapshot.h"
#include "server/takeover/topic_configs_file.h"

namespace moldau::server {

/// First producer id after a takeover, unless ids at or above it were seen. Kafka's ZooKeeper goes on to hand out its blocks of 1000 from where it stands, once it
/// is back: it would take a billion blocks to come here.
inline constexpr std::int64_t kFirstProducerId = std::int64_t{1} << 40;

struct PlannedTopic {
  enum class Configs { from_file, internal, kept_safe, known };

  TopicId id;
  bool new_id = false;  ///< No partition.metadata and no metadata had one.
  bool known = false;   ///< The metadata had it before.
  std::map<std::int32_t, LeaderEpoch> epochs;  ///< Of each partition, the epoch it is led in next.
  Configs configs = Configs::kept_safe;
  std::optional<config::Settings> settings;  ///< Nothing: its node is left as it is.
};

struct TakeoverPlan {
  std::string cluster_id;
  BrokerId broker_id = kNoBroker;
  std::map<std::string, PlannedTopic> topics;
  ProducerId highest_producer_id = kNoProducerId;
  std::int64_t first_producer_id = 0;  ///< The next that is handed out.
  std::vector<std::string> warnings;   ///< One line each.
  ZnodeMap nodes;
};

struct TakeoverInput {
  const KafkaDirectories& directories;
  const std::map<TopicPartition, LogSurvey>& surveys;  ///< One for each partition.
  const MetadataSnapshot& known;
  const TopicConfigs* topic_configs = nullptr;  ///< Null: no file was given.
  const config::BrokerConfig& config;
  /// Partitions are led in the highest epoch seen, not above it. Kafka's ZooKeeper leads in that epoch once it is back, and a Java consumer waits for ever for the
  /// leader of an epoch that its group committed and Kafka never reached.
  bool keep_leader_epochs = false;
};

/// Rules: a topic that the metadata does not know gets its id from partition.metadata, each partition an epoch above the highest seen (or that one), and its configuration from the
/// file, else, kept safe: nothing is deleted, nothing compacted (internal topics: what Kafka 3.9 creates them with). What the metadata knows stays, grown by partitions
/// and epochs that came since. Errors: INVALID_CONFIG with one line.
Result<TakeoverPlan> plan_takeover(const TakeoverInput& input, Random& random);

}  // namespace moldau::server
