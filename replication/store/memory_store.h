// The metadata store without a disk: several sessions on one tree, for the simulator and for tests. Same tree, same rules as the embedded store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

class ZnodeTree;

/// A "ZooKeeper server" in memory. REQUIRES: used from one thread or one strand, on which `executor` runs.
class MemoryEnsemble {
 public:
  MemoryEnsemble(Executor executor, Clock& clock);
  ~MemoryEnsemble();
  MemoryEnsemble(const MemoryEnsemble&) = delete;
  MemoryEnsemble& operator=(const MemoryEnsemble&) = delete;

  /// A new session. It may outlive the ensemble's other sessions, not the ensemble.
  std::unique_ptr<MetadataStore> connect();
  /// Expires a session: its ephemeral nodes go, it is told `expired`, then `connected` under a new session id.
  void expire(MetadataStore& session);
  /// While disconnected, a session's operations are answered connection_loss (none of them happens) and it sees no events.
  void set_connected(MetadataStore& session, bool connected);
  /// All nodes as "path = data" lines, sorted, for traces. Ephemeral nodes are marked.
  [[nodiscard]] std::string dump() const;
  [[nodiscard]] const ZnodeTree& tree() const;

 private:
  class Session;
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace moldau::replication
