// Copying the directories of a running Moldau broker, which goes on writing.
//
// Nothing is held up in the broker. A log's outline says what its files are at one moment; its closed segments are linked, the one that holds the high watermark is
// copied up to it, and the rest follows from that. Then the outline is asked for again: a log of which a file was renamed, cut or removed meanwhile is copied anew, with
// the high watermark of now. What holds of the result:
//   1. Each log ends at a high watermark of the time of the snapshot: every record acknowledged before it began is there.
//   2. The groups' offsets (and transactions) are complete before the high watermarks of the data are taken: no committed offset lies behind the data.
//   3. The metadata is copied last; logs that were deleted until then are taken out again. It knows every topic that is there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "server/snapshot/broker_client.h"
#include "server/snapshot/snapshot_target.h"

namespace moldau::server {

/// A log that was copied.
struct CopiedLog {
  storage::LogOutline outline;
  std::string directory;         ///< name of the log directory in the target
  Offset last_base{0};           ///< of its last segment
  std::uint64_t last_bytes = 0;  ///< and that one's size
};

struct RunningCopy {
  std::vector<CopiedLog> logs;
  std::vector<std::string> notes;
};

/// Errors also: a log directory is offline, or the broker serves others than `directories`; a log whose files never stand still.
Result<RunningCopy> copy_running(storage::Disk& disk, SnapshotTarget& target, const std::vector<ManifestDirectory>& directories, SnapshotBroker& broker);

}  // namespace moldau::server
