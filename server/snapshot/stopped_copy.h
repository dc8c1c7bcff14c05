// Copying the directories of a stopped broker, Moldau's or Apache Kafka's: the files as they are, closed segments by hard link.
#pragma once

#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "server/snapshot/snapshot_target.h"

namespace moldau::server {

struct StoppedCopy {
  bool clean = true;               ///< All directories have the clean-shutdown marker.
  std::vector<std::string> notes;  ///< What was left out, and why; one line each.
};

/// Copies the log directories to those of the same position in `directories`. A segment is linked when another one with data follows it and no recovery will look at it:
/// whoever starts on either side writes to none of those. REQUIRES: the caller holds the directories' locks.
Result<StoppedCopy> copy_stopped(storage::Disk& disk, SnapshotTarget& target, const std::vector<ManifestDirectory>& directories);

}  // namespace moldau::server
