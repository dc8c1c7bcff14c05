// FutureCopy: brings a partition's future log nearer to its log, piece by piece (Kafka 3.9 ReplicaAlterLogDirsThread with ReplicaAlterLogDirsTierStateMachine's
// and AbstractFetcherThread's truncation).
//
// A follower in the same process: it reads up to the log end, beyond the high watermark, and finds by leader epochs where the log was truncated behind its back.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/log/log.h"

namespace moldau::replication {

class FutureCopy {
 public:
  /// Kafka's replica.fetch.max.bytes; a batch that is larger comes whole.
  static constexpr std::int32_t kPieceBytes = 1 << 20;

  FutureCopy(std::shared_ptr<storage::Log> from, std::shared_ptr<storage::Log> to) : from_(std::move(from)), to_(std::move(to)) {}

  struct Piece {
    std::size_t bytes = 0;    ///< copied
    bool caught_up = false;   ///< Both logs ended at one offset, and begin at one, when this was looked at.
  };
  /// Copies a piece, or truncates the future log to what it has in common with the other. KAFKA_STORAGE_ERROR when a disk fails or the future log is closed,
  /// UNKNOWN_SERVER_ERROR when it does not get nearer. Reads and writes files on the caller's thread: a pool's. One call at a time. `leader_epoch` gives the
  /// partition's epoch of now.
  template <class Epoch>
  Awaitable<Result<Piece>> next(const Epoch& leader_epoch) {
    auto read = read_piece();
    if (!read) co_return read.error();
    // Asked for behind the read: nothing that was read is of a later epoch.
    const LeaderEpoch epoch = leader_epoch();
    auto taken = take(*read, epoch);
    co_return co_await std::move(taken);
  }

 private:
  struct Read {
    Offset at;
    std::size_t bytes = 0;  ///< in buffer_
    bool out_of_range = false;
  };
  Result<Read> read_piece();
  Awaitable<Result<Piece>> take(Read read, LeaderEpoch leader_epoch);
  /// Where the future log must be cut, because the other one has other records from there on, or none; nothing when it need not.
  [[nodiscard]] std::optional<Offset> divergence(Offset end) const;
  Awaitable<Result<Piece>> come_into_range(Offset at);
  /// Takes over what the other log knows beside its records. True: nothing is left to do.
  bool follow_offsets();

  const std::shared_ptr<storage::Log> from_;
  const std::shared_ptr<storage::Log> to_;
  std::vector<std::byte> buffer_;
};

}  // namespace moldau::replication
