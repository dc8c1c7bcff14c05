// LeaderEpochFileCache (Kafka 3.9): which leader epoch began at which offset (KIP-101, KIP-279, KIP-320).
//
//   leader-epoch-checkpoint   "0\n<count>\n" and a line "<epoch> <start offset>" for each, both strictly rising
//
// The memory is the truth while the log is open; the file follows (see Log). Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::storage {

struct EpochEntry {
  LeaderEpoch epoch;
  Offset start;
  friend bool operator==(const EpochEntry&, const EpochEntry&) = default;
};

class LeaderEpochFileCache {
 public:
  static constexpr const char* kFileName = "leader-epoch-checkpoint";

  /// Reads the file's text. An empty text is an empty cache. Errors: CORRUPT_MESSAGE with line number.
  static Result<std::vector<EpochEntry>> parse(std::string_view text);
  static std::string format(const std::vector<EpochEntry>& entries);

  void load(std::vector<EpochEntry> entries);
  /// True when something changed. Entries that the new one contradicts go.
  bool assign(LeaderEpoch epoch, Offset start);
  /// True when the entry would change nothing: cheap check for the hot path.
  [[nodiscard]] bool is_latest(LeaderEpoch epoch) const;
  /// Drops entries that start at `end` or later. True when something changed.
  bool truncate_from_end(Offset end);
  /// Drops entries below `start`; the one that covers it begins there now. True when something changed.
  bool truncate_from_start(Offset start);
  bool clear();

  [[nodiscard]] std::optional<EpochEntry> latest() const;
  [[nodiscard]] std::optional<EpochEntry> earliest() const;
  /// (largest epoch <= requested, start of the next one), the log end for the latest; (-1, -1) when unknown.
  [[nodiscard]] std::pair<LeaderEpoch, Offset> end_offset_for(LeaderEpoch requested, Offset log_end) const;
  [[nodiscard]] LeaderEpoch epoch_for(Offset offset) const;
  [[nodiscard]] std::vector<EpochEntry> entries() const;

  /// Changes since the file was written. take_dirty() hands out the entries to write.
  [[nodiscard]] bool dirty() const;
  std::optional<std::vector<EpochEntry>> take_dirty();
  void mark_dirty();

 private:
  mutable std::mutex mutex_;
  std::vector<EpochEntry> entries_;
  bool dirty_ = false;
};

}  // namespace moldau::storage
