// The log directories of a stopped Apache Kafka broker, as their names and small files tell of them. Nothing is changed; the locks keep a broker from starting on
// them meanwhile.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/io/disk.h"

namespace moldau::server {

/// A topic by its partition directories.
struct DirectoryTopic {
  std::optional<TopicId> id;                      ///< Of partition.metadata; nothing: no partition has one.
  std::map<std::int32_t, std::string> partitions; ///< Paths, without a gap from 0 on.
};

struct KafkaDirectories {
  std::string cluster_id;
  BrokerId broker_id = kNoBroker;
  std::vector<std::string> log_dirs;
  std::map<std::string, DirectoryTopic> topics;
  std::vector<std::string> notes;  ///< What is left alone, and why; one line each.
  std::vector<std::unique_ptr<storage::FileLock>> locks;
};

struct KafkaDirectoriesRequest {
  std::vector<std::string> log_dirs;
  std::optional<BrokerId> broker_id;      ///< broker.id of the configuration.
  std::optional<std::string> cluster_id;  ///< cluster.id of the configuration.
  bool make_locks = true;                 ///< Makes a missing `.lock`; without, nobody can hold it.
};

/// Reads what is there. Errors: INVALID_CONFIG or KAFKA_STORAGE_ERROR with one line that says why not, and what to do.
Result<KafkaDirectories> read_kafka_directories(storage::Disk& disk, const KafkaDirectoriesRequest& request);

}  // namespace moldau::server
