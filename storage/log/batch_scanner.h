// BatchScanner: walks the batches of a log file in order (Kafka's FileLogInputStream).
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/error.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/compression/scratch_buffer.h"
#include "storage/io/file.h"

namespace moldau::storage {

/// Not thread-safe. A batch that was returned is valid until the next call.
class BatchScanner {
 public:
  enum class Mode {
    headers,  ///< batches may be cut after 61 bytes: for offsets, timestamps, sizes
    whole,    ///< all bytes are there
  };

  /// Walks [position, end) of the file. With ColdRead::refuse next() gives needs_disk() where it would have to wait.
  BatchScanner(const File& file, std::uint64_t position, std::uint64_t end, Mode mode, ColdRead cold = ColdRead::wait);

  /// The next batch; nothing at the end, before a batch that `end` cuts off, and at bytes that cannot be a batch. Errors: KAFKA_STORAGE_ERROR.
  Result<std::optional<protocol::AnyBatch>> next();
  /// Where the batch returned last begins.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Where the next one begins: the end of all that was good.
  [[nodiscard]] std::uint64_t next_position() const noexcept { return next_; }
  /// Why next() stopped before the end; empty at the end.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  /// Makes at least `n` bytes at `next_` available; fewer only at the end of the file.
  Result<Bytes> fill(std::size_t n);

  const File& file_;
  const std::uint64_t end_;
  const Mode mode_;
  const ColdRead cold_;
  const std::size_t chunk_;
  std::uint64_t position_ = 0;
  std::uint64_t next_;
  protocol::ScratchBuffer buffer_;
  std::uint64_t buffer_start_ = 0;
  std::string problem_;
};

}  // namespace moldau::storage
