#include <fmt/format.h>

#include "server/tools/dump_files.h"
#include "server/tools/input_file.h"
#include "storage/producer_state/producer_snapshots.h"

namespace moldau::server::tools {

Status dump_producer_snapshot(const std::string& path, std::FILE* out, std::FILE* err) {
  const auto input = open_input(path);
  if (!input) return input.error();
  const auto bytes = read_input(*input);
  if (!bytes) return bytes.error();
  const auto entries = storage::decode_producer_snapshot(as_string(*bytes));
  if (!entries) {
    fmt::print(err, "{}\n", entries.error().message);
    return {};
  }
  for (const auto& e : *entries) {
    fmt::print(out, "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {} ", e.id.value(), e.epoch.value(),
               e.coordinator_epoch, e.current_txn_first_offset ? fmt::format("OptionalLong[{}]", e.current_txn_first_offset->value()) : "OptionalLong.empty",
               e.last_timestamp);
    if (!e.batches.empty()) {
      const auto& last = e.batches.back();
      fmt::print(out, "firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}", last.first_sequence(), last.last_sequence,
                 last.last_offset.value(), last.offset_delta, last.timestamp);
    }
    fmt::print(out, "\n");
  }
  return {};
}

}  // namespace moldau::server::tools
