// GroupLoader: reads a partition of `__consumer_offsets` from its first to its last batch into groups and offsets
// (Kafka 3.9 GroupMetadataManager.doLoadGroupsAndOffsets).
//
// Sans-I/O: the shell reads the log and feeds it whole batches in log order. The last value of a key wins, a tombstone removes.
// Offsets of a transactional batch wait for their producer's marker; what is open at the end stays pending.
// A record that can't be understood is skipped with one line for each kind; it never stops the load, and the log keeps it. DIFFERS: Kafka skips unknown kinds of
// records only; a broken one ends the load.
// Belongs to the coroutine that loads.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "server/coordinator/group/group_offsets.h"
#include "server/coordinator/group/group_records.h"

namespace moldau::protocol {
class AnyBatch;
struct RecordView;
}  // namespace moldau::protocol

namespace moldau::server {

/// What a partition holds.
struct LoadedGroups {
  struct Entry {
    std::optional<StoredGroup> metadata;  ///< Nothing: only offsets are stored.
    GroupOffsets offsets;
    std::unordered_set<ProducerId> producers;  ///< With offsets pending.
  };
  std::unordered_map<std::string, Entry, StringHash, std::equal_to<>> groups;
};

class GroupLoader {
 public:
  /// `partition` for the log.
  explicit GroupLoader(std::int32_t partition) : partition_(partition) {}

  /// Takes whole batches from `data`. Returns the offset behind the last one taken; nothing when there was none.
  std::optional<Offset> feed(Bytes data);
  [[nodiscard]] std::size_t records() const noexcept { return records_; }
  /// The outcome; the loader is spent.
  LoadedGroups finish();

 private:
  using PendingOffsets = std::unordered_map<std::string, std::map<TopicPartition, CommittedOffset>>;

  void on_batch(const protocol::AnyBatch& batch);
  void on_marker(const protocol::AnyBatch& batch);
  void on_offset(const OffsetKey& key, const protocol::RecordView& record, ProducerId producer, std::int64_t batch_offset);
  void on_group(const GroupKey& key, const protocol::RecordView& record);
  void skip(std::string what);
  LoadedGroups::Entry& entry(std::string_view group);

  const std::int32_t partition_;
  LoadedGroups loaded_;
  std::unordered_map<ProducerId, PendingOffsets> pending_;
  std::set<std::string> skipped_;  ///< Kinds already said.
  std::size_t records_ = 0;
};

}  // namespace moldau::server
