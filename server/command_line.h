// The command line of `moldau`: which command, and what to load.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "config/load.h"

namespace moldau::server {

enum class Command { serve, check, help, version };

struct CommandLine {
  Command command = Command::serve;
  config::LoadRequest load;
  bool json = false;  ///< check: print as JSON.
  bool all = false;   ///< check: every key, not only those that were set.
};

/// Parses the words behind the program's name. The text is what is wrong with them.
std::variant<CommandLine, std::string> parse_command_line(const std::vector<std::string>& words);
/// What `moldau --help` prints.
std::string help_text();

}  // namespace moldau::server
