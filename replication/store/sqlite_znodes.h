// SqliteZnodes: the persistence of a ZnodeTree. All file access of the embedded store is here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "replication/store/znode_tree.h"

struct sqlite3;
struct sqlite3_stmt;

namespace moldau::replication {

class SqliteZnodes {
 public:
  /// `file_system`: name of a SQLite VFS; empty: the system's.
  static Result<std::unique_ptr<SqliteZnodes>> open(const std::string& file, const std::string& file_system = {});
  ~SqliteZnodes();
  SqliteZnodes(const SqliteZnodes&) = delete;
  SqliteZnodes& operator=(const SqliteZnodes&) = delete;

  /// Fills the tree.
  Status load(ZnodeTree& tree);
  /// Writes the tree's uncommitted changes and its zxid in one durable transaction. On failure nothing of it is kept.
  Status write(const ZnodeTree& tree);
  /// Copies the database, as the last commit left it, to `file`, which it replaces when the copy is complete and durable (SQLite's online backup).
  Status back_up(const std::string& file);

 private:
  SqliteZnodes() = default;
  Status run(const char* sql);
  Status prepare();
  /// Sees to it that a full disk takes a few more transactions.
  void reserve();
  /// Gives its size.
  std::int64_t allocate_reserve() const;
  Error failure(const char* what) const;
  Status write_once(const ZnodeTree& tree, bool& disk_full);
  Status write_rows(const ZnodeTree& tree);

  std::string file_;
  bool reserved_ = false;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* erase_ = nullptr;
  sqlite3_stmt* zxid_ = nullptr;
};

}  // namespace moldau::replication
