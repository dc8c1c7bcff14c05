// `moldau snapshot`: a consistent copy of a broker's log directories, made beside the running broker or of a stopped one.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "server/snapshot/broker_client.h"
#include "server/snapshot/snapshot_target.h"

namespace moldau::server {

struct SnapshotRequest {
  std::vector<std::string> log_dirs;
  std::string to;
  bool copy = false;                 ///< Links nothing.
  bool checksums = false;            ///< Of linked files too.
  std::int64_t producer_id_expiration_ms = 86'400'000;
  SnapshotBroker* broker = nullptr;  ///< For a directory that is in use; null: there is no way to ask it.
  SnapshotProgress progress;
  std::function<bool()> stop_asked;
};

struct SnapshotReport {
  bool running = false;  ///< Of a running broker.
  bool clean = true;     ///< False: of a broker that had not been stopped cleanly.
  SnapshotTotals totals;
  std::vector<ManifestDirectory> directories;
  std::vector<std::string> notes;
};

struct SnapshotSeams {
  storage::Disk& disk;
  Clock& clock;
};

/// After an error nothing of the snapshot is left. Errors have one line that says why not, and what to do.
Result<SnapshotReport> make_snapshot(const SnapshotRequest& request, const SnapshotSeams& seams);

/// The command. Returns the exit code: 0; 1 for a snapshot that was not made or is not whole; 2 for wrong arguments; 128 and the signal.
int run_snapshot(const std::vector<std::string>& words, std::FILE* out, std::FILE* err);

}  // namespace moldau::server
