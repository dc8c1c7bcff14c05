// The embedded metadata store of a single node: ZooKeeper's tree in memory, written ahead to SQLite (WAL, synchronous=FULL) in one log directory.
//
// One thread owns the tree and the database. It takes all operations that wait, applies them in order, commits their changes in one transaction, then delivers
// events and answers: nothing is answered before it is on the disk, and who waits shares one fsync. There is one session, that of the process; ephemeral nodes
// of an earlier one (a crash) are gone when the store opens. When the disk fails, the changes are undone and the operations answered connection_loss, as if
// ZooKeeper were lost; the next ones try again.
//
// Files: moldau-metadata.db and moldau-metadata.db-wal, plain files which Apache Kafka ignores in a log directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

/// The log directory in which the store lies, or the first one when none holds it yet. Two that hold one: an error that names both.
Result<std::string> find_embedded_store(const std::vector<std::string>& log_dirs);

/// Where the simulator's store differs from a broker's.
struct EmbeddedStoreOptions {
  Executor executor;        ///< Set: operations run there, one after the other, and no thread is made.
  std::string file_system;  ///< Name of the SQLite VFS; empty: the system's.
};

/// Opens (or makes) the store in `dir`. Blocking; the error's message says what to do (another process holds it, not a database, from a newer version).
Result<std::unique_ptr<MetadataStore>> open_embedded_store(const std::string& dir, Clock& clock, EmbeddedStoreOptions options = {});

}  // namespace moldau::replication
