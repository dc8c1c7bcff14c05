// All that a data directory tells, read while its locks are held: directories, logs, and the embedded metadata if there is some. Nothing is changed.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/broker_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "server/takeover/kafka_directories.h"
#include "server/takeover/log_survey.h"
#include "server/takeover/metadata_snapshot.h"
#include "storage/io/disk.h"

namespace moldau::server {

struct DataDirectories {
  KafkaDirectories directories;                 ///< Holds the locks.
  std::map<TopicPartition, LogSurvey> surveys;  ///< One for each partition.
  std::string store_dir;                        ///< The log directory that has the embedded metadata, or shall have it.
  std::optional<MetadataSnapshot> known;        ///< Nothing: no embedded metadata yet.
};

/// Blocking: reads the headers of all batches. The embedded metadata is read from a copy in the temporary directory, because opening it writes. `make_locks`: see
/// KafkaDirectoriesRequest. Errors: INVALID_CONFIG or KAFKA_STORAGE_ERROR with one line that says why not, and what to do.
Result<DataDirectories> read_data_directories(const config::BrokerConfig& config, bool make_locks, storage::Disk& disk, Clock& clock);

/// The file of the embedded metadata in a log directory.
inline constexpr const char* kStoreFile = "moldau-metadata.db";

}  // namespace moldau::server
