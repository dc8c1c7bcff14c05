#include "tests/sim/support/sqlite_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace moldau::sim {

using storage::Disk;
using storage::File;
using storage::OpenMode;

struct SqliteDisk::Vfs {
  sqlite3_vfs methods{};
  std::string name;
  Disk* disk = nullptr;
  Clock* clock = nullptr;
};

namespace {

SqliteDisk::Vfs& self(sqlite3_vfs* vfs) { return *static_cast<SqliteDisk::Vfs*>(vfs->pAppData); }

struct OpenFile {
  std::shared_ptr<File> file;
  Disk* disk = nullptr;
  std::string directory_to_sync;  ///< Empty: its name is durable, or nobody's concern.
  std::string path;
  bool remove_at_close = false;
};

/// What SQLite allocates for a file.
struct Handle {
  sqlite3_file base;
  OpenFile* open;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->open; }

int close_file(sqlite3_file* file) {
  auto* handle = reinterpret_cast<Handle*>(file);
  if (handle->open->remove_at_close) (void)handle->open->disk->remove(handle->open->path);  // as SQLite's own: it was a temporary file
  delete handle->open;
  handle->open = nullptr;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 position) {
  auto* to = static_cast<std::byte*>(out);
  std::size_t done = 0;
  const auto wanted = static_cast<std::size_t>(size);
  while (done < wanted) {
    const auto got = opened(file).file->read_at(static_cast<std::uint64_t>(position) + done, MutableBytes(to + done, wanted - done));
    if (!got) return SQLITE_IOERR_READ;
    if (*got == 0) break;
    done += *got;
  }
  if (done == wanted) return SQLITE_OK;
  std::memset(to + done, 0, wanted - done);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 position) {
  const auto written = opened(file).file->write_at(static_cast<std::uint64_t>(position), Bytes(static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)));
  return written ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return opened(file).file->truncate(static_cast<std::uint64_t>(size)) ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* file, int) {
  auto& open = opened(file);
  if (!open.file->sync()) return SQLITE_IOERR_FSYNC;
  if (!open.directory_to_sync.empty() && !open.disk->sync_directory(std::exchange(open.directory_to_sync, {}))) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  const auto known = opened(file).file->size();
  if (!known) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(*known);
  return SQLITE_OK;
}

int lock_file(sqlite3_file*, int) { return SQLITE_OK; }
int is_reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kFileMethods = [] {
  sqlite3_io_methods m{};
  m.iVersion = 1;
  m.xClose = close_file;
  m.xRead = read_file;
  m.xWrite = write_file;
  m.xTruncate = truncate_file;
  m.xSync = sync_file;
  m.xFileSize = size_of_file;
  m.xLock = lock_file;
  m.xUnlock = lock_file;
  m.xCheckReservedLock = is_reserved;
  m.xFileControl = control_file;
  m.xSectorSize = sector_size;
  m.xDeviceCharacteristics = characteristics;
  return m;
}();

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* handle = new (file) Handle{};
  if (name == nullptr) return SQLITE_CANTOPEN;  // no temporary files are needed
  auto& disk = *self(vfs).disk;
  const bool creates = (flags & SQLITE_OPEN_CREATE) != 0;
  const auto there = disk.stat(name);
  if (!there) return SQLITE_CANTOPEN;
  const bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  auto opened_file = disk.open(name, creates && !*there ? OpenMode::create : OpenMode::write);
  if (!opened_file) return SQLITE_CANTOPEN;
  handle->open = new OpenFile{std::move(*opened_file), &disk, journal && creates && !*there ? storage::parent_path(name) : std::string(), name,
                              (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  handle->base.pMethods = &kFileMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto& disk = *self(vfs).disk;
  const auto there = disk.stat(name);
  if (!there) return SQLITE_IOERR_DELETE;
  if (!*there) return SQLITE_IOERR_DELETE_NOENT;
  if (!disk.remove(name)) return SQLITE_IOERR_DELETE;
  if (sync_directory != 0 && !disk.sync_directory(storage::parent_path(name))) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  const auto there = self(vfs).disk->stat(name);
  if (!there) return SQLITE_IOERR_ACCESS;
  *out = *there && (flags != SQLITE_ACCESS_EXISTS || (*there)->size > 0) ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int room, char* out) {
  if (std::strlen(name) + 1 > static_cast<std::size_t>(room)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 0x5a, static_cast<std::size_t>(size));
  return size;
}

int sleep_for(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time(sqlite3_vfs* vfs, double* julian_day) {
  *julian_day = 2440587.5 + static_cast<double>(self(vfs).clock->wall_ms()) / 86'400'000.0;
  return SQLITE_OK;
}

}  // namespace

SqliteDisk::SqliteDisk(std::string name, Disk& disk, Clock& clock) : vfs_(std::make_unique<Vfs>()) {
  vfs_->name = std::move(name);
  vfs_->disk = &disk;
  vfs_->clock = &clock;
  auto& m = vfs_->methods;
  m.iVersion = 1;
  m.szOsFile = sizeof(Handle);
  m.mxPathname = 512;
  m.zName = vfs_->name.c_str();
  m.pAppData = vfs_.get();
  m.xOpen = open_file;
  m.xDelete = delete_file;
  m.xAccess = access_file;
  m.xFullPathname = full_path;
  m.xRandomness = randomness;
  m.xSleep = sleep_for;
  m.xCurrentTime = current_time;
  sqlite3_vfs_register(&m, 0);
}

SqliteDisk::~SqliteDisk() { sqlite3_vfs_unregister(&vfs_->methods); }

const std::string& SqliteDisk::name() const noexcept { return vfs_->name; }

}  // namespace moldau::sim
