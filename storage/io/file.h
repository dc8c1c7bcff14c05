// File: one open file of a log directory, behind the Disk seam. FileSlice: a range of it that goes to a client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/base/error_code.h"

namespace moldau::storage {

/// What a read does about bytes that are not in memory: waits for the disk, or gives up with needs_disk(), so that an I/O thread can hand it to a pool.
enum class ColdRead : std::uint8_t { wait, refuse };

/// Not a failure: the same read with ColdRead::wait, on a thread that may wait, will tell. No error of Kafka's has its code.
inline Error needs_disk() { return Error(ErrorCode::none); }
inline bool is_needs_disk(const Error& error) noexcept { return error.code == ErrorCode::none; }

/// An open file. All calls are positional and may be made from any thread. Errors are KAFKA_STORAGE_ERROR with the path and errno.
class File {
 public:
  virtual ~File() = default;
  /// Writes all bytes at `position`.
  virtual Status write_at(std::uint64_t position, Bytes bytes) = 0;
  /// Reads up to out.size() bytes; returns how many (0 at the end).
  virtual Result<std::size_t> read_at(std::uint64_t position, MutableBytes out) const = 0;
  /// As read_at(), from memory only: fewer bytes when the rest is not cached, needs_disk() when none is. A file that cannot tell just reads.
  virtual Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes out) const { return read_at(position, out); }
  Result<std::size_t> read_at(std::uint64_t position, MutableBytes out, ColdRead cold) const {
    return cold == ColdRead::wait ? read_at(position, out) : read_cached_at(position, out);
  }
  virtual Result<std::uint64_t> size() const = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// fdatasync. A failure is final: the caller takes the log directory offline and never syncs again as if nothing happened.
  virtual Status sync() = 0;
  /// The descriptor for sendfile and preadv2, or -1 when the file has none (simulator).
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
};

/// A range of a file, sent to clients by sendfile. Holds the file open even when its segment is deleted meanwhile.
struct FileSlice {
  std::shared_ptr<const File> file;
  std::uint64_t position = 0;
  std::uint32_t size = 0;
  /// True when the range was written within the last seconds, so that it is surely in the page cache: no probe needed.
  bool hot = false;
};

}  // namespace moldau::storage
