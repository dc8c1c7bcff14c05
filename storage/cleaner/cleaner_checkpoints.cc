#include "storage/cleaner/cleaner_checkpoints.h"

#include "protocol/base/log.h"

namespace moldau::storage {

OffsetMap& CleanerCheckpoints::file_of(const std::string& dir) {
  auto& file = files_[dir];
  if (!file) {
    file = std::make_unique<OffsetMap>();
    auto read = read_offset_checkpoint(disk_, dir + "/" + kCleanerFile);
    if (read) {
      *file = std::move(*read);
    } else {
      MOLDAU_LOG(cleaner, warn, "{}; it is taken as empty: compacted logs of {} are cleaned from their start", read.error().message, dir);
    }
  }
  return *file;
}

Status CleanerCheckpoints::write(const std::string& dir) { return write_offset_checkpoint(disk_, dir + "/" + kCleanerFile, file_of(dir)); }

std::optional<Offset> CleanerCheckpoints::find(const std::string& dir, TopicPartitionView tp) {
  const auto& file = file_of(dir);
  const auto it = file.find(tp);
  if (it == file.end()) return std::nullopt;
  return it->second;
}

Status CleanerCheckpoints::set(const std::string& dir, TopicPartitionView tp, Offset first_dirty) {
  auto& file = file_of(dir);
  if (const auto it = file.find(tp); it != file.end()) {
    if (it->second == first_dirty) return {};
    it->second = first_dirty;
  } else {
    file.emplace(TopicPartition{std::string(tp.topic), tp.partition}, first_dirty);
  }
  return write(dir);
}

Status CleanerCheckpoints::remove(const std::string& dir, TopicPartitionView tp) {
  auto& file = file_of(dir);
  const auto it = file.find(tp);
  if (it == file.end()) return {};
  file.erase(it);
  return write(dir);
}

}  // namespace moldau::storage
