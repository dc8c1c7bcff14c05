// The manifest of a snapshot: which files belong to it. Written last, so that a snapshot without one is none.
//
//   moldau-snapshot 1
//   created <ISO 8601 time, UTC>
//   state <clean|unclean>                          unclean: of a directory whose broker had not been stopped cleanly; the next start recovers it
//   directory <name> <source>                      one line a log directory, in the order of log.dirs
//   partition <topic> <partition> <start> <end>    one line a partition of a running broker: its offsets [start, end)
//   file <linked|copied> <bytes> <crc32c|-> <path> one line a file, by path; `-`: only its size was noted
//   end <number of lines above> <crc32c of them>
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"

namespace moldau::server {

inline constexpr const char* kManifestFile = "manifest";
inline constexpr std::string_view kManifestHead = "moldau-snapshot 1";

struct ManifestFile {
  std::string path;  ///< below the snapshot's directory
  std::uint64_t bytes = 0;
  std::optional<std::uint32_t> crc;
  bool linked = false;
};

struct ManifestDirectory {
  std::string name;    ///< below the snapshot's directory
  std::string source;  ///< entry of log.dirs
};

struct ManifestPartition {
  TopicPartition partition;
  Offset start{0};
  Offset end{0};
};

struct Manifest {
  std::int64_t created_ms = 0;
  bool clean = true;
  std::vector<ManifestDirectory> directories;
  std::vector<ManifestPartition> partitions;
  std::vector<ManifestFile> files;
};

std::string format_manifest(const Manifest& manifest);
/// Errors: CORRUPT_MESSAGE with the line.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace moldau::server
