// Producer snapshot files (Kafka 3.9 ProducerStateManager.writeSnapshot): producer state up to, not including, the offset in their name.
//
//   int16 version = 1, uint32 crc (CRC-32C of what follows), int32 count, then 46 bytes a producer:
//   int64 producer id, int16 epoch, int32 last sequence, int64 last offset, int32 offset delta, int64 timestamp,
//   int32 coordinator epoch (-1), int64 first offset of the open transaction (-1)
#pragma once

#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/producer_state/producer_state_entry.h"

namespace moldau::storage {

class Disk;

inline constexpr const char* kSnapshotSuffix = ".snapshot";

std::string encode_producer_snapshot(const std::vector<ProducerStateEntry>& entries);
/// Errors: CORRUPT_MESSAGE for an unknown version, a wrong checksum or size.
Result<std::vector<ProducerStateEntry>> decode_producer_snapshot(std::string_view bytes);

/// The snapshot files of one partition directory. Owner: the log (its append order, or loading).
class ProducerSnapshots {
 public:
  explicit ProducerSnapshots(Disk& disk) : disk_(disk) {}

  /// Offsets of the files found on listing the directory.
  void set_known(std::vector<Offset> offsets);
  [[nodiscard]] const std::vector<Offset>& known() const noexcept { return offsets_; }
  /// The newest, kNoOffset without one.
  [[nodiscard]] Offset latest() const noexcept { return offsets_.empty() ? kNoOffset : offsets_.back(); }
  [[nodiscard]] Offset oldest() const noexcept { return offsets_.empty() ? kNoOffset : offsets_.front(); }

  /// Not synced unless `sync`: a lost or torn snapshot is noticed by its checksum and rebuilt from the log.
  Status write(const std::string& dir, Offset offset, const std::string& bytes, bool sync);
  /// nullopt when it is corrupt; then the file is gone.
  Result<std::optional<std::vector<ProducerStateEntry>>> read(const std::string& dir, Offset offset);
  /// A file that is gone needs no sync.
  Status sync(const std::string& dir, Offset offset);
  Status remove(const std::string& dir, Offset offset);
  Status remove_all(const std::string& dir);
  /// Forgets those above `end` or not above `start`: they may describe records that are not in the log any more. Their files stay until
  /// remove_distrusted(), so that a new snapshot at the same offset takes the file over (a removal and a creation cost much more).
  void distrust_outside(Offset start, Offset end);
  Status remove_distrusted(const std::string& dir);
  /// Keeps those at a segment's base offset, and the newest if it is above all of these. `bases` ascending.
  Status remove_strays(const std::string& dir, const std::vector<Offset>& bases);

 private:
  [[nodiscard]] static std::string path(const std::string& dir, Offset offset);
  Disk& disk_;
  std::vector<Offset> offsets_;  ///< ascending
  std::vector<Offset> distrusted_;
};

}  // namespace moldau::storage
