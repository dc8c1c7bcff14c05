// Settling a running broker's copy: the logs are loaded and closed once, by the code of a start and a stop, so that indexes, producer snapshots, checkpoints and the
// clean-shutdown marker are those of a clean stop at the copied offsets.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "server/snapshot/running_copy.h"

namespace moldau::server {

struct SettleOptions {
  std::int64_t producer_id_expiration_ms = 86'400'000;
  std::function<bool()> stop_asked;
};

/// `root`: of the target. Errors also: a log that does not come out as it was copied, with its path: its broker's file is damaged.
Status settle(storage::Disk& disk, const std::string& root, const std::vector<ManifestDirectory>& directories, const std::vector<CopiedLog>& logs,
              const SettleOptions& options);

}  // namespace moldau::server
