#include "replication/store/sqlite_znodes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <unordered_set>

namespace moldau::replication {
namespace {

constexpr int kFormat = 1;
// What the write-ahead log has of the disk from the start on, so that a full disk does not keep metadata from changing: a start writes some, and deleting topics
// makes room.
constexpr std::int64_t kReserve = std::int64_t{4} << 20;
constexpr std::int64_t kPage = 4096;
constexpr std::int64_t kLeastReserve = std::int64_t{1} << 20;  ///< on a small volume, of which it takes a sixty-fourth

void bind_text(sqlite3_stmt* s, int at, std::string_view text) { sqlite3_bind_text(s, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC); }

std::string column_text(sqlite3_stmt* s, int at) {
  const auto* p = static_cast<const char*>(sqlite3_column_blob(s, at));
  return p == nullptr ? std::string() : std::string(p, static_cast<std::size_t>(sqlite3_column_bytes(s, at)));
}

bool is_disk_full(sqlite3* db) {
  const int error = sqlite3_errcode(db) & 0xff;
  const int system = sqlite3_system_errno(db);
  return error == SQLITE_FULL || ((error == SQLITE_IOERR || error == SQLITE_CANTOPEN) && (system == ENOSPC || system == EDQUOT));
}

/// Resets a statement on every way out.
struct Reset {
  sqlite3_stmt* statement;
  ~Reset() { sqlite3_reset(statement); }
};

/// Ends a transaction that was not committed, on every way out. What fails here was already rolled back by the failed COMMIT.
struct RollBack {
  sqlite3* db;
  bool committed = false;
  ~RollBack() {
    if (!committed) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  }
};

}  // namespace

Error SqliteZnodes::failure(const char* what) const {
  if (db_ != nullptr && is_disk_full(db_))
    return Error(ErrorCode::kafka_storage_error, fmt::format("metadata store {}: the disk is full; make room on the volume of that file ({})", file_, what));
  return Error(ErrorCode::kafka_storage_error, fmt::format("metadata store {}: {}: {}", file_, what, db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_)));
}

Status SqliteZnodes::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(sql);
  return {};
}

Result<std::unique_ptr<SqliteZnodes>> SqliteZnodes::open(const std::string& file, const std::string& file_system) {
  std::unique_ptr<SqliteZnodes> self(new SqliteZnodes);
  self->file_ = file;
  if (sqlite3_open_v2(file.c_str(), &self->db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      file_system.empty() ? nullptr : file_system.c_str()) != SQLITE_OK)
    return self->failure("cannot be opened");
  sqlite3_busy_timeout(self->db_, 2000);
  // Exclusive: no shared-memory file, and a second broker on the directory is turned away.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA journal_size_limit=4194304", "PRAGMA cache_size=-1024"})
    if (auto s = self->run(sql); !s) return s.error();
  if (auto s = self->prepare(); !s) return s.error();
  if (file_system.empty()) self->reserve();
  return self;
}

void SqliteZnodes::reserve() {
  reserved_ = true;
  // The log keeps its file, and with it its blocks, from one start to the next.
  int keep = 1;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  // The database grows by whole pieces, of which a part is free for what a full disk writes back.
  int piece = static_cast<int>(kLeastReserve / 4);
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_CHUNK_SIZE, &piece);
  // Half of it may be in use when the disk fills up.
  (void)run(fmt::format("PRAGMA wal_autocheckpoint={}", allocate_reserve() / kPage / 2).c_str());
}

std::int64_t SqliteZnodes::allocate_reserve() const {
  const auto log = file_ + "-wal";
  struct statvfs volume {};
  if (::statvfs(file_.c_str(), &volume) != 0) return kReserve;
  const auto wanted = std::clamp(static_cast<std::int64_t>(volume.f_blocks) * static_cast<std::int64_t>(volume.f_frsize) / 64, kLeastReserve, kReserve);
  // No descriptor of SQLite's is touched: it locks the database, not the log. The blocks lie behind the file's end, which it alone moves.
  const int fd = ::open(log.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return wanted;
  // A file system that can't do it, or has no room left for it, leaves the store as it is: it waits for room when the disk is full.
  (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, wanted);
  ::close(fd);
  return wanted;
}

Status SqliteZnodes::prepare() {
  sqlite3_stmt* version = nullptr;
  if (sqlite3_prepare_v2(db_, "PRAGMA user_version", -1, &version, nullptr) != SQLITE_OK) return failure("cannot be read");
  const int step = sqlite3_step(version);
  const int format = step == SQLITE_ROW ? sqlite3_column_int(version, 0) : -1;
  sqlite3_finalize(version);
  if (format < 0) return failure("cannot be read");
  if (format > kFormat)
    return Error(ErrorCode::unsupported_version, fmt::format("metadata store {} was written by a newer version (format {}, this one knows {})", file_, format, kFormat));
  if (format == 0) {
    const char* schema =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE znode(path TEXT PRIMARY KEY, data BLOB, czxid INTEGER NOT NULL, mzxid INTEGER NOT NULL, pzxid INTEGER NOT NULL, ctime INTEGER NOT NULL,"
        " mtime INTEGER NOT NULL, version INTEGER NOT NULL, creates INTEGER NOT NULL, owner INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT INTO state VALUES('zxid', 0);"
        "PRAGMA user_version=1;"
        "COMMIT;";
    if (auto s = run(schema); !s) return s;
  }
  const auto make = [&](const char* sql, sqlite3_stmt** out) { return sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, out, nullptr) == SQLITE_OK; };
  if (!make("INSERT INTO znode VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT(path) DO UPDATE SET data=?2,czxid=?3,mzxid=?4,pzxid=?5,ctime=?6,mtime=?7,"
            "version=?8,creates=?9,owner=?10",
            &put_) ||
      !make("DELETE FROM znode WHERE path=?1", &erase_) || !make("UPDATE state SET value=?1 WHERE key='zxid'", &zxid_))
    return failure("has an unknown structure");
  return {};
}

SqliteZnodes::~SqliteZnodes() {
  sqlite3_finalize(put_);
  sqlite3_finalize(erase_);
  sqlite3_finalize(zxid_);
  sqlite3_close(db_);
  if (reserved_) allocate_reserve();  // closing has cut the log to nothing
}

Status SqliteZnodes::load(ZnodeTree& tree) {
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_prepare_v2(db_, "SELECT path,data,czxid,mzxid,pzxid,ctime,mtime,version,creates,owner FROM znode", -1, &rows, nullptr) != SQLITE_OK)
    return failure("cannot be read");
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
    Znode node;
    if (sqlite3_column_type(rows, 1) != SQLITE_NULL) node.data = column_text(rows, 1);
    node.czxid = sqlite3_column_int64(rows, 2);
    node.mzxid = sqlite3_column_int64(rows, 3);
    node.pzxid = sqlite3_column_int64(rows, 4);
    node.ctime = sqlite3_column_int64(rows, 5);
    node.mtime = sqlite3_column_int64(rows, 6);
    node.version = sqlite3_column_int(rows, 7);
    node.creates = sqlite3_column_int(rows, 8);
    node.owner = sqlite3_column_int64(rows, 9);
    tree.load(column_text(rows, 0), std::move(node));
  }
  sqlite3_finalize(rows);
  if (step != SQLITE_DONE) return failure("cannot be read");
  if (sqlite3_prepare_v2(db_, "SELECT value FROM state WHERE key='zxid'", -1, &rows, nullptr) != SQLITE_OK) return failure("cannot be read");
  const bool found = sqlite3_step(rows) == SQLITE_ROW;
  const auto zxid = found ? sqlite3_column_int64(rows, 0) : 0;
  sqlite3_finalize(rows);
  if (!found) return failure("has lost its zxid");
  tree.finish_load(zxid);
  return {};
}

