// The arguments of `moldau snapshot`.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/load.h"

namespace moldau::server {

struct SnapshotOptions {
  config::LoadRequest load;           ///< Whose log directories.
  std::string to;                     ///< Where the snapshot goes.
  std::optional<std::string> verify;  ///< A snapshot to check instead.
  std::optional<std::string> server;  ///< HTTP address of the running broker, host:port.
  bool copy = false;                  ///< No hard links.
  bool checksums = false;             ///< Of linked files too.
  bool quiet = false;                 ///< No progress.
  bool help = false;
};

/// The text is what is wrong with the words.
std::variant<SnapshotOptions, std::string> parse_snapshot_options(const std::vector<std::string>& words);
std::string snapshot_help();

}  // namespace moldau::server
