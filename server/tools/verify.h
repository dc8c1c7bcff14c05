// `moldau dump-log --verify DIR`: checks every file of a data directory (one of log.dirs), or of one partition's directory.
#pragma once

#include <cstdio>
#include <string>

namespace moldau::server::tools {

/// Prints a line for each thing that is broken, `<path>: [offset N, ][position N: ]<reason>`, and a summary. Returns 0 when nothing is broken, else 1.
int verify(const std::string& dir, std::FILE* out, std::FILE* err);

}  // namespace moldau::server::tools