Status SqliteZnodes::write_rows(const ZnodeTree& tree) {
  std::unordered_set<std::string_view> done;
  for (const auto& change : tree.changes()) {
    if (!done.insert(change.path).second) continue;
    const auto* node = tree.find(change.path);
    auto* statement = node == nullptr ? erase_ : put_;
    const Reset reset{statement};
    bind_text(statement, 1, change.path);
    if (node != nullptr) {
      if (node->data)
        sqlite3_bind_blob(statement, 2, node->data->empty() ? "" : node->data->data(), static_cast<int>(node->data->size()), SQLITE_STATIC);
      else
        sqlite3_bind_null(statement, 2);
      sqlite3_bind_int64(statement, 3, node->czxid);
      sqlite3_bind_int64(statement, 4, node->mzxid);
      sqlite3_bind_int64(statement, 5, node->pzxid);
      sqlite3_bind_int64(statement, 6, node->ctime);
      sqlite3_bind_int64(statement, 7, node->mtime);
      sqlite3_bind_int(statement, 8, node->version);
      sqlite3_bind_int(statement, 9, node->creates);
      sqlite3_bind_int64(statement, 10, node->owner);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) return failure("cannot be written");
  }
  const Reset reset{zxid_};
  sqlite3_bind_int64(zxid_, 1, tree.last_zxid());
  if (sqlite3_step(zxid_) != SQLITE_DONE) return failure("cannot be written");
  return {};
}

Status SqliteZnodes::back_up(const std::string& file) {
  const std::string unfinished = file + ".tmp";
  std::error_code ignored;  // A file that can't be removed is met again below.
  std::filesystem::remove(unfinished, ignored);
  sqlite3* copy = nullptr;
  const int opened = sqlite3_open_v2(unfinished.c_str(), &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  int result = opened;
  if (opened == SQLITE_OK) {
    if (auto* backup = sqlite3_backup_init(copy, "main", db_, "main"); backup != nullptr) {
      sqlite3_backup_step(backup, -1);
      result = sqlite3_backup_finish(backup);
    } else {
      result = sqlite3_errcode(copy);
    }
  }
  std::string why = result == SQLITE_OK ? "" : copy != nullptr ? sqlite3_errmsg(copy) : sqlite3_errstr(result);
  if (sqlite3_close(copy) != SQLITE_OK && why.empty()) why = "cannot be closed";
  if (why.empty()) {
    std::error_code error;
    std::filesystem::rename(unfinished, file, error);
    if (error) why = error.message();
  }
  if (why.empty()) return {};
  std::filesystem::remove(unfinished, ignored);
  return Error(ErrorCode::kafka_storage_error, fmt::format("metadata store {}: cannot be copied to {}: {}", file_, file, why));
}

Status SqliteZnodes::write(const ZnodeTree& tree) {
  bool full = false;
  auto written = write_once(tree, full);
  if (written || !full) return written;
  // What the log holds goes back into the database, mostly to places that are there, and its blocks are free for this.
  sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  return write_once(tree, full);
}

Status SqliteZnodes::write_once(const ZnodeTree& tree, bool& disk_full) {
  if (auto s = run("BEGIN IMMEDIATE"); !s) return s;
  RollBack unless_committed{db_};
  auto written = write_rows(tree);
  if (written) written = run("COMMIT");
  disk_full = !written && is_disk_full(db_);
  unless_committed.committed = static_cast<bool>(written);
  return written;
}

}  // namespace moldau::replication
