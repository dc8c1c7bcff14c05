// The files cleaner-offset-checkpoint, one a log directory: the first dirty offset of each compacted partition.
//
// Kept in memory and written through. Not thread-safe: CleanerManager calls it under its lock.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/io/disk.h"

namespace moldau::storage {

class CleanerCheckpoints {
 public:
  explicit CleanerCheckpoints(Disk& disk) : disk_(disk) {}

  [[nodiscard]] std::optional<Offset> find(const std::string& dir, TopicPartitionView tp);
  /// Writes the file. Errors: KAFKA_STORAGE_ERROR.
  Status set(const std::string& dir, TopicPartitionView tp, Offset first_dirty);
  /// Writes the file if the partition is in it.
  Status remove(const std::string& dir, TopicPartitionView tp);

 private:
  /// Read on the first use. DIFFERS: a file that can't be understood counts as empty (the logs are compacted from their start); Apache Kafka takes the
  /// directory offline.
  OffsetMap& file_of(const std::string& dir);
  Status write(const std::string& dir);

  Disk& disk_;
  std::map<std::string, std::unique_ptr<OffsetMap>> files_;
};

}  // namespace moldau::storage
