// The way back: what the old ZooKeeper must hear of before Apache Kafka goes on with a directory that Moldau served.
//
// ZooKeeper alone knows in which epoch a partition is led, and it stands where it stood when Kafka stopped. A broker that leads in an epoch below one that clients have
// seen is, to a Java client, news older than what it knows: it passes them over and waits for ever. So each partition gets an epoch above all that were used.
#pragma once

#include <map>
#include <string>

#include "server/takeover/kafka_directories.h"
#include "server/takeover/log_survey.h"
#include "server/takeover/metadata_snapshot.h"

namespace moldau::server {

struct WayBackInput {
  const KafkaDirectories& directories;
  const std::map<TopicPartition, LogSurvey>& surveys;  ///< One for each partition that has a directory.
  const MetadataSnapshot& known;
};

/// Commands for zookeeper-shell, one a line, which may be given any number of times. Topics and partitions that the ZooKeeper does not know are made, with ids and
/// configurations, as Kafka 3.9 makes them; the configuration of the others is left alone. Errors: INVALID_CONFIG with one line.
Result<std::string> plan_way_back(const WayBackInput& input);

}  // namespace moldau::server
