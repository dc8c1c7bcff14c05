// SegmentReader: walks the batches of a .log file and ends where Apache Kafka's FileLogInputStream ends: quietly before what is too short, with an error at
// what cannot be a batch.
#pragma once

#include <optional>
#include <string>

#include "protocol/records/any_batch.h"
#include "server/tools/input_file.h"
#include "storage/log/batch_scanner.h"

namespace moldau::server::tools {

class SegmentReader {
 public:
  /// Walks [position, end) of the file.
  SegmentReader(const InputFile& input, std::uint64_t position, std::uint64_t end, storage::BatchScanner::Mode mode)
      : input_(input), end_(end), scanner_(*input.file, position, end, mode) {}

  /// A batch is valid until the next call. Errors: CORRUPT_MESSAGE for a size or magic that cannot be, KAFKA_STORAGE_ERROR.
  Result<std::optional<protocol::AnyBatch>> next();
  /// Where the batch returned last begins.
  [[nodiscard]] std::uint64_t position() const noexcept { return scanner_.position(); }
  /// The end of all batches returned.
  [[nodiscard]] std::uint64_t next_position() const noexcept { return scanner_.next_position(); }

 private:
  const InputFile& input_;
  const std::uint64_t end_;
  storage::BatchScanner scanner_;
};

}  // namespace moldau::server::tools
