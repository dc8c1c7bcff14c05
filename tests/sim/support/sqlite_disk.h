// SqliteDisk: a SQLite file system (VFS) on a Disk, so that the real embedded metadata store meets the simulator's torn pages and lost names.
//
// For one connection with locking_mode=EXCLUSIVE: locks are not kept, and the WAL needs no shared memory. Directories are synced where SQLite's own VFS for Unix
// does it: at the first sync of a new journal or WAL, and after a removal that asks for it.
#pragma once

#include <memory>
#include <string>

#include "protocol/base/clock.h"
#include "storage/io/disk.h"

namespace moldau::sim {

class SqliteDisk {
 public:
  /// Registered under `name` for its life; outlives the connections.
  SqliteDisk(std::string name, storage::Disk& disk, Clock& clock);
  ~SqliteDisk();
  SqliteDisk(const SqliteDisk&) = delete;
  SqliteDisk& operator=(const SqliteDisk&) = delete;
  [[nodiscard]] const std::string& name() const noexcept;

  struct Vfs;

 private:
  std::unique_ptr<Vfs> vfs_;
};

}  // namespace moldau::sim
