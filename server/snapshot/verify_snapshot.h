// `moldau snapshot --verify DIR`: whether a snapshot is what it was when it was made.
#pragma once

#include <cstdio>
#include <string>

#include "storage/io/disk.h"

namespace moldau::server {

/// Checks the manifest, each file's size and, where it was noted, its checksum; then every file of the logs as `moldau dump-log --verify` does. Prints a line for each
/// thing that is wrong, and a summary. Returns 0 when nothing is, else 1.
int verify_snapshot(storage::Disk& disk, const std::string& dir, std::FILE* out, std::FILE* err);

}  // namespace moldau::server
