// The command line of `moldau`: which command, and what to load.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/load.h"

namespace moldau::server {

enum class Command { serve, check, takeover, snapshot, dump_log, help, version };

struct CommandLine {
  Command command = Command::serve;
  config::LoadRequest load;
  std::vector<std::string> tool_words;  ///< dump_log, snapshot: its arguments, which the tool parses itself.
  bool json = false;  ///< check: print as JSON.
  bool all = false;   ///< check: every key, not only those that were set.
  bool dry_run = false;                                ///< takeover: show what it would do.
  bool keep_leader_epochs = false;                     ///< takeover: lead in the highest epochs seen, not above them.
  std::optional<std::filesystem::path> back;           ///< takeover: where to write what Kafka's ZooKeeper must know.
  std::optional<std::filesystem::path> topic_configs;  ///< takeover: a file with topic overrides.
};

/// Parses the words behind the program's name. The text is what is wrong with them.
std::variant<CommandLine, std::string> parse_command_line(const std::vector<std::string>& words);
/// What `moldau --help` prints.
std::string help_text();

}  // namespace moldau::server
